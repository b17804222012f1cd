"""From a paid eSIM order to the profile on the phone and the plan on the line, by the agenda."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from lineaviva.keeper.activation.actions import activation_begin, activation_release
from lineaviva.keeper.activation.ports import Result
from lineaviva.keeper.delivery.models import Delivery, DeliveryEvent
from lineaviva.keeper.delivery.queries import activation_code, delivery_of, matching_id
from lineaviva.keeper.delivery.rules import Point
from lineaviva.keeper.lines.actions import line_change, line_remove
from lineaviva.keeper.lines.models import LineEvent
from lineaviva.keeper.payments.queries import MoneyBalance, money_balance
from lineaviva.kernel import agenda
from tests.keeper.delivery.conftest import EID, OTHER_EID, Way, activation, again, kinds, mails, states


def test_an_order_without_a_profile_goes_as_before(way: Way) -> None:
    order = way.paid(with_profile=False)
    way.look()
    assert states(order) == ("active", "succeeded", "")
    assert (dict(way.server.calls), way.server.sold) == ({}, [f"LV-{order.code}"])
    assert delivery_of(order) is None


def test_a_plan_waits_until_its_profile_is_installed(way: Way) -> None:
    order = way.paid()
    way.look()
    assert states(order) == ("paid", "held", "released")
    assert way.server.sold == []
    delivery = Delivery.objects.get(order=order)
    assert (delivery.reason, delivery.operator, delivery.gateway) == ("order", "tim", "pretend")
    assert (delivery.iccid, str(uuid.UUID(delivery.call_id))) == ("8939010000000000009", delivery.call_id)
    assert (delivery.ordered_at, delivery.released_at, delivery.sends) == (way.now, way.now, 1)
    code = activation_code(delivery)
    assert code is not None
    assert str(code) == f"LPA:1$smdp.example.com${matching_id(delivery)}"
    assert (kinds(delivery), mails(delivery)) == (["ordered", "released"], [("ready", "sent")])

    way.clock.advance(timedelta(minutes=10))
    way.tell(delivery, Point.ELIGIBILITY, eid=EID)
    way.tell(delivery, Point.DOWNLOAD, eid=EID)
    way.look()
    assert states(order) == ("paid", "held", "downloaded")
    way.tell(delivery, Point.INSTALLATION, eid=EID)
    assert activation(order).look_at == way.now
    way.look()
    assert states(order) == ("active", "succeeded", "installed")
    way.tell(delivery, Point.ENABLED, eid=EID)

    delivery = again(delivery)
    assert (delivery.phone, delivery.eid, delivery.look_at, delivery.failure) == ("enabled", EID, None, "")
    assert delivery.downloaded_at == delivery.installed_at == delivery.enabled_at == way.now
    assert (delivery.line.iccid, delivery.line.eid) == (delivery.iccid, EID)
    assert kinds(delivery) == ["ordered", "released", "eligible", "downloaded", "installed", "enabled"]
    assert activation_code(delivery) is None
    change = LineEvent.objects.get(line=delivery.line, kind="sim_change")
    assert (change.reference, change.on, change.extends) == (f"delivery:{delivery.code}", date(2026, 11, 22), None)
    assert dict(way.server.calls) == {"order": 1, "release": 1}
    assert way.server.sold == [f"LV-{order.code}"]
    assert (delivery.line.plan, delivery.line.plan_expires_on) == ("10 GB", date(2026, 12, 22))
    assert money_balance() == MoneyBalance(collected=999, refunded=0, delivered=999, held=0)


def test_its_holder_gets_one_message_with_the_way_to_install_it(way: Way) -> None:
    way.released()
    assert [message.to for message in mail.outbox] == [["anna@example.org"]]
    assert "/e/" in str(mail.outbox[0].body)


def test_credit_never_waits_for_a_phone_and_changes_no_plan(way: Way) -> None:
    order = way.paid(kind="topup", line=way.esim(plan="20 GB", plan_expires_on=date(2026, 12, 1)))
    way.look()
    assert states(order) == ("active", "succeeded", "released")
    order.line.refresh_from_db()
    assert (order.line.plan, order.line.plan_expires_on) == ("20 GB", date(2026, 12, 1))


def test_a_plan_without_a_report_goes_on_when_its_time_is_over(way: Way) -> None:
    order = way.paid()
    way.look()
    assert activation(order).look_at == way.now + timedelta(hours=24)
    way.after(hours=23, minutes=59)
    assert states(order) == ("paid", "held", "released")
    way.after(minutes=1)
    assert states(order) == ("active", "succeeded", "released")
    way.tell(Delivery.objects.get(), Point.INSTALLATION)
    assert states(order) == ("active", "succeeded", "installed")
    assert way.server.sold == [f"LV-{order.code}"]


@pytest.mark.parametrize(("hours", "expected"), [(0, "succeeded"), (1, "held")])
def test_how_long_is_a_setting(way: Way, settings: Any, hours: int, expected: str) -> None:
    settings.ESIM_WAIT_HOURS = hours
    order = way.paid()
    way.look()
    assert states(order)[1:] == (expected, "released")
    way.after(hours=hours)
    assert states(order) == ("active", "succeeded", "released")


def test_a_line_that_is_about_to_be_cut_off_does_not_wait(way: Way) -> None:
    # Topped up on 24 November 2025: full service until the 24th of November 2026.
    order = way.paid(line=way.esim(last_topup=date(2025, 11, 24)))
    way.look()
    assert order.line.next_deadline_on == date(2026, 11, 24)
    assert activation(order).look_at == datetime(2026, 11, 22, 23, tzinfo=UTC)
    way.clock.move_to(datetime(2026, 11, 22, 23, tzinfo=UTC))
    way.look()
    assert states(order) == ("active", "succeeded", "released")


def test_on_the_day_before_it_goes_at_once_and_the_profile_is_ordered_all_the_same(way: Way) -> None:
    order = way.paid(line=way.esim(last_topup=date(2025, 11, 23)))
    way.look()
    assert states(order) == ("active", "succeeded", "released")


def test_an_order_that_was_refused_gives_its_profile_back(way: Way) -> None:
    way.server.plan = Result("failed", reason="no")
    order = way.paid()
    way.look()
    way.after(hours=24)
    assert states(order) == ("failed", "failed", "withdrawn")
    delivery = Delivery.objects.get()
    assert (delivery.look_at, delivery.closed_at, activation_code(delivery)) == (None, way.now, None)
    assert kinds(delivery) == ["ordered", "released", "withdrawing", "withdrawn"]
    assert DeliveryEvent.objects.get(delivery=delivery, kind="withdrawn").detail == {"answer": "cancelled"}
    assert way.server.states() == ["cancelled"]
    assert activation(order).look_at is None
    assert agenda.stuck() == []


def test_a_profile_that_a_phone_has_stays_there_when_the_order_is_refused(way: Way) -> None:
    way.server.plan = Result("failed", reason="no")
    order = way.paid()
    way.look()
    delivery = Delivery.objects.get()
    way.tell(delivery, Point.INSTALLATION, eid=EID)
    way.look()
    assert states(order) == ("failed", "failed", "installed")
    assert (way.server.calls["cancel"], again(delivery).line.iccid) == (0, delivery.iccid)


def test_an_order_that_failed_without_a_profile_is_not_looked_at_again(way: Way) -> None:
    way.server.plan = Result("failed", reason="no")
    order = way.paid(with_profile=False)
    way.look()
    assert (states(order), activation(order).look_at) == (("failed", "failed", ""), None)


def test_an_order_that_is_refused_while_it_waits_orders_no_profile_afterwards(way: Way) -> None:
    """A person decides about an activation that is stuck before its profile was begun."""
    from lineaviva.keeper.activation.actions import activation_fail

    order = way.paid()
    found = activation_begin(order=order, now=way.now)
    assert found is not None
    assert (found.state, found.look_at) == ("held", way.now)
    activation_fail(activation=found, result=Result("failed", reason="by hand"), now=way.now)
    way.look()
    assert states(order) == ("failed", "failed", "")
    assert way.server.calls["order"] == 0


# --- two orders, one line -----------------------------------------------------------------------------------------


def test_a_second_order_waits_for_the_profile_that_is_on_its_way(way: Way) -> None:
    line = way.esim()
    first, second = way.paid(line=line), way.paid(line=line)
    way.look()
    assert (states(first), states(second)) == (("paid", "held", "released"), ("paid", "held", ""))
    delivery = Delivery.objects.get()
    assert delivery_of(first) == delivery_of(second) == delivery
    way.tell(delivery, Point.INSTALLATION)
    way.look()
    assert (states(first), states(second)) == (("active", "succeeded", "installed"), ("active", "succeeded", ""))
    assert way.server.calls["order"] == 1


def test_the_profile_that_two_orders_wait_for_stays_when_one_of_them_fails(way: Way) -> None:
    line = way.esim()
    first, second = way.paid(line=line), way.paid(line=line, kind="topup")
    way.look()
    assert (states(first), states(second)) == (("paid", "held", "released"), ("active", "succeeded", ""))
    way.server.plan = Result("failed", reason="no")
    way.after(hours=24)
    assert (states(first), way.server.calls["cancel"]) == (("failed", "failed", "released"), 0)


def test_an_order_after_the_installation_gets_a_profile_of_its_own_that_takes_over(way: Way) -> None:
    old = way.installed()
    second = way.paid(line=old.line)
    way.look()
    assert (states(second), again(old).state) == (("paid", "held", "released"), "installed")
    new = Delivery.objects.get(order=second)
    assert (new.pk != old.pk, new.iccid != old.iccid) == (True, True)
    way.tell(new, Point.INSTALLATION, eid=OTHER_EID)
    way.look()
    assert (states(second), again(old).state) == (("active", "succeeded", "installed"), "withdrawn")
    assert (again(old).line.iccid, again(old).line.eid) == (new.iccid, OTHER_EID)
    assert DeliveryEvent.objects.get(delivery=old, kind="withdrawn").detail == {"answer": "too_late"}


# --- what changed meanwhile ---------------------------------------------------------------------------------------


def test_a_holder_who_corrects_the_operator_later_does_not_redirect_the_profile(way: Way) -> None:
    delivery = way.released()
    line_change(line=delivery.line, by=delivery.line.holder, operator="windtre", now=way.now)
    assert way.tell(delivery, Point.INSTALLATION, operator="windtre") is None
    assert again(delivery).state == "released"
    way.tell(delivery, Point.INSTALLATION)
    assert again(delivery).state == "installed"


def test_a_line_that_was_taken_off_the_list_gets_its_profile_nevertheless(way: Way) -> None:
    order = way.paid()
    line_remove(line=order.line, by=order.line.holder, now=way.now)
    way.look()
    delivery = Delivery.objects.get()
    way.tell(delivery, Point.INSTALLATION, eid=EID)
    way.look()
    assert states(order) == ("active", "succeeded", "installed")
    assert again(delivery).line.eid == EID


def test_letting_go_what_is_not_held_is_quiet(way: Way) -> None:
    order = way.paid(with_profile=False)
    way.look()
    released = activation_release(activation=activation(order), now=way.now)
    assert (released.state, released.look_at) == ("succeeded", None)


def test_letting_go_makes_it_due(way: Way) -> None:
    order = way.paid()
    way.look()
    released = activation_release(activation=activation(order), now=way.now)
    assert (released.state, released.look_at) == ("waiting", way.now)
    way.look()
    assert states(order) == ("active", "succeeded", "released")


# --- time ---------------------------------------------------------------------------------------------------------


def test_a_profile_that_is_not_installed_is_remembered_once_and_expires(way: Way) -> None:
    way.server.expires_at = way.now + timedelta(days=90)
    delivery = way.released(kind="topup")
    assert (delivery.expires_at, delivery.look_at) == (way.server.expires_at, way.now + timedelta(days=3))
    way.after(days=2, hours=23)
    assert mails(delivery) == [("ready", "sent")]
    way.after(hours=1)
    assert mails(delivery) == [("ready", "sent"), ("reminder", "sent")]
    assert again(delivery).look_at == way.server.expires_at
    way.after(days=86)
    assert (again(delivery).state, len(mails(delivery))) == ("released", 2)
    way.after(days=1)
    delivery = again(delivery)
    assert (delivery.state, delivery.look_at, delivery.closed_at) == ("expired", None, way.now)
    assert (kinds(delivery), activation_code(delivery)) == (["ordered", "released", "expired"], None)
    # A phone had it nevertheless.
    way.tell(delivery, Point.INSTALLATION)
    assert again(delivery).state == "installed"


def test_a_worker_that_stood_still_for_months_expires_it_without_a_reminder(way: Way) -> None:
    way.server.expires_at = way.now + timedelta(days=90)
    delivery = way.released(kind="topup")
    way.after(days=100)
    assert (again(delivery).state, mails(delivery)) == ("expired", [("ready", "sent")])
    assert DeliveryEvent.objects.get(delivery=delivery, kind="expired").at == way.server.expires_at


def test_what_a_phone_has_taken_is_neither_remembered_nor_does_it_expire(way: Way) -> None:
    way.server.expires_at = way.now + timedelta(days=90)
    delivery = way.released(kind="topup")
    way.tell(delivery, Point.DOWNLOAD)
    way.look()
    assert again(delivery).look_at is None
    way.after(days=100)
    assert (again(delivery).state, mails(delivery)) == ("downloaded", [("ready", "sent")])


def test_a_message_that_came_too_late_is_not_sent(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mail server was away, and meanwhile the profile was installed."""
    from lineaviva.kernel.errors import Temporary

    class Away:
        def send(self, message: object) -> None:
            raise Temporary("away")

    with monkeypatch.context() as patch:
        patch.setattr("lineaviva.keeper.delivery.agenda.channel", lambda name: Away())
        delivery = way.released()
        assert mails(delivery) == [("ready", "open")]
        way.tell(delivery, Point.INSTALLATION)
    assert mails(delivery) == [("ready", "dropped")]
    way.after(hours=1)
    assert mail.outbox == []
