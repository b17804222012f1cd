"""Backup and restore through the command: SQLite and PostgreSQL, whole or not at all, and never a hostile archive."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connections, transaction
from django.db.utils import load_backend
from pytest_django import DjangoDbBlocker, Settings

from lineaviva.cli.backups import tables
from lineaviva.cli.keeping import app
from lineaviva.config.settings import database
from lineaviva.keeper.books.models import Posting
from lineaviva.keeper.receipts.actions import receipt_issue
from lineaviva.keeper.receipts.models import ReceiptCounter
from lineaviva.keeper.wallets.actions import movement_write
from lineaviva.keeper.wallets.models import WalletMovement
from lineaviva.kernel.errors import Conflict, InvalidInput
from lineaviva.kernel.money import Money
from tests import factories, migrated
from tests.cli.conftest import Ran, command_env, typed
from tests.cli.in_process import run
from tests.conftest import NOON
from tests.keeper.receipts.conftest import active_order
from tests.patience import slower

pytestmark = pytest.mark.db


class Place:
    """One installation: a home, a database, the commands run there, and what is to be seen there."""

    def __init__(self, home: Path, blocker: DjangoDbBlocker, database: str = "") -> None:
        home.mkdir(exist_ok=True)
        self.home, self._blocker, self._database = home, blocker, database
        self.env = {**command_env(home), "LINEAVIVA_DATABASE_URL": database}

    def run(self, *words: str, **env: str) -> Ran:
        return typed(*words, env={**self.env, **env})

    @contextmanager
    def inside(self) -> Iterator[None]:
        """This thread works on the place's database instead of the test's own."""
        facts = connections.configure_settings({"default": database(self._database, self.sqlite)})["default"]
        with self._blocker.unblock():
            before = connections["default"]
            connections["default"] = load_backend(facts["ENGINE"]).DatabaseWrapper(facts, "default")
            try:
                yield
            finally:
                connections["default"].close()
                connections["default"] = before

    def rows(self) -> dict[str, list[str]]:
        """Every row that a backup of it should hold."""
        with self.inside():
            there = connections["default"].introspection.table_names()
            # This process knows the carrier's tables too.
            models = [model for model in tables.backed_up() if model._meta.db_table in there]
            return {model._meta.label_lower: [line.decode() for line in tables.lines_of(model)] for model in models}

    @property
    def sqlite(self) -> Path:
        return self.home / "lineaviva.sqlite3"

    @property
    def key(self) -> str:
        return (self.home / "secret.key").read_text()


@pytest.fixture(scope="module")
def installed_at(django_db_blocker: DjangoDbBlocker) -> Iterator[Callable[[Path], Place]]:
    """A place with its tables and nothing in them: on the PostgreSQL of this test run, on SQLite without one."""
    server = os.environ.get("LINEAVIVA_DATABASE_URL", "")
    made: list[str] = []

    def make(home: Path) -> Place:
        if not server.startswith("postgres"):
            place = Place(home, django_db_blocker)
            migrated.home("keeper", home)
            return place
        made.append(f"lineaviva_keeping_{os.getpid()}_{len(made)}")
        return Place(home, django_db_blocker, migrated.database("keeper", server, made[-1]))

    yield make
    for name in made:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, installed_at: Callable[[Path], Place]) -> Place:
    """Anna's installation with a line, a paid and activated order, its receipt."""
    place = installed_at(tmp_path_factory.mktemp("full"))
    with place.inside():
        odd = "妈妈 📱 '\"\\ \t%s"
        line = factories.line(label=odd, msisdn="+393471234567", last_topup=date(2026, 2, 28))
        order = active_order(line=line, language="zh-hans")
        receipt_issue(order=order, now=NOON + timedelta(microseconds=123456))
        factories.holder("bo@example.org")
    return place


@pytest.fixture(scope="module")
def archive(full: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "backup.zip"
    ran = full.run("backup", str(path), "--json")
    assert ran.code == 0, ran.err
    return path


@pytest.fixture
def empty(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Place:
    """A place where nothing was ever done; on SQLite."""
    return Place(tmp_path / "empty", django_db_blocker)


# --- there and back -----------------------------------------------------------------------------------------------


def test_what_a_backup_says_and_is(full: Place, tmp_path: Path) -> None:
    path = tmp_path / "b.zip"

    ran = full.run("backup", str(path), "--json")

    rows = sum(len(lines) for lines in full.rows().values())
    assert ran.json == {"file": str(path), "bytes": path.stat().st_size, "rows": rows, "secret_key": True}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]  # nothing half-written beside it
    with zipfile.ZipFile(path) as inside:
        manifest = json.loads(inside.read("manifest.json"))
        assert inside.read("secret.key").decode() == full.key
    assert (manifest["format"], manifest["version"], manifest["program"]) == ("lineaviva-backup", 1, "keeper")
    assert {"label": "receipts.receipt", "rows": 1}.items() <= next(
        table.items() for table in manifest["tables"] if table["label"] == "receipts.receipt"
    )


def test_it_is_the_same_on_another_machine(full: Place, archive: Path, empty: Place) -> None:
    """On the PostgreSQL run: from PostgreSQL to SQLite."""
    ran = empty.run("restore", str(archive), "--json")

    assert ran.code == 0, ran.err
    assert ran.json["secret_key"] is True
    assert empty.rows() == full.rows()
    assert empty.key == full.key
    assert stat.S_IMODE((empty.home / "secret.key").stat().st_mode) == 0o600


def test_and_back_again_and_life_goes_on(
    full: Place, archive: Path, empty: Place, tmp_path: Path, installed_at: Callable[[Path], Place]
) -> None:
    """On the PostgreSQL run: from SQLite to PostgreSQL, whose sequences must not give old keys again."""
    migrated.home("keeper", empty.home)
    assert empty.run("restore", str(archive)).code == 0
    second = tmp_path / "second.zip"
    assert empty.run("backup", str(second)).code == 0
    place = installed_at(tmp_path / "third")

    ran = place.run("restore", str(second))

    assert ran.code == 0, ran.err
    assert place.rows() == full.rows()
    with place.inside():
        assert receipt_issue(order=active_order(), now=NOON).full_number == "LV-2026-000002"


def test_a_backup_sees_one_instant_and_holds_up_nobody(tmp_path: Path, installed_at: Callable[[Path], Place]) -> None:
    """Somebody registers lines while it runs; what is in it fits together, and nobody had to wait long."""
    busy = installed_at(tmp_path / "busy")
    writing = threading.Event()
    done = threading.Event()
    seconds: list[float] = []

    def write() -> None:
        with busy.inside():
            while not done.is_set():
                begun = time.monotonic()
                factories.line(msisdn=f"+39348{len(seconds):07d}", label="x" * 60)
                seconds.append(time.monotonic() - begun)
                writing.set()

    writer = threading.Thread(target=write)
    writer.start()
    writing.wait()
    paths = [tmp_path / f"{n}.zip" for n in range(2)]
    codes = [busy.run("backup", str(path)).code for path in paths]
    done.set()
    writer.join()

    assert codes == [0, 0]
    assert max(seconds) < 5 * slower()
    for path in paths:
        with zipfile.ZipFile(path) as inside:
            lines = [json.loads(line) for line in inside.read("tables/lines.line.jsonl").splitlines()]
            events = [json.loads(line) for line in inside.read("tables/lines.lineevent.jsonl").splitlines()]
            column = _columns(inside, "lines.lineevent").index("line_id")
        # An event never stands there without its line, nor a line without its first event.
        key = _columns_of(path, "lines.line").index("id")
        assert {event[column] for event in events} == {line[key] for line in lines}


def _columns(inside: zipfile.ZipFile, label: str) -> list[str]:
    tables = json.loads(inside.read("manifest.json"))["tables"]
    return next(table["columns"] for table in tables if table["label"] == label)


def _columns_of(path: Path, label: str) -> list[str]:
    with zipfile.ZipFile(path) as inside:
        return _columns(inside, label)


def test_a_key_from_the_environment_is_not_copied(ours: Path, tmp_path: Path, settings: Settings) -> None:
    settings.SECRET_KEY = "what LINEAVIVA_SECRET_KEY says, and no file"

    done = run(app, "backup", str(tmp_path / "b.zip"), "--json")

    assert json.loads(done.out)["secret_key"] is False
    with zipfile.ZipFile(tmp_path / "b.zip") as inside:
        assert "secret.key" not in inside.namelist()


# --- where it may be written --------------------------------------------------------------------------------------


def test_a_file_is_not_overwritten_unasked(ours: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    path.write_text("precious")

    done = run(app, "backup", str(path))

    assert isinstance(done.error, Conflict)
    assert "--yes overwrites it" in done.error.message
    assert path.read_text() == "precious"
    assert run(app, "backup", str(path), "--yes").code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        pytest.param("src/lineaviva/keeper/web/static/web/b.zip", "would be public", id="a served folder"),
        pytest.param("src/lineaviva/keeper/web/static/../static/b.zip", "would be public", id="in disguise"),
        pytest.param("nowhere/b.zip", "cannot be written: No such file or directory.", id="no such folder"),
        pytest.param("tests", "is a folder.", id="a folder"),
    ],
)
def test_where_a_backup_is_not_written(ours: Path, name: str, sentence: str) -> None:
    done = run(app, "backup", name)

    assert isinstance(done.error, InvalidInput)
    assert sentence in done.error.message
    assert not Path(name).is_file()


# --- restoring over something -------------------------------------------------------------------------------------


def test_a_database_with_people_in_it_is_not_replaced_unasked(archive: Path, empty: Place, full: Place) -> None:
    migrated.home("keeper", empty.home)
    with empty.inside():
        factories.line(label="mine")
    (empty.home / "secret.key").write_text("my own key, long enough to be taken as one")
    before, key = empty.rows(), empty.key

    ran = empty.run("restore", str(archive))

    assert ran.code == 2
    assert "The database is not empty; --yes replaces everything in it." in ran.err
    assert (empty.rows(), empty.key) == (before, key)

    assert empty.run("restore", str(archive), "--yes").code == 0
    assert empty.rows() == full.rows()


# --- archives that are not ours -----------------------------------------------------------------------------------

Change = Callable[[dict[str, bytes]], Any]


def rebuilt(archive: Path, path: Path, change: Change, **options: Any) -> Path:
    """A copy of the archive with its entries changed."""
    with zipfile.ZipFile(archive) as inside:
        entries = {name: inside.read(name) for name in inside.namelist()}
    change(entries)
    with zipfile.ZipFile(path, "w", **{"compression": zipfile.ZIP_DEFLATED, **options}) as out:
        for name, content in entries.items():
            out.writestr(name, content)
    return path


def in_manifest(**fields: Any) -> Change:
    def change(entries: dict[str, bytes]) -> None:
        entries["manifest.json"] = json.dumps({**json.loads(entries["manifest.json"]), **fields}).encode()

    return change


def in_table(label: str, content: bytes, *, rows: int | None = None, sign: bool = True) -> Change:
    """Other lines for one table, with the manifest made to fit unless told otherwise."""

    def change(entries: dict[str, bytes]) -> None:
        entries[f"tables/{label}.jsonl"] = content
        manifest = json.loads(entries["manifest.json"])
        table = next(table for table in manifest["tables"] if table["label"] == label)
        if sign:
            table["sha256"] = hashlib.sha256(content).hexdigest()
            table["rows"] = content.count(b"\n") if rows is None else rows
        entries["manifest.json"] = json.dumps(manifest).encode()

    return change


def without(name: str) -> Change:
    return lambda entries: entries.pop(name)


def added(name: str, content: bytes = b"x") -> Change:
    return lambda entries: entries.update({name: content})


def table_twice(entries: dict[str, bytes]) -> None:
    manifest = json.loads(entries["manifest.json"])
    in_manifest(tables=[*manifest["tables"], manifest["tables"][0]])(entries)


def table_gone(entries: dict[str, bytes]) -> None:
    manifest = json.loads(entries["manifest.json"])
    gone = manifest["tables"].pop()
    del entries[f"tables/{gone['label']}.jsonl"]
    in_manifest(tables=manifest["tables"])(entries)


HOSTILE = [
    pytest.param(added("../../evil"), "it has other files than its manifest says", id="zip slip"),
    pytest.param(added("/etc/passwd"), "it has other files than its manifest says", id="an absolute name"),
    pytest.param(added("tables/x.jsonl"), "it has other files than its manifest says", id="one more table"),
    pytest.param(without("secret.key"), "it has other files than its manifest says", id="one file less"),
    pytest.param(without("manifest.json"), "it has no manifest", id="no manifest"),
    pytest.param(added("manifest.json", b"{"), "its manifest is no JSON", id="half a manifest"),
    pytest.param(added("manifest.json", b"[" * 100_000), "its manifest is no JSON", id="a deep manifest"),
    pytest.param(added("manifest.json", b"[]"), "it was not made by lineaviva backup", id="another manifest"),
    pytest.param(in_manifest(format="tar"), "it was not made by lineaviva backup", id="another program"),
    pytest.param(in_manifest(version=2), "its format is version 2, this program reads version 1", id="a later format"),
    pytest.param(in_manifest(tables=[{}]), "its manifest is not whole", id="a table without a name"),
    pytest.param(in_manifest(migrations=7), "its manifest is not whole", id="migrations that are a number"),
    pytest.param(table_twice, "its manifest is not whole", id="a table twice"),
    pytest.param(in_manifest(program="carrier"), "it is of the program 'carrier', this is 'all'", id="the carrier's"),
    pytest.param(table_gone, "with other tables; restore it with that version", id="a table less"),
    pytest.param(in_manifest(migrations=[]), "with other migrations; restore it with that version", id="migrations"),
    pytest.param(
        in_table("accounts.user", b"", sign=False), "accounts.user has another number of rows", id="rows lost"
    ),
    pytest.param(
        in_table("accounts.user", b"[]\n" * 9, rows=1), "accounts.user has another number of rows", id="rows more"
    ),
    pytest.param(
        in_table("accounts.user", b"[0]\n[1]\n", sign=False), "accounts.user does not match its checksum", id="sum"
    ),
    pytest.param(in_table("accounts.user", b"no json\n"), "in accounts.user a line is no JSON", id="no JSON"),
    pytest.param(
        in_table("accounts.user", b"[1]\n"), "in accounts.user a line has other columns than its table", id="few"
    ),
    pytest.param(in_table("accounts.user", b'{"id":1}\n'), "in accounts.user a line has other columns", id="an object"),
    pytest.param(
        in_table("orders.productorder", b""), "the database did not take its rows (IntegrityError)", id="orphans"
    ),
    pytest.param(
        in_table("receipts.receiptcounter", b'[1,"LV","x","",1]\n'),
        "in receipts.receiptcounter a value of year is not what the column takes",
        id="a word for a number",
    ),
    pytest.param(
        in_table("receipts.receiptcounter", b'[1,"LV",2026,"",1]\n[1,"LV",2027,"",1]\n'),
        "the database did not take its rows (IntegrityError)",
        id="a key twice",
    ),
    pytest.param(
        in_table("receipts.receiptcounter", b" " * 20_000_000),
        "'tables/receipts.receiptcounter.jsonl' is far larger than it could be",
        id="a bomb",
    ),
    pytest.param(
        added("manifest.json", b" " * 5_000_000), "'manifest.json' is far larger than it could be", id="a big manifest"
    ),
]


@pytest.fixture
def ours(transactional_db: None, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The backup of this test's own database, made in this process."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "secret.key").write_text(settings.SECRET_KEY)
    settings.HOME = home
    for name in ("LINEAVIVA_SECRET_KEY", "LINEAVIVA_SECRET_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    active_order()
    movement_write(user_id=factories.anna().pk, key="k", kind="credit", amount=Money(500), now=NOON)
    ReceiptCounter.objects.create(issuer="LV", year=2026, last=7)
    done = run(app, "backup", str(tmp_path / "ours.zip"))
    assert done.code == 0, done.error
    return tmp_path / "ours.zip"


def everything() -> dict[str, list[bytes]]:
    return {model._meta.label_lower: list(tables.lines_of(model)) for model in tables.backed_up()}


@pytest.mark.parametrize(("change", "sentence"), HOSTILE)
def test_a_hostile_archive_changes_nothing(
    change: Change, sentence: str, ours: Path, tmp_path: Path, settings: Settings
) -> None:
    bad = rebuilt(ours, tmp_path / "bad.zip", change)
    key = settings.HOME / "secret.key"
    key.write_text("the key before")
    ReceiptCounter.objects.update(last=8)
    before = everything()

    done = run(app, "restore", str(bad), "--yes", "--json")

    assert isinstance(done.error, InvalidInput), done.out
    assert done.error.code == "backup_broken"
    message = done.error.message
    assert message.startswith("This backup cannot be restored: ")
    assert message.endswith(". Nothing was changed.")
    assert sentence in message
    assert everything() == before
    assert key.read_text() == "the key before"
    assert not (tmp_path.parent / "evil").exists()


def test_the_same_archive_unchanged_is_restored(ours: Path, tmp_path: Path, settings: Settings) -> None:
    before = everything()
    (settings.HOME / "secret.key").write_text("the key before")
    ReceiptCounter.objects.update(last=8)

    done = run(app, "restore", str(rebuilt(ours, tmp_path / "same.zip", lambda _: None)), "--yes")

    assert done.code == 0, done.error
    assert everything() == before
    with pytest.raises(IntegrityError, match="the books are never changed"), transaction.atomic():
        Posting.objects.update(reference="x")
    with pytest.raises(IntegrityError, match="what moved a balance is never changed"), transaction.atomic():
        WalletMovement.objects.update(reason="x")
    assert (settings.HOME / "secret.key").read_text() == settings.SECRET_KEY


def test_a_hostile_archive_is_one_sentence_at_the_command(archive: Path, tmp_path: Path, full: Place) -> None:
    bad = rebuilt(archive, tmp_path / "bad.zip", in_table("accounts.user", b"", sign=False))
    before = full.rows()

    ran = full.run("restore", str(bad), "--yes", "--json")

    assert ran.code == 2
    assert ran.json["error"]["code"] == "backup_broken"
    assert full.rows() == before


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        pytest.param(lambda whole: b"", "it is no zip archive, or it was cut short", id="nothing"),
        pytest.param(lambda whole: b"PK but no", "it is no zip archive, or it was cut short", id="not a zip"),
        pytest.param(lambda whole: whole[: len(whole) // 2], "it is no zip archive, or it was cut short", id="half"),
        pytest.param(lambda whole: _flipped(whole), "damaged", id="one bit"),
    ],
)
def test_a_broken_file_changes_nothing(
    make: Callable[[bytes], bytes], sentence: str, ours: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(make(ours.read_bytes()))

    refused(bad, sentence)


def test_a_broken_file_makes_no_tables(archive: Path, tmp_path: Path, empty: Place) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(_flipped(archive.read_bytes()))

    ran = empty.run("restore", str(bad))

    assert (ran.code, "damaged" in ran.err) == (2, True)
    with empty.inside():
        assert connections["default"].introspection.table_names() == []


def refused(bad: Path, sentence: str) -> None:
    """A file that is not restored, and leaves the database as it was."""
    before = everything()

    done = run(app, "restore", str(bad), "--yes")

    assert isinstance(done.error, InvalidInput), done.out
    assert sentence in done.error.message
    assert everything() == before


def _flipped(whole: bytes) -> bytes:
    """One bit of the first table's packed content the other way round."""
    at = whole.index(b".jsonl") + 40
    return whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :]


def test_other_ways_of_packing_are_refused(ours: Path, tmp_path: Path) -> None:
    packed = rebuilt(ours, tmp_path / "lzma.zip", lambda entries: None, compression=zipfile.ZIP_LZMA)

    refused(packed, "is packed in a way that lineaviva backup does not use")


def test_a_name_that_stands_there_twice(ours: Path, tmp_path: Path) -> None:
    double = tmp_path / "double.zip"
    double.write_bytes(ours.read_bytes())
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(double, "a") as inside:
        inside.writestr("secret.key", "mine")

    refused(double, "it has other files than its manifest says")


def test_no_such_file(empty: Place) -> None:
    ran = empty.run("restore", "nowhere.zip")

    assert (ran.code, ran.err) == (2, "Error: There is no file nowhere.zip.\n")
