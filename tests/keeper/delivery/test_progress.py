"""What the operator's server tells: late, twice, in any order, or never, and what the holder says instead."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from lineaviva.keeper.accounts.models import AuditEntry, User
from lineaviva.keeper.delivery.actions import delivery_say_installed, progress_record
from lineaviva.keeper.delivery.models import Delivery, DeliveryEvent
from lineaviva.keeper.delivery.queries import activation_code
from lineaviva.keeper.delivery.rules import Point
from lineaviva.keeper.lines.models import Line, LineEvent
from lineaviva.kernel.errors import Conflict, NotAllowed
from tests import factories
from tests.keeper.delivery.conftest import EID, OTHER_EID, Way, again, kinds, mails, states


def facts(delivery: Delivery) -> dict[str, Any]:
    """All of the row but the agenda's own columns."""
    row = Delivery.objects.filter(pk=delivery.pk).values().get()
    return {name: value for name, value in row.items() if name not in ("wakes", "look_at")}


# --- order and repetition -----------------------------------------------------------------------------------------

REPORTS = (Point.ELIGIBILITY, Point.DOWNLOAD, Point.INSTALLATION, Point.ENABLED)


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=lambda order: "".join(map(str, order)))
def test_in_whatever_order_reports_come_they_end_the_same(way: Way, order: tuple[int, ...]) -> None:
    delivery = way.released()
    told = [way.now + timedelta(seconds=second) for second in range(4)]
    way.clock.advance(timedelta(minutes=5))
    for index in (*order, *order):
        way.tell(delivery, REPORTS[index], eid=EID, at=told[index])
        way.look()
    found = again(delivery)
    assert (found.state, found.phone, found.eid, found.look_at) == ("installed", "enabled", EID, None)
    assert (found.downloaded_at, found.enabled_at) == (told[1], told[3])
    assert found.installed_at == told[min((2, 3), key=order.index)]
    assert sorted(kinds(found)) == ["downloaded", "eligible", "enabled", "installed", "ordered", "released"]
    assert (found.line.iccid, found.line.eid) == (found.iccid, EID)
    assert LineEvent.objects.filter(line=found.line, kind="sim_change").count() == 1
    assert delivery.order is not None
    assert states(delivery.order) == ("active", "succeeded", "installed")
    assert len(way.server.sold) == 1


def test_the_same_report_again_changes_nothing(way: Way) -> None:
    delivery = way.released()
    at = way.now
    way.tell(delivery, Point.INSTALLATION, eid=EID, at=at)
    way.look()
    before = (facts(delivery), kinds(delivery))
    way.clock.advance(timedelta(hours=1))
    assert way.tell(delivery, Point.INSTALLATION, eid=EID, at=at) == delivery
    way.look()
    assert (facts(delivery), kinds(delivery)) == before


def test_a_phone_that_fails_and_then_installs_has_installed(way: Way) -> None:
    delivery = way.released()
    way.tell(delivery, Point.INSTALLATION, ok=False, failure="8.2.10/4.2")
    found = again(delivery)
    assert (found.state, found.failure, found.closed_at, activation_code(found)) == (
        "failed", "8.2.10/4.2", way.now, None,
    )  # fmt: skip
    way.clock.advance(timedelta(seconds=1))
    way.tell(delivery, Point.INSTALLATION)
    assert (again(delivery).state, again(delivery).failure) == ("installed", "")
    way.clock.advance(timedelta(seconds=1))
    way.tell(delivery, Point.INSTALLATION, ok=False, failure="8.2.10/4.2")
    assert (again(delivery).state, again(delivery).failure) == ("installed", "")


@pytest.mark.parametrize(
    ("point", "failure", "state"),
    [
        (Point.ELIGIBILITY, "8.1/4.8", "released"),
        (Point.ELIGIBILITY, "8.2.5/4.3", "released"),
        (Point.ELIGIBILITY, "8.8.5/6.4", "failed"),
        (Point.ELIGIBILITY, "8.8.5/4.10", "expired"),
        (Point.CONFIRMATION, "8.2.7/3.8", "released"),
        (Point.CONFIRMATION, "8.2.7/6.4", "failed"),
        (Point.DOWNLOAD, "8.8.5/3.8", "failed"),
        (Point.INSTALLATION, "", "failed"),
    ],
)
def test_what_a_phone_was_refused_is_kept_with_its_reason(way: Way, point: Point, failure: str, state: str) -> None:
    delivery = way.released(kind="topup")
    way.tell(delivery, point, ok=False, failure=failure, eid=OTHER_EID)
    way.look()
    found = again(delivery)
    assert (found.state, found.failure, found.eid) == (state, failure or "failed", "")
    assert (activation_code(found) is None, found.look_at is None) == (state != "released", state != "released")
    detail = {"failure": failure} if failure else {}
    assert DeliveryEvent.objects.order_by("-pk").values_list("detail", flat=True)[0] == detail


def test_a_phone_that_takes_it_after_all_forgets_why_another_was_refused(way: Way) -> None:
    delivery = way.released()
    way.tell(delivery, Point.ELIGIBILITY, ok=False, failure="8.1/4.8")
    way.tell(delivery, Point.DOWNLOAD, eid=EID)
    assert (again(delivery).state, again(delivery).failure) == ("downloaded", "")


def test_switched_on_and_off_in_the_order_of_the_phones_clock(way: Way) -> None:
    delivery = way.installed()
    start = way.now
    way.clock.advance(timedelta(hours=1))
    way.tell(delivery, Point.ENABLED, at=start + timedelta(minutes=1))
    way.tell(delivery, Point.ENABLED, at=start + timedelta(minutes=9))
    way.tell(delivery, Point.DISABLED, at=start + timedelta(minutes=5))
    found = again(delivery)
    assert (found.phone, found.phone_at) == ("enabled", start + timedelta(minutes=9))
    assert found.enabled_at == start + timedelta(minutes=1)
    way.tell(delivery, Point.DELETED, at=start + timedelta(minutes=20))
    assert (again(delivery).phone, again(delivery).state) == ("deleted", "installed")


def test_a_phone_that_did_not_switch_on_tells_nothing(way: Way) -> None:
    delivery = way.installed()
    before = (facts(delivery), kinds(delivery))
    way.tell(delivery, Point.ENABLED, ok=False, failure="8/4.2")
    assert (facts(delivery), kinds(delivery)) == before


def test_what_is_withdrawn_stays_so_and_the_report_is_kept(way: Way) -> None:
    from lineaviva.keeper.delivery.actions import delivery_replace

    old = way.installed()
    delivery_replace(delivery=old, reason="replacement", by=old.line.holder, now=way.now)
    way.look()
    way.clock.advance(timedelta(hours=1))
    way.tell(old, Point.DELETED)
    assert (again(old).state, again(old).phone, kinds(old)[-1]) == ("withdrawn", "deleted", "deleted")


@pytest.mark.parametrize(
    "change",
    [{"operator": "vodafone"}, {"iccid": "8939010000000000999"}, {"iccid": ""}, {"iccid": "F"}],
    ids=["another operator", "another profile", "none", "only filler"],
)
def test_what_is_not_ours_is_not_known(way: Way, change: dict[str, Any]) -> None:
    delivery = way.released()
    before = facts(delivery)
    assert way.tell(delivery, Point.INSTALLATION, **change) is None
    assert (facts(delivery), kinds(delivery)) == (before, ["ordered", "released"])


def test_an_iccid_may_come_with_its_filler(way: Way) -> None:
    delivery = way.released()
    told = progress_record(
        operator="tim", iccid=f"{delivery.iccid}F", point=Point.DOWNLOAD, ok=True, at=way.now, now=way.now
    )
    assert told == delivery
    assert again(delivery).state == "downloaded"


def test_a_profile_that_was_put_back_into_stock_belongs_to_whoever_has_it_now(way: Way) -> None:
    first = way.released(kind="topup")
    second = way.released(kind="topup")
    Delivery.objects.filter(pk=second.pk).update(iccid=first.iccid)
    told = way.tell(first, Point.INSTALLATION)
    assert told == second
    assert (again(first).state, again(second).state) == ("released", "installed")


@pytest.mark.parametrize("late", [timedelta(days=-400), timedelta(days=400)], ids=["behind", "ahead"])
def test_a_server_with_a_wrong_clock_moves_no_dates(way: Way, late: timedelta) -> None:
    delivery = way.released()
    way.clock.advance(timedelta(hours=1))
    way.tell(delivery, Point.INSTALLATION, at=way.now + late)
    expected = delivery.created_at if late < timedelta(0) else way.now
    assert again(delivery).installed_at == expected
    # What it said is kept as it said it.
    assert DeliveryEvent.objects.get(kind="installed").at == way.now + late


def test_an_eid_that_is_told_late_reaches_the_line(way: Way) -> None:
    delivery = way.installed(eid="")
    assert (delivery.eid, delivery.line.eid) == ("", "")
    way.clock.advance(timedelta(seconds=5))
    way.tell(delivery, Point.ENABLED, eid=EID)
    assert (again(delivery).eid, again(delivery).line.eid) == (EID, EID)
    assert LineEvent.objects.filter(line=delivery.line, kind="sim_change").count() == 1


def test_the_eid_that_its_holder_told_stays_where_no_phone_tells_one(way: Way) -> None:
    delivery = way.installed(eid="", line=way.esim(eid=EID))
    assert (delivery.eid, delivery.line.eid) == ("", EID)


# --- what its holder says -----------------------------------------------------------------------------------------


def people(way: Way, line: Line) -> dict[str, User | None]:
    from lineaviva.keeper.lines.actions import line_share

    line_share(line=line, with_email="bo@example.org", right="pay", by=line.holder, now=way.now)
    return {
        "anna": line.holder,
        "bo": factories.holder("bo@example.org"),
        "chen": factories.clerk(),
        "dora": factories.holder("dora@example.org", role="operations"),
        "eve": factories.holder("eve@example.org"),
        "the owner": None,
    }


@pytest.mark.parametrize(
    ("who", "audited"), [("anna", []), ("chen", ["delivery_say_installed"]), ("the owner", ["delivery_say_installed"])]
)
def test_the_holders_word_counts_as_the_phones(way: Way, who: str, audited: list[str]) -> None:
    delivery = way.released()
    by = people(way, delivery.line)[who]
    said = delivery_say_installed(delivery=delivery, by=by, now=way.now)
    assert (said.state, said.installed_at) == ("installed", way.now)
    way.look()
    assert delivery.order is not None
    assert states(delivery.order) == ("active", "succeeded", "installed")
    assert kinds(delivery) == ["ordered", "released", "holder_says"]
    assert [entry.act for entry in AuditEntry.objects.filter(subject=f"delivery:{delivery.code}")] == audited
    # Said twice, and told by the phone after all.
    way.clock.advance(timedelta(minutes=1))
    delivery_say_installed(delivery=delivery, by=by, now=way.now)
    way.tell(delivery, Point.INSTALLATION, eid=EID)
    found = again(delivery)
    assert (found.installed_at, found.eid, found.line.eid) == (way.now - timedelta(minutes=1), EID, EID)
    assert kinds(delivery) == ["ordered", "released", "holder_says", "installed"]


@pytest.mark.parametrize("who", ["bo", "eve"])
def test_nobody_else_says_so(way: Way, who: str) -> None:
    delivery = way.released()
    before = facts(delivery)
    with pytest.raises(NotAllowed, match="line's holder") as refusal:
        delivery_say_installed(delivery=delivery, by=people(way, delivery.line)[who], now=way.now)
    assert (refusal.value.code, facts(delivery), kinds(delivery)) == (
        "delivery_not_yours", before, ["ordered", "released"],
    )  # fmt: skip
    assert not AuditEntry.objects.filter(act="delivery_say_installed").exists()


@pytest.mark.parametrize("state", ["waiting", "ordered", "refused", "withdrawing", "withdrawn"])
def test_there_must_be_something_to_install(way: Way, state: str) -> None:
    delivery = way.released(kind="topup")
    Delivery.objects.filter(pk=delivery.pk).update(state=state)
    before = facts(delivery)
    with pytest.raises(Conflict) as refusal:
        delivery_say_installed(delivery=delivery, by=delivery.line.holder, now=way.now)
    assert (refusal.value.code, facts(delivery)) == ("delivery_not_ready", before)
    assert kinds(delivery) == ["ordered", "released"]


def test_nothing_more_is_sent_about_what_is_installed(way: Way) -> None:
    delivery = way.installed(kind="topup")
    way.after(days=100)
    assert mails(delivery) == [("ready", "sent")]


@pytest.mark.parametrize(
    ("iccid", "eid"),
    [("8939010000000000001", EID), ("8939010000000000009", "89049032123451234512345678901236")],
    ids=["an ICCID whose last digit does not fit", "an EID whose check digits do not fit"],
)
def test_a_number_that_cannot_be_one_does_not_lock_the_line(way: Way, iccid: str, eid: str) -> None:
    from lineaviva.keeper.lines.actions import line_change

    delivery = way.released(kind="topup")
    Delivery.objects.filter(pk=delivery.pk).update(iccid=iccid)
    way.tell(again(delivery), Point.INSTALLATION, eid=eid)
    found = again(delivery)
    assert (found.state, found.iccid, found.eid) == ("installed", iccid, eid)
    assert sorted((found.line.iccid, found.line.eid)) == ["", iccid if eid != EID else eid]
    assert line_change(line=found.line, by=found.line.holder, label="home", now=way.now).label == "home"


def test_a_line_that_its_holder_called_a_card_is_an_esim_once_it_has_a_profile(way: Way) -> None:
    from lineaviva.keeper.lines.actions import line_change

    delivery = way.released(kind="topup")
    line_change(line=delivery.line, by=delivery.line.holder, sim_type="physical", now=way.now)
    way.tell(delivery, Point.INSTALLATION, eid=EID)
    line = again(delivery).line
    assert (line.sim_type, line.eid) == ("esim", EID)
    assert line_change(line=line, by=line.holder, label="home", now=way.now).label == "home"
