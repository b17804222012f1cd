"""The installation's vault: one key for all its processes, from the settings or from a file made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from lineaviva.carrier.smdp import sealing
from lineaviva.carrier.smdp.crypto import Vault, VaultError


@pytest.fixture(autouse=True)
def home(settings: Any, tmp_path: Path) -> Iterator[Path]:
    settings.HOME, settings.SMDP_KEY = tmp_path / "home", ""
    forget()
    yield settings.HOME
    forget()


def forget() -> None:
    """As in a process that has just started."""
    sealing.vault.cache_clear()
    sealing.session_key.cache_clear()


def test_the_key_is_made_once_and_only_its_owner_reads_it(home: Path) -> None:
    sealed = sealing.vault().seal(b"Ki", sealing.label("keys", "1"))
    assert sealing.label("keys", "1") == b"keys:1"
    session_key = sealing.session_key()
    forget()
    assert sealing.vault().open(sealed, b"keys:1") == b"Ki"
    assert sealing.session_key() == session_key
    assert [path.name for path in home.iterdir()] == ["smdp.key"]
    assert (home / "smdp.key").stat().st_mode & 0o777 == 0o600
    assert len((home / "smdp.key").read_text()) == 64


def test_a_key_from_the_settings_is_the_one(settings: Any, home: Path) -> None:
    settings.SMDP_KEY = "k" * 32
    sealed = sealing.vault().seal(b"Ki", b"a")
    assert Vault(b"k" * 32).open(sealed, b"a") == b"Ki"
    assert not home.exists()
    settings.SMDP_KEY = "l" * 32
    forget()
    with pytest.raises(VaultError):
        sealing.vault().open(sealed, b"a")


def test_a_short_key_is_told(settings: Any) -> None:
    settings.SMDP_KEY = "k" * 31
    with pytest.raises(ImproperlyConfigured, match="LINEAVIVA_SMDP_KEY must have at least 32 characters"):
        sealing.vault()
