"""eSIM profiles in a backup: all that is known of them, and their codes for whoever has the key as well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from lineaviva.keeper.delivery import moves
from lineaviva.keeper.delivery.actions import delivery_replace
from lineaviva.keeper.delivery.models import Delivery, MailKind
from lineaviva.keeper.delivery.queries import activation_code, code_label, delivery_by_code, matching_id
from lineaviva.keeper.delivery.sealing import seal
from lineaviva.kernel.activation_code import ActivationCode
from tests import factories, migrated
from tests.cli.test_keeping import Place, installed_at
from tests.conftest import NOON

pytestmark = pytest.mark.db
__all__ = ["installed_at"]
TABLES = ("delivery.delivery", "delivery.deliveryevent", "delivery.deliverymail")
CODE = ActivationCode("smdp.example.com", "K7-QX2M")


@contextmanager
def at_home(place: Place, key: str = "") -> Iterator[None]:
    """As the place's own processes work: on its database, under its key."""
    with override_settings(SECRET_KEY=key or place.key), place.inside():
        yield


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, installed_at: Callable[[Path], Place]) -> Place:
    """Anna's installation, where an eSIM profile waits for her phone."""
    place = installed_at(tmp_path_factory.mktemp("full"))
    # The first command makes the key.
    assert place.run("lines", "list", "--json").code == 0
    with at_home(place):
        line = factories.line(sim_type="esim")
        delivery = moves.begin(line, order=None, replaces=None, reason="order", now=NOON)
        moves.write(delivery, state="released", iccid="8939010000000000009", sends=1, released_at=NOON, look_at=None)
        moves.write(delivery, sealed_code=seal(str(CODE), code_label(delivery)))
        moves.note(delivery, "ordered", at=NOON, now=NOON)
        moves.note(delivery, "not_eligible", at=NOON, now=NOON, failure="8.1/4.8")
        moves.mail_write(delivery, MailKind.READY, NOON)
    return place


@pytest.fixture
def elsewhere(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Place:
    """Tables and nothing in them, on SQLite."""
    place = Place(tmp_path / "elsewhere", django_db_blocker)
    migrated.home("keeper", place.home)
    return place


@pytest.fixture(scope="module")
def archive(full: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "b.zip"
    ran = full.run("backup", str(path))
    assert ran.code == 0, ran.err
    assert "opens eSIM codes" in ran.out
    return path


def only() -> Delivery:
    return Delivery.objects.select_related("line__holder").get()


def test_whoever_has_the_backup_with_its_key_goes_on_as_before(full: Place, archive: Path, elsewhere: Place) -> None:
    assert elsewhere.run("restore", str(archive)).code == 0

    rows = full.rows()
    assert [len(rows[table]) for table in TABLES] == [1, 2, 1]
    assert [elsewhere.rows()[table] for table in TABLES] == [rows[table] for table in TABLES]
    assert elsewhere.key == full.key
    with at_home(full):
        secret = matching_id(only())
    with at_home(elsewhere):
        assert (activation_code(only()), matching_id(only()), len(secret)) == (CODE, secret, 23)
        code = delivery_by_code(only().code).code
    ran = elsewhere.run("esim", "show", code, "--json")
    assert ran.code == 0, ran.err
    shown: Any = ran.json
    assert shown["state"] == "released"
    assert CODE.matching_id not in ran.out


def test_under_another_key_the_codes_are_void_and_all_else_goes_on(
    full: Place, archive: Path, elsewhere: Place
) -> None:
    another = "the key of the other installation, long enough"
    ran = elsewhere.run("restore", str(archive), LINEAVIVA_SECRET_KEY=another)

    assert ran.code == 0, ran.err
    assert "eSIM codes cannot be shown; their pages offer new profiles." in " ".join(ran.out.split())
    assert [elsewhere.rows()[table] for table in TABLES] == [full.rows()[table] for table in TABLES]
    with at_home(elsewhere, another):
        old = only()
        assert (activation_code(old), matching_id(old), old.state) == (None, "", "released")
        made = delivery_replace(delivery=old, reason="replacement", by=old.line.holder, now=NOON)
        old.refresh_from_db()
        assert (old.state, made.state, len(matching_id(made))) == ("withdrawing", "waiting", 23)
