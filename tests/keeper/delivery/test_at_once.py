"""Several at once, and workers that die between any two statements: one profile, one plan, one message."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import cycle
from threading import Lock
from typing import Any

import pytest
from django.core import mail

from lineaviva.keeper.delivery import actions, moves
from lineaviva.keeper.delivery import agenda as steps
from lineaviva.keeper.delivery.actions import (
    delivery_begin,
    delivery_give_up,
    delivery_replace,
    delivery_resend,
    delivery_say_installed,
    delivery_sending,
)
from lineaviva.keeper.delivery.models import Delivery, DeliveryEvent, DeliveryMail
from lineaviva.keeper.delivery.queries import activation_code, delivery_of, matching_id
from lineaviva.keeper.delivery.rules import OPEN, Point
from lineaviva.keeper.lines.models import LineEvent
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.reminders.email.adapter import EmailChannel
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import LineavivaError
from tests.keeper.delivery.conftest import EID, Way, activation, again, kinds, mails, states
from tests.keeper.delivery.pretend import Gateway
from tests.keeper.together import together

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]
_LEASE = timedelta(seconds=91)


def race(*acts: Callable[[], Any], times: int = 1) -> Counter[str]:
    """Each of `acts` so often at once; how they ended, "done" or the code of the refusal."""
    turns, lock = cycle(acts), Lock()

    def one() -> Any:
        with lock:
            act = next(turns)
        return act()

    answers = together(len(acts) * times, one)
    return Counter(one.code if isinstance(one, LineavivaError) else "done" for one in answers)


# --- at once ------------------------------------------------------------------------------------------------------


def test_three_workers_order_one_profile_and_send_one_message(way: Way) -> None:
    order = way.paid()
    together(3, way.look)
    way.look()
    delivery = Delivery.objects.get()
    assert states(order) == ("paid", "held", "released")
    assert (dict(way.server.calls), mails(delivery)) == ({"order": 1, "release": 1}, [("ready", "sent")])
    assert len(mail.outbox) == 1


def test_two_beginnings_are_one_profile(way: Way) -> None:
    order = way.paid()
    made = together(4, lambda: delivery_begin(order=order, now=way.now))
    assert len({one.pk for one in made}) == 1
    assert Delivery.objects.count() == 1


def test_two_orders_that_begin_at_once_share_one_profile(way: Way) -> None:
    line = way.esim()
    orders = [way.paid(line=line), way.paid(line=line)]
    race(*(lambda order=order: delivery_begin(order=order, now=way.now) for order in orders), times=2)
    delivery = Delivery.objects.get()
    assert [delivery_of(order) for order in orders] == [delivery, delivery]


def test_only_one_of_two_that_hold_the_same_row_sends(way: Way) -> None:
    delivery = delivery_begin(order=way.paid(), now=way.now)
    assert delivery is not None
    rows = iter([again(delivery) for _ in range(4)])
    answers = together(4, lambda: delivery_sending(delivery=next(rows), gateway="pretend", now=way.now))
    assert sorted(answers) == [False, False, False, True]
    assert again(delivery).sends == 1


def test_four_clicks_on_replace_are_one_new_profile(way: Way) -> None:
    old = way.installed()
    made = together(4, lambda: delivery_replace(delivery=old, reason="replacement", by=old.line.holder, now=way.now))
    assert len({one.pk for one in made}) == 1
    together(2, way.look)
    way.look()
    assert [one.state for one in Delivery.objects.order_by("pk")] == ["withdrawn", "released"]
    assert dict(way.server.calls) == {"order": 2, "release": 2, "cancel": 1}


def test_two_wishes_at_once_are_one_new_profile_and_one_refusal(way: Way) -> None:
    old = way.installed()

    def wish(reason: str) -> Callable[[], Delivery]:
        return lambda: delivery_replace(delivery=old, reason=reason, by=old.line.holder, now=way.now)

    assert race(wish("replacement"), wish("transfer")) == {"done": 1, "delivery_replaced": 1}
    assert Delivery.objects.count() == 2
    assert Delivery.objects.filter(state__in=OPEN).count() == 1


def test_a_replacement_and_a_new_order_at_once_are_one_profile_on_its_way(way: Way) -> None:
    old = way.installed()
    order = way.paid(line=old.line)
    race(
        lambda: delivery_replace(delivery=old, reason="transfer", by=old.line.holder, now=way.now),
        lambda: delivery_begin(order=order, now=way.now),
    )
    assert Delivery.objects.filter(state__in=OPEN).count() == 1
    assert Delivery.objects.count() == 2


def test_the_report_at_the_moment_of_the_time_limit_activates_once(way: Way) -> None:
    order = way.paid()
    way.look()
    delivery = Delivery.objects.get()
    way.clock.advance(timedelta(hours=24))
    race(lambda: way.tell(delivery, Point.INSTALLATION, eid=EID), way.look, times=2)
    way.look()
    assert states(order) == ("active", "succeeded", "installed")
    assert way.server.sold == [f"LV-{order.code}"]
    assert again(delivery).line.eid == EID


def test_an_order_that_comes_while_a_profile_is_being_installed_is_served_whichever_is_first(way: Way) -> None:
    line = way.esim()
    first = way.paid(line=line)
    way.look()
    delivery = Delivery.objects.get()
    second = way.paid(line=line)
    race(lambda: way.tell(delivery, Point.INSTALLATION), way.look, times=2)
    way.look()
    assert states(first) == ("active", "succeeded", "installed")
    # It shared that profile, or was begun after it was installed and has one of its own.
    assert states(second) in [
        ("active", "succeeded", ""),
        ("active", "succeeded", "released"),
        ("paid", "held", "released"),
    ]
    assert len(way.server.sold) == len(set(way.server.sold))
    way.after(hours=24)
    assert sorted(way.server.sold) == sorted([f"LV-{first.code}", f"LV-{second.code}"])


def test_the_same_report_four_times_at_once_is_one(way: Way) -> None:
    delivery = way.released()
    at = way.now
    together(4, lambda: way.tell(delivery, Point.INSTALLATION, eid=EID, at=at))
    way.look()
    assert kinds(delivery) == ["ordered", "released", "installed"]
    assert LineEvent.objects.filter(line=delivery.line, kind="sim_change").count() == 1
    assert len(way.server.sold) == 1


def test_all_reports_at_once_end_as_one_after_the_other(way: Way) -> None:
    delivery = way.released()
    points = (Point.ELIGIBILITY, Point.DOWNLOAD, Point.INSTALLATION, Point.ENABLED)
    race(*(lambda point=point: way.tell(delivery, point, eid=EID) for point in points), times=2)
    way.look()
    found = again(delivery)
    assert (found.state, found.phone, found.eid, found.look_at) == ("installed", "enabled", EID, None)
    assert sorted(kinds(delivery)) == ["downloaded", "eligible", "enabled", "installed", "ordered", "released"]


def test_a_report_and_a_replacement_at_once_leave_one_profile_on_its_way(way: Way) -> None:
    old = way.released()
    way.tell(old, Point.DOWNLOAD)
    way.clock.advance(timedelta(minutes=20))
    ended = race(
        lambda: way.tell(old, Point.INSTALLATION),
        lambda: delivery_replace(delivery=old, reason="replacement", by=old.line.holder, now=way.now),
        times=2,
    )
    assert ended == {"done": 4}
    assert [one.state for one in Delivery.objects.order_by("pk")] == ["withdrawing", "waiting"]
    way.look()
    assert [one.state for one in Delivery.objects.order_by("pk")] == ["withdrawn", "released"]


def test_the_new_phones_report_and_the_old_phones_at_once(way: Way) -> None:
    old = way.installed()
    new = delivery_replace(delivery=old, reason="transfer", by=old.line.holder, now=way.now)
    way.look()
    new = again(new)
    race(
        lambda: way.tell(new, Point.INSTALLATION),
        lambda: way.tell(old, Point.DELETED),
        lambda: way.tell(old, Point.DISABLED, at=way.now - timedelta(seconds=1)),
        times=2,
    )
    way.look()
    assert (again(old).state, again(old).phone, again(new).state) == ("withdrawn", "deleted", "installed")
    assert again(old).line.iccid == new.iccid


def test_a_report_at_the_moment_of_the_refusal_keeps_or_withdraws_it(way: Way) -> None:
    delivery = way.released(kind="topup")
    order = delivery.order
    assert order is not None
    race(lambda: way.tell(delivery, Point.INSTALLATION), lambda: delivery_give_up(order=order, now=way.now), times=2)
    way.look()
    found = again(delivery)
    assert found.state in ("installed", "withdrawn")
    assert (found.line.iccid == found.iccid) == (found.state == "installed")
    assert way.server.calls["cancel"] == (found.state == "withdrawn")


def test_the_holders_word_and_the_phones_at_once(way: Way) -> None:
    delivery = way.released()
    ended = race(
        lambda: way.tell(delivery, Point.INSTALLATION, eid=EID),
        lambda: delivery_say_installed(delivery=delivery, by=delivery.line.holder, now=way.now),
        times=2,
    )
    way.look()
    assert ended == {"done": 4}
    assert (again(delivery).state, again(delivery).line.eid, len(way.server.sold)) == ("installed", EID, 1)


def test_four_resends_at_once_are_one_message(way: Way) -> None:
    delivery = way.released()
    sent = together(4, lambda: delivery_resend(delivery=delivery, by=delivery.line.holder, now=way.now))
    assert {one.pk for one in sent if isinstance(one, DeliveryMail)} == {DeliveryMail.objects.get(state="open").pk}
    way.look()
    assert len(mail.outbox) == 2


@pytest.mark.parametrize("seed", range(3))
def test_whatever_people_phones_and_workers_do_at_once_a_line_has_one_profile(way: Way, seed: int) -> None:
    chance, lock = random.Random(seed), Lock()
    line = way.esim()
    orders = [way.paid(line=line)]
    way.look()

    def act() -> Any:
        with lock:
            dice, second = chance.random(), chance.randrange(60)
            point, reason = chance.choice(list(Point)), chance.choice(["replacement", "transfer"])
            delivery = chance.choice(list(Delivery.objects.filter(line=line).order_by("-pk")[:3]))
        if dice < 0.4:
            at = way.now - timedelta(seconds=second)
            return way.tell(delivery, point, ok=dice < 0.34, failure="8.2.10/4.2" if dice >= 0.34 else "", at=at)
        if dice < 0.6:
            return delivery_replace(delivery=delivery, reason=reason, by=line.holder, now=way.now)
        if dice < 0.7:
            return delivery_say_installed(delivery=delivery, by=line.holder, now=way.now)
        return delivery_resend(delivery=delivery, by=None, now=way.now) if dice < 0.75 else way.look()

    for _ in range(6):
        race(act, times=6)
        way.clock.advance(timedelta(days=11))
        orders.append(way.paid(line=line))
    way.look()
    way.after(hours=24)
    way.after(seconds=_LEASE.total_seconds())

    found = list(Delivery.objects.filter(line=line).order_by("pk"))
    assert len([one for one in found if one.state in OPEN]) <= 1
    installed = [one.iccid for one in found if one.state == "installed"]
    assert len(installed) <= 1
    line.refresh_from_db()
    assert not installed or line.iccid == installed[0]
    assert sorted(way.server.sold) == sorted(f"LV-{order.code}" for order in orders)
    # One profile at the operator for each that was asked for, and all that were taken back are.
    assert set(way.server.profiles) <= {one.call_id for one in found}
    assert {one.state for one in found} <= {"installed", "withdrawn", "refused", "failed", "expired", *OPEN}
    assert not agenda.stuck()


# --- killed -------------------------------------------------------------------------------------------------------


def killed(*_: Any, **__: Any) -> None:
    """As kill -9: nothing after this statement happens, and nobody writes that it did not."""
    raise KeyboardInterrupt


def kill_at(way: Way, patched: pytest.MonkeyPatch, owner: Any, name: str, act: Callable[[], Any] | None = None) -> None:
    with patched.context() as patch:
        patch.setattr(owner, name, killed)
        with pytest.raises(KeyboardInterrupt):
            (act or way.look)()


def kill_after(way: Way, patched: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    """Done by the other side, and not written down here."""
    done = getattr(owner, name)

    def then_killed(*args: Any, **kwargs: Any) -> None:
        done(*args, **kwargs)
        raise KeyboardInterrupt

    with patched.context() as patch:
        patch.setattr(owner, name, then_killed)
        with pytest.raises(KeyboardInterrupt):
            way.look()


def finishes(way: Way, order: ProductOrder) -> Delivery:
    """After the dead worker's lease another goes on; a phone installs it and the plan comes."""
    way.after(seconds=_LEASE.total_seconds())
    delivery = Delivery.objects.get(order=order)
    assert (states(order), list(way.server.profiles)) == (("paid", "held", "released"), [delivery.call_id])
    code = activation_code(delivery)
    assert code is not None
    assert way.server.profiles[delivery.call_id].matching_id == code.matching_id == matching_id(delivery)
    assert mails(delivery) == [("ready", "sent")]
    way.tell(delivery, Point.INSTALLATION)
    way.look()
    assert states(order) == ("active", "succeeded", "installed")
    assert way.server.sold == [f"LV-{order.code}"]
    return delivery


@pytest.mark.parametrize("name", ["delivery_begin", "_held", "delivery_sending", "_ordered", "_released"])
def test_killed_between_two_steps_the_order_goes_on(way: Way, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    order = way.paid()
    kill_at(way, monkeypatch, steps, name)
    assert order.line.deliveries.count() <= 1
    finishes(way, order)


@pytest.mark.parametrize("function", ["order", "release"])
def test_killed_before_the_operator_was_asked(way: Way, monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    order = way.paid()
    kill_at(way, monkeypatch, Gateway, function)
    finishes(way, order)
    assert way.server.calls[function] == 1


@pytest.mark.parametrize("function", ["order", "release"])
def test_killed_between_the_operators_act_and_writing_it_down(
    way: Way, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    order = way.paid()
    kill_after(way, monkeypatch, Gateway, function)
    finishes(way, order)
    # Asked twice by one reference: it is the same profile.
    assert (way.server.calls[function], len(way.server.profiles)) == (2, 1)


@pytest.mark.parametrize("name", ["note", "mail_write"])
def test_killed_within_the_writing_none_of_it_is_written(way: Way, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    order = way.paid()
    way.server.meanwhile["release"] = lambda: monkeypatch.setattr(moves, name, killed)
    with pytest.raises(KeyboardInterrupt):
        way.look()
    monkeypatch.undo()
    delivery = Delivery.objects.get()
    assert (delivery.state, kinds(delivery), mails(delivery)) == ("ordered", ["ordered"], [])
    finishes(way, order)


@pytest.mark.parametrize("name", ["line_esim_change", "activation_release", "mails_drop"])
def test_killed_within_an_installation_none_of_it_is_written_and_it_is_told_again(
    way: Way, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    order = way.paid()
    way.look()
    delivery = Delivery.objects.get()
    at = way.now
    kill_at(way, monkeypatch, moves, name, lambda: way.tell(delivery, Point.INSTALLATION, eid=EID, at=at))
    assert (states(order), kinds(delivery)) == (("paid", "held", "released"), ["ordered", "released"])
    assert (again(delivery).line.iccid, again(delivery).eid) == ("", "")
    way.clock.advance(timedelta(minutes=1))
    way.tell(delivery, Point.INSTALLATION, eid=EID, at=at)
    way.look()
    assert states(order) == ("active", "succeeded", "installed")
    assert LineEvent.objects.filter(line=delivery.line, kind="sim_change").count() == 1


@pytest.mark.parametrize(("owner", "name"), [(moves, "withdraw"), (moves, "begin"), (actions, "_audit")])
def test_killed_within_a_replacement_the_old_one_is_as_it_was(
    way: Way, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    old = way.installed()

    def replace() -> Delivery:
        return delivery_replace(delivery=old, reason="replacement", by=None, now=way.now)

    kill_at(way, monkeypatch, owner, name, replace)
    assert (again(old).state, Delivery.objects.count(), kinds(old)[-1]) == ("installed", 1, "installed")
    replace()
    way.look()
    assert [one.state for one in Delivery.objects.order_by("pk")] == ["withdrawn", "released"]


def test_killed_between_taking_it_back_and_writing_it_down(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = way.released(kind="topup")
    assert delivery.order is not None
    delivery_give_up(order=delivery.order, now=way.now)
    kill_after(way, monkeypatch, Gateway, "cancel")
    assert (again(delivery).state, way.server.states()) == ("withdrawing", ["cancelled"])
    way.after(seconds=_LEASE.total_seconds())
    assert (again(delivery).state, way.server.calls["cancel"]) == ("withdrawn", 2)
    assert DeliveryEvent.objects.filter(delivery=delivery, kind="withdrawn").count() == 1


def test_killed_between_sending_a_message_and_writing_it_it_is_the_same_message_again(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = way.paid()
    kill_after(way, monkeypatch, EmailChannel, "send")
    assert (len(mail.outbox), mails(Delivery.objects.get())) == (1, [("ready", "open")])
    way.after(seconds=_LEASE.total_seconds())
    assert mails(Delivery.objects.get()) == [("ready", "sent")]
    first, second = mail.outbox
    assert first.extra_headers["Message-ID"] == second.extra_headers["Message-ID"]
    assert (str(first.body), first.to) == (str(second.body), second.to)
    assert states(order) == ("paid", "held", "released")


def test_killed_before_a_refused_orders_profile_is_withdrawn(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    from lineaviva.keeper.activation.ports import Result

    way.server.plan = Result("failed", reason="no")
    order = way.paid()
    way.look()
    way.clock.advance(timedelta(hours=24))
    kill_at(way, monkeypatch, steps, "delivery_give_up")
    assert (states(order), activation(order).look_at is not None) == (("failed", "failed", "released"), True)
    way.after(seconds=_LEASE.total_seconds())
    assert (states(order), way.server.states()) == (("failed", "failed", "withdrawn"), ["cancelled"])
