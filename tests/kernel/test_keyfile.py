"""One key an installation, whoever asks first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from stat import S_IMODE
from threading import Barrier

from lineaviva.kernel.keyfile import key_kept

MANY = 8


def test_it_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "our.key"
    made = key_kept(path)
    assert (len(made), key_kept(path), S_IMODE(path.stat().st_mode)) == (64, made, 0o600)
    assert key_kept(tmp_path / "another.key") != made


def test_one_that_is_there_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "our.key"
    path.write_text("from somewhere else\n")
    assert key_kept(path) == "from somewhere else"


def test_many_at_once_end_with_the_same_and_leave_nothing_behind(tmp_path: Path) -> None:
    path, together = tmp_path / "our.key", Barrier(MANY)

    def ask(_: int) -> str:
        together.wait()
        return key_kept(path)

    with ThreadPoolExecutor(MANY) as pool:
        assert len(set(pool.map(ask, range(MANY)))) == 1
    assert list(tmp_path.iterdir()) == [path]
