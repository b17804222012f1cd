"""The way of a renewal from end to end, told with a clock that stands still and an outside world that does not."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from lineaviva.keeper.lines.queries import line_deadlines
from lineaviva.keeper.payments.models import Refund
from lineaviva.keeper.payments.queries import money_balance
from lineaviva.keeper.receipts.models import Receipt
from lineaviva.keeper.reminders.models import Reminder
from lineaviva.kernel.clock import rome_date
from tests.stories.conftest import Story

pytestmark = pytest.mark.processes


def sent_stages(story: Story) -> list[int]:
    return list(
        Reminder.objects.filter(state="sent", channel="email").order_by("sent_at").values_list("stage", flat=True)
    )


def test_a_line_is_saved_the_day_before_it_turns_receive_only(story: Story) -> None:
    story.at(2026, 9, 20)
    line = story.line("tim", last_topup=date(2025, 11, 23))
    story.every_morning(date(2026, 9, 21), date(2026, 11, 22))
    assert sent_stages(story) == [60, 30, 14, 7, 3, 1]
    assert len(story.mails("2026")) == 6

    order = story.order(line)
    story.pay_and_lose_the_network(order)
    story.after(timedelta(minutes=2))
    story.after(timedelta(minutes=2))

    order.refresh_from_db()
    line.refresh_from_db()
    assert order.state == "active"
    assert line_deadlines(line, rome_date(story.clock.now())).full_service_until == date(2027, 11, 22)
    assert line.next_deadline_on == date(2027, 11, 22)
    assert Receipt.objects.get(order=order).full_number == "LV-2026-000001"
    assert story.bank(order) == ([order.total_minor], [])
    assert story.credited("tim").count(f"LV-{order.code}") == 1
    story.every_morning(date(2026, 11, 23), date(2026, 11, 30))
    assert sent_stages(story) == [60, 30, 14, 7, 3, 1]


def test_a_refused_activation_gives_the_money_back(story: Story) -> None:
    line = story.line("vodafone", last_topup=date(2026, 5, 1))
    before = line.next_deadline_on
    story.faults("vodafone", refusal_percent=100)
    order = story.order(line)
    try:
        story.pay_and_lose_the_network(order)
        story.after(timedelta(minutes=2))
        story.after(timedelta(minutes=2))
    finally:
        story.faults("vodafone", refusal_percent=0)

    order.refresh_from_db()
    line.refresh_from_db()
    assert order.state == "refunded"
    assert Refund.objects.get(attempt__order=order).state == "succeeded"
    assert story.bank(order) == ([order.total_minor], [order.total_minor])
    assert f"LV-{order.code}" not in story.credited("vodafone")
    assert line.next_deadline_on == before
    assert not Receipt.objects.exists()
    money = money_balance()
    assert (money.collected, money.refunded, money.delivered) == (order.total_minor, order.total_minor, 0)


def test_the_operators_answer_is_lost_and_nobody_is_charged_twice(story: Story) -> None:
    line = story.line("windtre", last_topup=date(2026, 1, 10))
    story.faults("windtre", lost_answer_percent=100)
    order = story.order(line)
    story.pay_and_lose_the_network(order)
    story.after(timedelta(minutes=2))
    order.refresh_from_db()
    assert order.activation.state == "unknown"
    assert order.state == "paid"
    assert not Refund.objects.exists()

    story.faults("windtre", lost_answer_percent=0)
    story.after(timedelta(hours=2))

    order.refresh_from_db()
    order.activation.refresh_from_db()
    assert (order.state, order.activation.state) == ("active", "succeeded")
    assert story.bank(order) == ([order.total_minor], [])
    assert story.credited("windtre").count(f"LV-{order.code}") == 1
    assert Receipt.objects.filter(order=order).count() == 1


def test_a_week_without_electricity(story: Story) -> None:
    story.at(2026, 11, 10)
    line = story.line("tim", last_topup=date(2025, 11, 20))
    story.every_morning(date(2026, 11, 10), date(2026, 11, 12))
    # Registered ten days before the date: the stages that had passed by then are one message, not three.
    assert sent_stages(story) == [14]

    # No power from the 13th; stages 7, 3 and 1 pass unseen. Back on the 20th, the last day of full service.
    story.at(2026, 11, 20, 10)
    assert sent_stages(story) == [14, 0]
    assert sorted(Reminder.objects.filter(channel="email", state="superseded").values_list("stage", flat=True)) == [
        1, 3, 7, 30, 60,
    ]  # fmt: skip

    order = story.order(line)
    story.pay_and_lose_the_network(order)
    # No power again before anything could be done with the money, for two days.
    story.after(timedelta(days=2))
    story.after(timedelta(minutes=5))
    order.refresh_from_db()
    line.refresh_from_db()
    assert order.state == "active"
    assert line.next_deadline_on == date(2027, 11, 22)
    assert story.bank(order) == ([order.total_minor], [])
