"""Automatic renewal through a month, day by day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.core import mail

from lineaviva.keeper.lines.actions import line_tell
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import payment_begin
from lineaviva.keeper.payments.models import PaymentAttempt, SavedMethod
from lineaviva.keeper.payments.ports import Status
from lineaviva.keeper.payments.queries import money_balance
from lineaviva.keeper.renewals.actions import auto_change, auto_stop
from lineaviva.keeper.renewals.models import AutoEvent, AutoMessage, AutoRun
from lineaviva.keeper.renewals.queries import what_next
from lineaviva.keeper.renewals.rules import Step
from lineaviva.kernel.money import Money
from tests import factories
from tests.keeper.orders import factories as orders
from tests.keeper.payments.test_begin import Killed, kill_in
from tests.keeper.renewals.conftest import Keeping, Operator, World

EUR5 = Money(500)


def day(month: int, number: int, year: int = 2027) -> date:
    return date(year, month, number)


def kinds() -> list[str]:
    return list(AutoEvent.objects.order_by("pk").values_list("kind", flat=True))


def sent() -> list[tuple[str, int]]:
    rows = AutoMessage.objects.filter(state="sent").order_by("pk")
    return list(rows.values_list("kind", "number"))


def test_a_line_is_renewed_by_itself(world: World) -> None:
    auto = world.on()
    world.days(day(3, 15), day(3, 21))
    assert world.states() == [("planned", "")]
    assert what_next(auto, world.clock.now()).steps == [
        Step("notice", day(3, 22)),
        Step("charge", day(3, 24), EUR5),
        *[Step("retry", one, EUR5) for one in (day(3, 25), day(3, 27), day(3, 30))],
        Step("deadline", day(3, 31)),
    ]
    assert (sent(), world.bank.asked) == ([], [])

    world.days(day(3, 22), day(3, 23))
    run = world.run()
    assert (run.state, run.amount_minor, run.charge_on) == ("announced", 500, day(3, 24))
    assert sent() == [("notice", 1)]
    assert world.bank.asked == []

    world.at(3, 24, 8, 59)
    assert world.bank.asked == []
    world.at(3, 24, 9)
    world.at(3, 24, 9, 10)
    order = ProductOrder.objects.get()
    assert (order.state, order.total_minor, order.placed_by) == ("active", 500, world.anna)
    assert world.bank.charged == {f"pay:{order.code}:1": 500}
    assert world.states() == [("done", "")]
    assert sent() == [("notice", 1), ("renewed", 1)]
    assert kinds() == ["on", "announced", "charging", "renewed"]
    world.line.refresh_from_db()
    assert world.line.extended_on == day(3, 24)

    world.days(day(3, 25), day(4, 5))
    assert world.bank.charged == {f"pay:{order.code}:1": 500}
    assert AutoRun.objects.get(deadline_on=day(3, 24, 2028)).state == "planned"
    assert money_balance().delivered == 500


def test_the_notice_says_how_much_when_and_how_to_stop_it(world: World) -> None:
    world.on()
    world.at(3, 21)
    world.at(3, 22)
    world.at(3, 22, 9, 1)
    [message] = [one for one in mail.outbox if "24 marzo 2027" in one.subject]
    assert message.to == ["anna@example.org"]
    assert "Mamma" in message.subject
    assert "5,00" in message.body
    assert "Visa …4242" in message.body
    assert "/auto/stop/" in message.body
    assert world.line.msisdn not in message.body
    assert message.extra_headers["Message-ID"].startswith(f"<auto.{world.run().pk}.notice.1.email@")


def test_switched_on_late_it_is_charged_two_days_after_its_notice(world: World) -> None:
    world.clock.move_to(world.clock.now().replace(year=2027, month=3, day=27))
    world.on()
    world.work()
    run = world.run()
    assert (run.state, run.notice_on, run.charge_on) == ("planned", day(3, 28), day(3, 30))
    world.days(day(3, 28), day(3, 31))
    assert world.states()[0] == ("done", "")
    assert list(world.bank.charged.values()) == [500]


def test_switched_on_too_late_nothing_is_charged_and_it_is_said(world: World) -> None:
    world.clock.move_to(world.clock.now().replace(year=2027, month=3, day=30))
    world.on()
    world.work()
    assert world.states() == [("skipped", "too_late")]
    world.work()
    assert (sent(), world.bank.asked) == ([("skipped", 1)], [])


def test_a_line_that_only_receives_is_renewed_at_once(world: World) -> None:
    world.clock.move_to(world.clock.now().replace(year=2027, month=4, day=5))
    world.on()
    world.days(day(4, 5), day(4, 8))
    assert world.states()[0] == ("done", "")
    assert world.run().auto.state == "on"


def test_every_step_twice(world: World) -> None:
    auto = world.on()
    assert world.on() == auto
    for number in range(15, 32):
        for _ in range(2):
            world.at(3, number, 9, 1)
            AutoRun.objects.filter(finished_at=None).update(look_at=world.clock.now())
            type(auto).objects.update(look_at=world.clock.now())
            world.work()
    assert list(world.bank.charged.values()) == [500]
    assert sent() == [("notice", 1), ("renewed", 1)]
    assert kinds() == ["on", "announced", "charging", "renewed"]


RENEWALS, PAYMENTS = "lineaviva.keeper.renewals", "lineaviva.keeper.payments"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "target",
    [
        f"{RENEWALS}.running.plan_next",
        f"{RENEWALS}.running.announce",
        f"{RENEWALS}.running.move",
        f"{RENEWALS}.running.note",
        f"{RENEWALS}.running.say",
        f"{RENEWALS}.running.order",
        f"{RENEWALS}.running.quote_make",
        f"{RENEWALS}.running.order_place",
        f"{RENEWALS}.running.follow",
        f"{RENEWALS}.agenda.payment_charge",
        f"{RENEWALS}.agenda.message_of",
        f"{PAYMENTS}.saving.attempt_open",
        f"{PAYMENTS}.saving.payment_settle",
        "tests.keeper.renewals.conftest.Keeping.charge",
        "lineaviva.keeper.reminders.email.adapter.EmailChannel.send",
    ],
)
def test_killed_anywhere_it_is_charged_once(
    world: World, monkeypatch: pytest.MonkeyPatch, target: str, after: bool
) -> None:
    world.on()
    kill_in(monkeypatch, target, after=after)
    killed = 0
    for number in range(21, 27):
        for hour, minute in ((9, 1), (9, 5), (9, 9), (12, 1)):
            try:
                world.at(3, number, hour, minute)
            except Killed:
                killed += 1
    assert killed == 1
    assert world.states()[0] == ("done", "")
    assert list(world.bank.charged.values()) == [500]
    assert PaymentAttempt.objects.count() == 1
    assert sent() == [("notice", 1), ("renewed", 1)]


# --- what the holder does -------------------------------------------------------------------------------------------


def test_stopped_in_the_last_minute(world: World) -> None:
    auto = world.on()
    world.days(day(3, 20), day(3, 23))
    world.at(3, 24, 8, 59)
    auto_stop(auto=auto, by=None, reason="link", now=world.clock.now())
    world.days(day(3, 24), day(3, 31))
    assert world.states() == [("stopped", "")]
    assert (world.bank.asked, ProductOrder.objects.count()) == ([], 0)
    auto.refresh_from_db()
    assert (auto.state, auto.off_reason) == ("off", "link")
    assert kinds() == ["on", "announced", "off"]


def test_stopped_after_it_was_ordered_and_before_it_is_charged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    auto = world.on()
    world.days(day(3, 20), day(3, 23))
    kill_in(monkeypatch, f"{RENEWALS}.agenda.payment_charge", after=False)
    with pytest.raises(Killed):
        world.at(3, 24)
    auto_stop(auto=auto, by=world.anna, now=world.clock.now())
    world.days(day(3, 24), day(3, 28))
    assert world.states() == [("skipped", "stopped")]
    assert world.bank.asked == []
    assert ProductOrder.objects.get().state == "cancelled", "nobody can charge it any more"


def test_stopped_after_the_charge_the_renewal_goes_on(world: World) -> None:
    auto = world.on()
    world.days(day(3, 20), day(3, 24))
    auto_stop(auto=auto, by=world.anna, now=world.clock.now())
    world.days(day(3, 25), day(3, 26))
    assert world.states()[0] == ("done", "")
    assert list(world.bank.charged.values()) == [500]


def test_renewed_by_hand_after_the_notice_nothing_is_charged(world: World) -> None:
    world.on()
    world.days(day(3, 20), day(3, 23))
    line_tell(line=world.line, kind="topup", on=day(3, 23), by=world.anna, now=world.clock.now())
    world.days(day(3, 24), day(3, 31))
    assert world.states()[0] == ("skipped", "date_moved")
    assert (world.bank.asked, sent()) == ([], [("notice", 1)])


def test_a_removed_card_is_not_charged_and_another_one_is(world: World) -> None:
    auto = world.on()
    world.days(day(3, 20), day(3, 21))
    SavedMethod.objects.filter(pk=world.card.pk).update(state="removed")
    world.days(day(3, 22), day(3, 22))
    assert world.states() == [("skipped", "card")]
    auto_change(auto=auto, by=world.anna, method=world.saved("1881"), now=world.clock.now())
    world.days(day(3, 23), day(3, 30))
    assert world.states()[0] == ("done", "")
    assert list(world.bank.charged.values()) == [500]
    assert sent() == [("skipped", 1), ("notice", 1), ("renewed", 1)]


def test_only_who_stops_it_themselves_hears_nothing(world: World) -> None:
    auto = world.on()
    world.days(day(3, 20), day(3, 22))
    auto_stop(auto=auto, by=factories.clerk(), reason="phone", now=world.clock.now())
    world.days(day(3, 23), day(3, 25))
    assert (world.states(), world.bank.asked) == ([("stopped", "")], [])
    assert sent() == [("notice", 1), ("off", 1)]
    assert world.said()[-1].endswith("il rinnovo automatico è disattivato")


def test_a_charge_that_fails_after_it_was_stopped_is_not_tried_again_and_nothing_is_said_to_stay_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    auto = world.on()
    world.anna.language = "en"
    world.anna.save()
    world.days(day(3, 20), day(3, 23))
    world.bank.answers = ["insufficient_funds"]
    real = Keeping.charge

    def thinking(self: Keeping, *facts: Any) -> Any:
        auto_stop(auto=auto, by=world.anna, reason="page", now=world.clock.now())
        return real(self, *facts)

    monkeypatch.setattr(Keeping, "charge", thinking)
    world.days(day(3, 24), day(3, 30))
    assert (world.states(), len(world.bank.asked)) == ([("failed", "insufficient_funds")], 1)
    assert sent() == [("notice", 1), ("failed", 1)]
    [body] = [one.body for one in mail.outbox if "could not be renewed by itself" in one.body]
    assert "Automatic renewal is switched off for this line." in body
    assert "stays on" not in body


def test_a_bank_that_does_not_answer_for_hours_is_said_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.on()
    world.days(day(3, 20), day(3, 23))
    monkeypatch.setattr(Keeping, "_paid", lambda self, bill: Status("processing", key=bill.key))
    for hour in (9, 12, 14):
        world.at(3, 24, hour, 1)
    assert sent() == [("notice", 1)]
    for hour in (15, 16, 20):
        world.at(3, 24, hour, 2)
    assert (world.states(), sent()) == ([("charging", "unanswered")], [("notice", 1), ("late", 1)])
    [key] = world.bank.told
    world.bank.told[key] = Status("succeeded", EUR5, charge_ref="ch_1", key=key)
    world.days(day(3, 25), day(3, 25))
    assert world.states()[0] == ("done", "")
    assert sent() == [("notice", 1), ("late", 1), ("renewed", 1)]


# --- the ceiling ----------------------------------------------------------------------------------------------------


def test_above_the_ceiling_nothing_is_charged_and_it_is_said(world: World) -> None:
    world.on(ceiling=499)
    world.days(day(3, 20), day(3, 31))
    assert world.states()[0] == ("skipped", "over_ceiling")
    assert world.bank.asked == []
    assert sent()[0] == ("skipped", 1)
    assert world.run().auto.state == "on"


def test_a_higher_ceiling_brings_it_back(world: World) -> None:
    auto = world.on(ceiling=499)
    world.days(day(3, 20), day(3, 23))
    auto_change(auto=auto, by=world.anna, ceiling=EUR5, now=world.clock.now())
    world.days(day(3, 24), day(3, 30))
    assert world.states()[0] == ("done", "")
    assert list(world.bank.charged.values()) == [500]


def test_a_change_brings_no_date_back_that_is_over(world: World) -> None:
    auto = world.on(ceiling=499)
    world.days(day(3, 20), day(3, 23))
    line_tell(line=world.line, kind="topup", on=day(3, 23), by=world.anna, now=world.clock.now())
    world.days(day(4, 5), day(4, 6))
    before = sent()
    auto_change(auto=auto, by=world.anna, ceiling=EUR5, now=world.clock.now())
    world.days(day(4, 7), day(4, 8))
    assert (world.states()[0], sent()) == (("skipped", "over_ceiling"), before)


def test_who_allows_less_after_it_was_ordered_is_not_charged_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    auto = world.on()
    world.days(day(3, 20), day(3, 23))
    kill_in(monkeypatch, f"{RENEWALS}.agenda.payment_charge", after=False)
    with pytest.raises(Killed):
        world.at(3, 24)
    auto_change(auto=auto, by=world.anna, ceiling=Money(499), now=world.clock.now())
    world.days(day(3, 24), day(3, 27))
    assert (world.states(), world.bank.asked) == ([("skipped", "over_ceiling")], [])


def test_a_price_that_rose_after_the_notice_is_announced_anew(world: World) -> None:
    world.on()
    world.days(day(3, 20), day(3, 23))
    type(world.topup).objects.update(price_minor=600)
    world.days(day(3, 24), day(3, 30))
    assert list(world.bank.charged.values()) == [600]
    assert sent() == [("notice", 1), ("notice", 2), ("renewed", 1)]
    assert world.states()[0] == ("done", "")


def test_a_price_that_fell_is_charged(world: World) -> None:
    world.on()
    world.days(day(3, 20), day(3, 23))
    type(world.topup).objects.update(price_minor=400)
    world.days(day(3, 24), day(3, 25))
    assert list(world.bank.charged.values()) == [400]


# --- the bank -------------------------------------------------------------------------------------------------------


def test_a_refused_card_is_tried_again_on_days_that_make_sense(world: World) -> None:
    world.on()
    world.bank.answers = ["insufficient_funds", "insufficient_funds"]
    world.days(day(3, 20), day(3, 31))
    assert world.states()[0] == ("done", "")
    assert len(world.bank.asked) == 3
    assert list(world.bank.charged.values()) == [500]
    assert sent() == [("notice", 1), ("again", 1), ("again", 2), ("renewed", 1)]
    charged = AutoEvent.objects.filter(kind="charging").order_by("pk")
    assert [one.at.date() for one in charged] == [day(3, 24), day(3, 25), day(3, 27)]


def test_refused_each_time_it_is_said_and_stays_on(world: World) -> None:
    auto = world.on()
    world.bank.answers = ["card_declined"] * 9
    world.days(day(3, 20), day(3, 31))
    assert world.states()[0] == ("failed", "card_declined")
    assert (len(world.bank.asked), world.bank.charged) == (4, {})
    assert sent() == [("notice", 1), ("again", 1), ("again", 2), ("again", 3), ("failed", 1)]
    auto.refresh_from_db()
    assert auto.state == "on"
    assert money_balance().collected == 0


def test_an_expired_card_is_not_tried_again_and_another_one_is_asked_for(world: World) -> None:
    auto = world.on()
    world.bank.answers = ["expired_card"]
    world.days(day(3, 20), day(3, 25))
    assert world.states() == [("skipped", "card")]
    assert (len(world.bank.asked), sent()) == (1, [("notice", 1), ("skipped", 1)])
    world.card.refresh_from_db()
    assert (world.card.state, world.card.reason) == ("broken", "expired_card")

    auto_change(auto=auto, by=world.anna, method=world.saved("1881"), now=world.clock.now())
    world.days(day(3, 26), day(3, 30))
    assert world.states()[0] == ("done", "")
    assert list(world.bank.charged.values()) == [500]
    assert sent() == [("notice", 1), ("skipped", 1), ("notice", 2), ("renewed", 1)]


def test_too_much_for_one_number_waits_until_there_is_room(world: World) -> None:
    world.on(ceiling=5000)
    type(world.topup).objects.update(price_minor=5000)
    world.days(day(3, 20), day(3, 23))
    # 200 EUR of somebody else's orders for the same number, a minute before.
    neighbour = factories.line(holder=factories.holder("bo@example.org"), msisdn=world.line.msisdn)
    for _ in range(4):
        row = orders.order(line=neighbour, price=5000, now=world.clock.now())
        ProductOrder.objects.filter(pk=row.pk).update(state="active", look_at=None)
    world.at(3, 24, 9, 1)
    assert (world.states(), world.bank.asked) == ([("announced", "")], [])
    world.days(day(3, 25), day(3, 25))
    assert world.states()[0] == ("done", "")
    assert list(world.bank.charged.values()) == [5000]
    ProductOrder.objects.filter(line=neighbour).delete()


def test_no_worker_for_two_weeks_is_said_and_charges_nothing(world: World) -> None:
    world.on()
    world.days(day(3, 20), day(3, 21))
    world.days(day(4, 4), day(4, 4))
    assert world.states()[0] == ("skipped", "too_late")
    assert AutoRun.objects.get(deadline_on=day(4, 30)).deadline == "off"
    assert world.bank.asked == []
    assert sent()[0] == ("skipped", 1)


def test_the_bank_asks_for_the_holder_who_pays_by_the_orders_page(world: World) -> None:
    world.on()
    world.bank.answers = ["not_confirmed"]
    world.days(day(3, 20), day(3, 24))
    order = ProductOrder.objects.get()
    assert (world.states(), order.state) == ([("charging", "not_confirmed")], "placed")
    assert sent() == [("notice", 1), ("asks", 1)]
    assert any(f"/orders/{order.code}/" in one.body for one in mail.outbox)
    payment_begin(order=order, provider="cards", now=world.clock.now())
    world.days(day(3, 25), day(3, 25))
    assert world.states()[0] == ("done", "")
    assert world.bank.charged == {f"pay:{order.code}:2": 500}


def test_the_bank_asks_for_the_holder_who_does_not_come(world: World) -> None:
    world.on()
    world.bank.answers = ["not_confirmed"]
    world.days(day(3, 20), day(3, 31))
    assert world.states()[0] == ("failed", "not_confirmed")
    assert world.bank.charged == {}
    assert sent()[:3] == [("notice", 1), ("asks", 1), ("failed", 1)]


def test_the_operator_refuses_and_the_money_goes_back(world: World) -> None:
    world.on()
    world.days(day(3, 20), day(3, 23))
    Operator.refuses = True
    world.days(day(3, 24), day(3, 25))
    assert world.states()[0] == ("failed", "not_activated")
    assert (list(world.bank.charged.values()), list(world.bank.given_back.values())) == ([500], [500])
    assert money_balance().refunded == 500


def test_the_holder_is_paying_at_this_very_moment(world: World) -> None:
    world.on()
    world.days(day(3, 20), day(3, 23))
    order = orders.order(line=world.line, now=world.clock.now())
    payment_begin(order=order, provider="cards", now=world.clock.now())
    world.days(day(3, 24), day(3, 25))
    assert world.bank.charged == {f"pay:{order.code}:1": 500}
    assert world.states()[0] == ("skipped", "date_moved")


# --- the messages ---------------------------------------------------------------------------------------------------


def test_nobody_is_charged_who_was_not_told_two_days_before(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from lineaviva.keeper.reminders.email.adapter import EmailChannel
    from lineaviva.kernel.errors import Temporary

    def down(self: EmailChannel, message: Any) -> None:
        raise Temporary("the SMTP server did not answer")

    world.on()
    with monkeypatch.context() as patched:
        patched.setattr(EmailChannel, "send", down)
        world.days(day(3, 20), day(3, 25))
        assert (world.states()[0][0], world.bank.asked) == ("announced", [])
    world.days(day(3, 26), day(3, 27))
    assert (world.states()[0][0], world.bank.asked) == ("announced", [])
    assert "28 marzo 2027" in mail.outbox[-1].subject, (
        "the day on which it is charged, and not the one that was planned"
    )
    world.days(day(3, 28), day(3, 28))
    assert world.states()[0] == ("done", "")
    assert world.clock.now() - world.run().auto.on_at > timedelta(days=100)


def test_a_notice_that_is_void_is_not_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    auto = world.on()
    world.days(day(3, 20), day(3, 21))
    kill_in(monkeypatch, f"{RENEWALS}.agenda.message_of", after=False)
    with pytest.raises(Killed):
        world.at(3, 22)
    auto_stop(auto=auto, by=None, reason="link", now=world.clock.now())
    world.days(day(3, 22), day(3, 24))
    assert sent() == []
    assert AutoMessage.objects.get().state == "void"
