"""Reminders through the agenda: planned, sent, superseded, cancelled; with a clock that is moved."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import transaction

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.actions import (
    line_change,
    line_event_record,
    line_remove,
    line_restore,
    line_share,
    line_tell,
)
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.reminders.actions import reminders_cancel, reminders_plan, send_due
from lineaviva.keeper.reminders.email.adapter import EmailChannel
from lineaviva.keeper.reminders.links import renewal_link_read
from lineaviva.keeper.reminders.models import Reminder
from lineaviva.keeper.reminders.ports import Message
from lineaviva.keeper.reminders.queries import reminders_of, reminders_shown
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import ROME, FrozenClock
from lineaviva.kernel.errors import Permanent, Temporary
from tests import factories

pytestmark = pytest.mark.django_db


def at(year: int, month: int, day: int, hour: int = 12) -> datetime:
    return datetime(year, month, day, hour, tzinfo=ROME)


def stages(state: str, channel: str = "email") -> list[int]:
    rows = Reminder.objects.filter(state=state, channel=channel)
    return list(rows.order_by("-deadline_on", "-stage").values_list("stage", flat=True))


def live(clock: FrozenClock, first: datetime, last: datetime) -> None:
    """Every day at this hour, with a worker that does what is due."""
    while first <= last:
        clock.move_to(first)
        agenda.run_due(clock.now())
        first += timedelta(days=1)


class TestLadder:
    def test_each_rung_once(self, clock: FrozenClock) -> None:
        clock.move_to(at(2026, 9, 1))
        factories.line(last_topup=date(2025, 12, 1), now=clock.now())
        live(clock, at(2026, 9, 1), at(2026, 12, 1))
        assert stages("sent") == [60, 30, 14, 7, 3, 1, 0]
        assert [message.subject.split(": ")[1] for message in mail.outbox] == [
            *["rinnova entro il 1º dicembre 2026"] * 6,
            "oggi, il 1º dicembre 2026, è l’ultimo giorno",
        ]
        assert stages("superseded") == []

    def test_then_daily_until_the_number_is_lost(self, clock: FrozenClock) -> None:
        clock.move_to(at(2026, 11, 30))
        line = factories.line(last_topup=date(2025, 12, 1), now=clock.now())
        live(clock, at(2026, 12, 1), at(2027, 12, 5))
        sent = Reminder.objects.filter(state="sent", channel="email")
        assert [sent.filter(deadline=kind).count() for kind in ("limited", "off", "lost")] == [1, 31, 334]
        assert sent.count() == len(mail.outbox)
        line.refresh_from_db()
        assert (line.state, line.next_deadline_on) == ("lost", None)

    def test_many_looks_a_day_send_once(self, clock: FrozenClock) -> None:
        clock.move_to(at(2026, 11, 24, 8))
        line = factories.line(last_topup=date(2025, 12, 1), now=clock.now())
        for hour in range(8, 24):
            clock.move_to(at(2026, 11, 24, hour))
            agenda.wake(line, clock.now())
            agenda.run_due(clock.now())
        assert stages("sent") == [14, 7]
        assert len(mail.outbox) == 2

    def test_a_line_far_from_its_date_is_quiet(self, now: datetime) -> None:
        line = factories.line(last_topup=date(2026, 11, 1))
        agenda.run_due(now)
        line.refresh_from_db()
        assert line.look_at == now + timedelta(days=30)
        assert not Reminder.objects.exists()

    def test_a_line_of_which_nothing_is_known_is_quiet(self, now: datetime) -> None:
        factories.line(last_topup=None)
        agenda.run_due(now)
        assert not Reminder.objects.exists()
        assert not mail.outbox

    def test_the_state_that_lists_are_sorted_by_is_kept_up_to_date(self, clock: FrozenClock) -> None:
        line = factories.line(last_topup=date(2025, 12, 1), now=clock.now())
        live(clock, at(2026, 11, 22), at(2026, 12, 1))
        clock.move_to(at(2026, 12, 2, 0))
        agenda.run_due(clock.now())
        line.refresh_from_db()
        assert (line.state, line.next_deadline_on) == ("receive_only", date(2027, 1, 1))


class TestAMissedWeek:
    def test_sends_one_message_not_seven(self, clock: FrozenClock) -> None:
        clock.move_to(at(2026, 11, 22))
        factories.line(last_topup=date(2025, 12, 1), now=clock.now())
        agenda.run_due(clock.now())
        assert stages("sent") == [14]
        clock.move_to(at(2026, 12, 1))
        agenda.run_due(clock.now())
        assert stages("sent") == [14, 0]
        assert stages("superseded") == [60, 30, 7, 3, 1]
        assert len(mail.outbox) == 2

    def test_in_the_days_of_daily_messages_too(self, clock: FrozenClock) -> None:
        clock.move_to(at(2026, 12, 1))
        factories.line(last_topup=date(2025, 12, 1), now=clock.now())
        live(clock, at(2026, 12, 1), at(2026, 12, 4))
        live(clock, at(2026, 12, 12), at(2026, 12, 12))
        assert stages("sent") == [30, 29, 28, 20, 0]
        assert stages("superseded") == [27, 26, 25, 24, 23, 22, 21, 60, 30, 14, 7, 3, 1]

    def test_a_message_that_could_not_go_out_is_overtaken_by_the_next(
        self, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def down(self: EmailChannel, message: Message) -> None:
            raise Temporary("the SMTP server did not answer")

        with monkeypatch.context() as patch:
            patch.setattr(EmailChannel, "send", down)
            clock.move_to(at(2026, 11, 24))
            factories.line(last_topup=date(2025, 12, 1), now=clock.now())
            live(clock, at(2026, 11, 24), at(2026, 11, 29))
            assert (stages("open"), stages("sent"), mail.outbox) == ([3], [], [])
        live(clock, at(2026, 11, 30), at(2026, 11, 30))
        assert (stages("open"), stages("sent"), len(mail.outbox)) == ([], [1], 1)
        assert stages("superseded") == [60, 30, 14, 7, 3]

    def test_a_row_left_open_by_a_power_cut_is_not_sent_beside_its_successor(self, clock: FrozenClock) -> None:
        clock.move_to(at(2026, 11, 24))
        line = factories.line(last_topup=date(2025, 12, 1), now=clock.now())
        reminders_plan(line=line, now=clock.now())
        assert stages("open") == [7]
        clock.move_to(at(2026, 12, 1))
        agenda.run_due(clock.now())
        assert (stages("sent"), stages("open"), len(mail.outbox)) == ([0], [], 1)


class TestRenewing:
    def test_cancels_what_is_open_in_the_same_transaction(self, clock: FrozenClock) -> None:
        clock.move_to(at(2026, 11, 24))
        line = factories.line(last_topup=date(2025, 12, 1), now=clock.now())
        reminders_plan(line=line, now=clock.now())
        with transaction.atomic():
            line_event_record(line=line, kind="topup", on=date(2026, 11, 24), reference="order:A", now=clock.now())
            assert reminders_cancel(line=line, now=clock.now()) == 2
        agenda.run_due(clock.now())
        live(clock, at(2026, 11, 25), at(2026, 12, 10))
        assert (stages("cancelled"), stages("cancelled", "app"), stages("sent"), mail.outbox) == ([7], [7], [], [])
        assert not reminders_shown(line.holder).exists()

    def test_even_if_nobody_cancelled_nothing_is_sent_after(self, clock: FrozenClock) -> None:
        clock.move_to(at(2026, 11, 24))
        line = factories.line(last_topup=date(2025, 12, 1), now=clock.now())
        reminders_plan(line=line, now=clock.now())
        line_event_record(line=line, kind="topup", on=date(2026, 11, 24), reference="order:A", now=clock.now())
        agenda.run_due(clock.now())
        assert (stages("cancelled"), stages("open"), mail.outbox) == ([7], [], [])

    def test_a_correction_cancels_too(self, clock: FrozenClock) -> None:
        clock.move_to(at(2026, 11, 24))
        line = factories.line(last_topup=date(2025, 12, 1), now=clock.now())
        reminders_plan(line=line, now=clock.now())
        line_tell(line=line, kind="topup", on=date(2026, 6, 1), by=line.holder, now=clock.now())
        agenda.run_due(clock.now())
        assert (stages("cancelled"), stages("sent"), mail.outbox) == ([7], [], [])
        # And back again: the same stage was given up once and stays so; the next one comes.
        line_tell(line=line, kind="topup", on=date(2025, 12, 1), by=line.holder, now=clock.now())
        live(clock, at(2026, 11, 24), at(2026, 11, 28))
        assert stages("sent") == [3]

    def test_the_next_year_begins_a_new_ladder(self, clock: FrozenClock) -> None:
        clock.move_to(at(2026, 11, 24))
        line = factories.line(last_topup=date(2025, 12, 1), now=clock.now())
        agenda.run_due(clock.now())
        line_event_record(line=line, kind="topup", on=date(2026, 11, 24), reference="order:A", now=clock.now())
        reminders_cancel(line=line, now=clock.now())
        live(clock, at(2027, 9, 1), at(2027, 11, 24))
        assert [
            row.stage
            for row in Reminder.objects.filter(deadline_on=date(2027, 11, 24), state="sent", channel="email").order_by(
                "pk"
            )
        ] == [60, 30, 14, 7, 3, 1, 0]


class TestWhoIsLeftAlone:
    def test_a_removed_line(self, clock: FrozenClock) -> None:
        clock.move_to(at(2026, 11, 24))
        line = factories.line(last_topup=date(2025, 12, 1), now=clock.now())
        reminders_plan(line=line, now=clock.now())
        line_remove(line=line, by=None, now=clock.now())
        live(clock, at(2026, 11, 24), at(2026, 11, 30))
        assert (stages("cancelled"), stages("sent"), mail.outbox) == ([7], [], [])
        line.refresh_from_db()
        assert line.look_at is None
        line_restore(line=line, by=None, now=clock.now())
        live(clock, at(2026, 12, 1), at(2026, 12, 1))
        assert stages("sent") == [0]

    def test_an_account_that_is_switched_off(self, clock: FrozenClock) -> None:
        clock.move_to(at(2026, 11, 24))
        factories.line(last_topup=date(2025, 12, 1), now=clock.now())
        User.objects.update(is_active=False)
        agenda.run_due(clock.now())
        assert not Reminder.objects.exists()


class TestTheMessage:
    def test_is_in_the_holders_language_and_opens_the_renewal(self, clock: FrozenClock) -> None:
        clock.move_to(at(2026, 11, 24))
        anna = factories.holder(language="zh-hant")
        line = factories.line(holder=anna, label="媽媽", last_topup=date(2025, 12, 1), now=clock.now())
        agenda.run_due(clock.now())
        (message,) = mail.outbox
        assert message.to == ["anna@example.org"]
        assert message.subject == f"媽媽 · TIM（義大利電信） …{line.msisdn[-4:]}：請最晚於2026年12月1日續期"
        assert line.msisdn[3:] not in str(message.body)
        assert message.extra_headers["Message-ID"] == f"<reminder.{line.pk}.limited.2026-12-01.7.email@127.0.0.1>"
        assert message.extra_headers["Content-Language"] == "zh-hant"
        link = next(part for part in str(message.body).split() if "/r/" in part)
        assert link.startswith("http://127.0.0.1:8000/r/")
        token = link.split("/")[4]
        assert renewal_link_read(token, clock.now() + timedelta(hours=47)) == (line.pk, anna.pk)

    def test_sent_and_then_killed_it_goes_out_again_under_the_same_name(self, clock: FrozenClock) -> None:
        clock.move_to(at(2026, 11, 24))
        factories.line(last_topup=date(2025, 12, 1), now=clock.now())
        agenda.run_due(clock.now())
        # As a worker leaves it that dies between handing over and writing it down.
        Reminder.objects.filter(channel="email", state="sent").update(state="open", look_at=clock.now(), sent_at=None)
        clock.advance(timedelta(minutes=10))
        agenda.run_due(clock.now())
        first, second = mail.outbox
        assert first.extra_headers["Message-ID"] == second.extra_headers["Message-ID"]
        assert stages("sent") == [7]


class TestTrouble:
    def test_an_address_that_does_not_exist_stands_on_the_stuck_list(
        self, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(self: EmailChannel, message: Message) -> None:
            raise Permanent("the SMTP server refused the recipient: 550")

        monkeypatch.setattr(EmailChannel, "send", refuse)
        clock.move_to(at(2026, 11, 24))
        line = factories.line(last_topup=date(2025, 12, 1), now=clock.now())
        live(clock, at(2026, 11, 24), at(2026, 11, 27))
        (stuck,) = agenda.stuck()
        assert (stuck.stage, stuck.state) == (7, "open")  # type: ignore[attr-defined]
        assert "550" in stuck.stuck_reason
        # The next rung tries again, and only that one is stuck then.
        live(clock, at(2026, 11, 28), at(2026, 11, 28))
        assert [row.stage for row in agenda.stuck()] == [3]  # type: ignore[attr-defined]
        # Renewing ends the matter.
        line_event_record(line=line, kind="topup", on=date(2026, 11, 28), reference="order:A", now=clock.now())
        reminders_cancel(line=line, now=clock.now())
        assert agenda.stuck() == []

    def test_one_bad_address_holds_up_nobody(self, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
        send = EmailChannel.send

        def sometimes(self: EmailChannel, message: Message) -> None:
            if message.to.startswith("eve"):
                raise Permanent("550")
            send(self, message)

        monkeypatch.setattr(EmailChannel, "send", sometimes)
        clock.move_to(at(2026, 11, 24))
        for name in ("anna", "eve", "bo"):
            factories.line(
                holder=factories.holder(f"{name}@example.org"), last_topup=date(2025, 12, 1), now=clock.now()
            )
        agenda.run_due(clock.now())
        assert sorted(message.to[0] for message in mail.outbox) == ["anna@example.org", "bo@example.org"]


class TestTheListInsideTheApp:
    def test_shows_the_present_stage_of_each_line(self, clock: FrozenClock) -> None:
        anna, bo = factories.holder(), factories.holder("bo@example.org")
        clock.move_to(at(2026, 11, 24))
        soon = factories.line(holder=anna, last_topup=date(2025, 12, 1), now=clock.now())
        later = factories.line(holder=anna, last_topup=date(2025, 12, 20), now=clock.now())
        line_share(line=soon, with_email=bo.email, right="read", by=anna, now=clock.now())
        live(clock, at(2026, 11, 24), at(2026, 11, 29))
        assert [(row.line, row.stage, row.sent_at) for row in reminders_shown(anna)] == [
            (soon, 3, at(2026, 11, 28)),
            (later, 30, at(2026, 11, 24)),
        ]
        assert [row.line for row in reminders_shown(bo)] == [soon]
        assert not reminders_shown(factories.holder("eve@example.org")).exists()
        assert [row.state for row in reminders_of(soon).filter(channel="app", stage__in=[7, 3])] == [
            "open",
            "superseded",
        ]


class TestSendDue:
    def test_a_dry_run_says_what_it_would_send_and_writes_nothing(self, clock: FrozenClock) -> None:
        clock.move_to(at(2026, 11, 24))
        line = factories.line(last_topup=date(2025, 12, 1), now=clock.now())
        factories.line(last_topup=date(2026, 10, 1), now=clock.now())
        before = list(Line.objects.order_by("pk").values())
        report = send_due(now=clock.now(), dry_run=True)
        assert [(row.line, row.deadline, row.deadline_on, row.stage) for row in report.sent] == [
            (line, "limited", date(2026, 12, 1), 7)
        ]
        assert report.dry_run
        assert not Reminder.objects.exists()
        assert not mail.outbox
        assert list(Line.objects.order_by("pk").values()) == before

    def test_sends_what_the_dry_run_said_and_then_nothing_more(self, clock: FrozenClock) -> None:
        clock.move_to(at(2026, 11, 24))
        for day in (1, 5, 20):
            factories.line(last_topup=date(2025, 12, day), now=clock.now())
        dry = send_due(now=clock.now(), dry_run=True)
        report = send_due(now=clock.now())
        key = [(row.line_id, row.stage) for row in dry.sent]
        assert [(row.line_id, row.stage) for row in report.sent] == key
        assert len(mail.outbox) == 3
        assert report.waiting == []
        again = clock.now() + timedelta(minutes=1)
        assert send_due(now=again, dry_run=True).sent == []
        assert send_due(now=again).sent == []
        assert len(mail.outbox) == 3

    def test_what_could_not_go_out_is_waiting(self, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
        def down(self: EmailChannel, message: Message) -> None:
            raise Temporary("down")

        monkeypatch.setattr(EmailChannel, "send", down)
        clock.move_to(at(2026, 11, 24))
        line = factories.line(last_topup=date(2025, 12, 1), now=clock.now())
        report = send_due(now=clock.now())
        assert (report.sent, [row.line for row in report.waiting]) == ([], [line])

    def test_many_lines_in_few_statements(self, clock: FrozenClock, django_assert_max_num_queries: Any) -> None:
        clock.move_to(at(2026, 11, 24))
        anna = factories.holder()
        for _ in range(60):
            factories.line(holder=anna, last_topup=date(2025, 12, 1), now=clock.now())
        with django_assert_max_num_queries(4):
            assert len(send_due(now=clock.now(), dry_run=True).sent) == 60


def test_changing_the_operator_changes_the_ladder(clock: FrozenClock) -> None:
    clock.move_to(at(2026, 11, 24))
    line = factories.line(operator="tim", last_topup=date(2025, 12, 10), now=clock.now())
    agenda.run_due(clock.now())
    line_change(line=line, by=line.holder, now=clock.now(), operator="vodafone")
    agenda.run_due(clock.now())
    assert [
        (row.deadline, row.deadline_on, row.stage) for row in Reminder.objects.filter(state="sent").order_by("pk")
    ] == [
        ("limited", date(2026, 12, 10), 30),
        ("off", date(2026, 12, 10), 16),
    ]
    assert [row.deadline for row in reminders_shown(line.holder)] == ["off"]
