"""The driver's own transactions: whole or nothing, errors of Django's, and Django's where an operator is told."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction

from lineaviva.carrier.smdp import fast
from lineaviva.carrier.smdp.models import Profile
from tests.carrier.smdp.stock import ICCIDS

pytestmark = pytest.mark.django_db(transaction=True)
TYPE = "UPDATE carrier_smdp_profile SET profile_type = %s WHERE iccid = %s"


def types() -> list[str]:
    """As another connection sees them: what is not committed is not there."""
    seen: list[str] = []

    def look() -> None:
        found = Profile.objects.filter(iccid__in=ICCIDS[:2]).order_by("iccid")
        seen.extend(found.values_list("profile_type", flat=True))
        connections.close_all()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return seen


def test_what_is_written_is_there_at_the_end_and_not_before(smdp: None) -> None:
    with fast.whole():
        assert fast.run(TYPE, ("a", ICCIDS[0])).rowcount == 1
        assert fast.run(TYPE, ("b", ICCIDS[1])).rowcount == 1
        assert types() == ["plan", "plan"]
    assert types() == ["a", "b"]


@pytest.mark.parametrize("last", [False, True])
def test_an_exception_takes_back_what_the_last_statement_has_not_ended(smdp: None, last: bool) -> None:
    def broken() -> None:
        with fast.whole():
            fast.run(TYPE, ("a", ICCIDS[0]))
            fast.run(TYPE, ("b", ICCIDS[1]), last=last)
            raise fast.Undo

    with pytest.raises(fast.Undo):
        broken()
    # Where a server is asked, the last statement is the end; a database in a file is asked once more for nothing.
    assert types() == (["a", "b"] if last and connection.vendor == "postgresql" else ["plan", "plan"])
    fast.run(TYPE, ("c", ICCIDS[0]))
    assert types()[0] == "c"


def test_after_the_last_statement_each_stands_alone(smdp: None) -> None:
    with fast.whole():
        fast.run(TYPE, ("a", ICCIDS[0]), last=True)
        fast.run(TYPE, ("b", ICCIDS[1]))
    assert types() == ["a", "b"]


def test_several_in_one_tell_each_how_many_rows_they_changed(smdp: None) -> None:
    one, none = (TYPE, ("a", ICCIDS[0])), (TYPE, ("a", "0"))
    with fast.whole():
        assert fast.changed(one, none) == [1, 0]
        assert fast.changed(none, one, one) == [0, 1, 1]
    assert fast.changed(one) == [1]
    assert types() == ["a", "plan"]


def test_errors_are_those_of_django_and_leave_nothing(smdp: None) -> None:
    def broken() -> None:
        with fast.whole():
            fast.run(TYPE, ("a", ICCIDS[0]))
            fast.run("UPDATE carrier_smdp_profile SET iccid = %s WHERE iccid = %s", (ICCIDS[0], ICCIDS[1]))

    with pytest.raises(IntegrityError):
        broken()
    assert types() == ["plan", "plan"]
    with pytest.raises(DatabaseError):
        fast.run("SELECT nothing FROM nowhere")
    with fast.whole():
        fast.run(TYPE, ("a", ICCIDS[0]))
    assert types() == ["a", "plan"]


def test_within_djangos_transaction_it_is_part_of_it(smdp: None) -> None:
    def broken() -> None:
        with transaction.atomic():
            with fast.whole():
                fast.run(TYPE, ("a", ICCIDS[0]), last=True)
            raise fast.Undo

    with pytest.raises(fast.Undo):
        broken()
    assert types() == ["plan", "plan"]


def test_where_an_operator_is_told_it_is_djangos(smdp: None, settings: Any) -> None:
    settings.SMDP_OPERATOR_URLS = {"tim": "https://tim.test"}
    with fast.whole():
        assert connection.in_atomic_block
    settings.SMDP_OPERATOR_URLS = {}
    with fast.whole():
        assert not connection.in_atomic_block


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=1))])
def test_an_instant_is_kept_as_django_keeps_it(smdp: None, zone: timezone) -> None:
    for moment in (
        datetime(2026, 11, 22, 12, 0, 5, tzinfo=zone),
        datetime(2026, 11, 22, 0, 30, 0, 123456, tzinfo=zone),
    ):
        fast.run("UPDATE carrier_smdp_profile SET changed_at = %s WHERE iccid = %s", (fast.at(moment), ICCIDS[0]))
        assert Profile.objects.get(iccid=ICCIDS[0]).changed_at == moment
        assert fast.at(moment) == connection.ops.adapt_datetimefield_value(moment)
