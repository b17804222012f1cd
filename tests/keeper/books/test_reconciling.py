"""Our rows against the provider's own list: what is missing there, what is extra, what has another amount."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from lineaviva.keeper.accounts.models import AuditEntry
from lineaviva.keeper.books import queries
from lineaviva.keeper.books.models import Difference, Posting, Reconciliation, StatementLine
from lineaviva.keeper.payments import reconciling
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.payments.ports import Asked, Movement
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.payments.reconciling import difference_settle
from lineaviva.kernel import agenda
from lineaviva.kernel.agenda.registry import registered
from lineaviva.kernel.clock import FrozenClock
from lineaviva.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from tests import factories
from tests.keeper.books.conftest import Purse
from tests.keeper.books.listed import Listed, lists
from tests.keeper.together import together

TODAY = date(2026, 11, 22)
NIGHT = timedelta(hours=17)  # from noon in Rome to 04:00 UTC of the next day


class Days:
    """Noon after noon, with what is due of reconciliation in between."""

    def __init__(self, clock: FrozenClock) -> None:
        self.clock = clock

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def look(self) -> None:
        handlers = [one for one in registered() if one.model in (Reconciliation, Difference)]
        worker = agenda.Worker(handlers, threads=0)
        while worker.run_once(self.clock.now()):
            pass

    def pass_by(self, days: int = 1) -> None:
        for _ in range(days):
            self.clock.advance(timedelta(days=1))
            self.look()


@pytest.fixture
def days(clock: FrozenClock, transactional_db: None, settings: Any) -> Iterator[Days]:
    settings.PAYMENT_PROVIDERS = {**settings.PAYMENT_PROVIDERS, "stripe": "tests.keeper.books.listed.Listed"}
    Listed.lines.clear()
    Listed.asked.clear()
    Listed.away = False
    yield Days(clock)
    assert [said for said in disagreement() if not said.startswith("delivered")] == []


def paid(days: Days, **facts: Any) -> Purse:
    purse = Purse(days.now, **facts).pay()
    purse.attempt = PaymentAttempt.objects.get(pk=purse.attempt.pk)
    return purse


def listed(purse: Purse, *, fee: int = 0, at: datetime | None = None, minor: int | None = None) -> str:
    amount = purse.attempt.amount_minor if minor is None else minor
    return lists("charge", amount, at or purse.now, fee=fee, ref=purse.attempt.charge_ref)


def filed() -> list[tuple[str, str, int | None, int | None, str]]:
    rows = Difference.objects.order_by("pk")
    return list(rows.values_list("kind", "about", "ours_minor", "theirs_minor", "state"))


# --- day by day ---------------------------------------------------------------------------------------------------


def test_every_day_is_read_once_after_it_is_over(days: Days) -> None:
    listed(paid(days))
    row = Reconciliation.objects.get()
    assert (row.provider, row.day, row.state) == ("stripe", TODAY, "open")
    days.clock.advance(NIGHT - timedelta(seconds=1))
    days.look()
    assert Listed.asked == []
    days.clock.advance(timedelta(seconds=1))
    days.look()
    assert Listed.asked == [TODAY]
    row.refresh_from_db()
    assert (row.state, row.lines, row.done_at, row.look_at) == ("done", 1, days.now, None)
    assert queries.read_until() == {"stripe": TODAY}
    days.pass_by(3)
    assert Listed.asked == [TODAY + timedelta(days=number) for number in range(4)]
    assert filed() == []


def test_woken_before_the_day_is_over_it_waits(days: Days) -> None:
    paid(days)
    with transaction.atomic():
        agenda.wake(Reconciliation.objects.all(), days.now)
    days.look()
    row = Reconciliation.objects.get()
    assert (Listed.asked, row.state, row.look_at) == ([], "open", days.now + NIGHT)


def test_days_that_were_missed_are_made_up_for(days: Days) -> None:
    listed(paid(days))
    days.clock.advance(timedelta(days=5))
    days.look()
    assert Listed.asked == [TODAY + timedelta(days=number) for number in range(5)]
    assert (Reconciliation.objects.filter(state="open").get().day, filed()) == (TODAY + timedelta(days=5), [])


def test_a_provider_that_is_away_is_asked_again(days: Days) -> None:
    listed(paid(days), fee=12)
    Listed.away = True
    days.pass_by()
    assert (Reconciliation.objects.get().state, StatementLine.objects.count()) == ("open", 0)
    Listed.away = False
    days.clock.advance(timedelta(hours=1))
    days.look()
    assert queries.read_until() == {"stripe": TODAY}
    assert queries.balances()["fees:stripe"] == 12


@pytest.mark.parametrize("way", ["cash", "paypal"])
def test_without_a_list_nothing_is_read(days: Days, way: str, settings: Any) -> None:
    settings.PAYMENT_PROVIDERS.pop("paypal", None)
    Purse(days.now, way=way).pay()
    assert not Reconciliation.objects.exists()


def test_a_provider_that_was_switched_off_is_for_a_person(days: Days, settings: Any) -> None:
    listed(paid(days))
    settings.PAYMENT_PROVIDERS = {"cash": settings.PAYMENT_PROVIDERS["cash"]}
    days.pass_by()
    (stuck,) = agenda.stuck()
    assert "stripe is switched off here" in stuck.stuck_reason


def test_payments_at_once_begin_it_once(days: Days) -> None:
    purses = [Purse(days.now) for _ in range(3)]
    together(3, lambda: purses.pop().pay())
    assert Reconciliation.objects.count() == 1


# --- they agree ---------------------------------------------------------------------------------------------------


def test_charges_and_refunds_that_agree(days: Days) -> None:
    by_reference, by_key = paid(days), paid(days)
    listed(by_reference, fee=15)
    lists("charge", 500, days.now, fee=20, ref="another name", key=by_key.attempt.idempotency_key)
    by_reference.refuse().give_back()
    lists("refund", -500, days.now, ref=f"re_{by_reference.refund.pk}")
    by_key.activate().ask_back(100).give_back("x").ask_back(50, "more").give_back("y")
    for number, minor in ((1, -100), (2, -50)):
        refund = Refund.objects.get(attempt=by_key.attempt, number=number)
        key = f"refund:{by_key.attempt.idempotency_key}" + (":2" if number == 2 else "")
        assert refund.provider_ref
        lists("refund", minor, days.now, ref=f"theirs {number}", key=key)
    days.pass_by(3)
    assert filed() == []
    assert queries.balances() == {
        **{"fees:stripe": 35, "provider:stripe": 500 - 150 - 35, "sales:single_stage": -350},
    }


def test_what_happened_around_midnight_agrees(days: Days) -> None:
    """They say before midnight, we heard of it after; and the other way round."""
    early, late = paid(days), paid(days)
    listed(early, at=days.now - timedelta(days=1))
    listed(late, at=days.now + timedelta(days=1))
    Reconciliation.objects.update(day=TODAY - timedelta(days=1), look_at=days.now)
    days.pass_by(4)
    assert filed() == []


def test_what_a_person_gave_back_is_not_looked_for(days: Days) -> None:
    purse = paid(days)
    listed(purse)
    purse.refuse().give_back_by_hand()
    days.pass_by(3)
    assert filed() == []
    assert queries.balances() == {"provider:stripe": 500, "till:cash": -500}


def test_a_list_that_is_read_twice_is_posted_once(days: Days) -> None:
    listed(paid(days), fee=15)
    lists("payout", -300, days.now, ref="po_1")
    days.pass_by()
    before = (queries.balances(), Posting.objects.count(), StatementLine.objects.count())
    Reconciliation.objects.filter(day=TODAY).update(state="open", look_at=days.now)
    days.look()
    assert (queries.balances(), Posting.objects.count(), StatementLine.objects.count()) == before
    assert before[0] == {"bank": 300, "fees:stripe": 15, "held": -500, "provider:stripe": 185}


def test_killed_while_it_is_written_all_of_it_is_written_next_time(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(paid(days), fee=15)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(reconciling, "_compare", killed)
        with pytest.raises(KeyboardInterrupt):
            days.pass_by()
    assert (StatementLine.objects.count(), queries.balances()) == (0, {"held": -500, "provider:stripe": 500})
    days.clock.advance(timedelta(minutes=21))
    days.look()
    assert queries.balances() == {"fees:stripe": 15, "held": -500, "provider:stripe": 485}


# --- what only they can tell --------------------------------------------------------------------------------------


def test_fees_payouts_and_disputes_are_posted_as_of_their_time(days: Days) -> None:
    purse = paid(days, price=5000)
    listed(purse, fee=100)
    noon = purse.now
    lists("fee", -200, noon, ref="fee of the month")
    lists("payout", -4000, noon + timedelta(minutes=1), ref="po_1")
    lists("dispute", -500, noon, fee=20, ref="dp_1")
    lists("dispute", 500, noon + timedelta(minutes=2), ref="dp_1")
    days.pass_by()
    assert queries.balances() == {
        **{"bank": 4000, "fees:stripe": 320, "held": -5000, "provider:stripe": 680},
    }
    row = Posting.objects.get(kind="payout")
    assert (row.key, row.at, row.reference) == ("payout:stripe:txn_3", noon + timedelta(minutes=1), "po_1")
    assert row.detail == {"provider": "stripe", "line": "txn_3"}
    # Money that a bank took back is for a person, also when it came again.
    assert [(kind, theirs, state) for kind, _about, _ours, theirs, state in filed()] == [
        ("dispute", -500, "open"),
        ("dispute", 500, "open"),
    ]
    first, second = agenda.stuck()
    assert "-5.00 EUR on 2026-11-22 by dispute dp_1" in first.stuck_reason
    assert "answer it there before its time is over" in second.stuck_reason


class Telling(Listed):
    """A provider that is asked piece by piece: it tells whatever it knows, of any day."""

    def listing(self, day: date, asked: Iterable[Asked]) -> Iterable[Movement]:
        return list(self.lines)


def test_a_line_that_is_told_late_is_compared_when_it_comes(days: Days, settings: Any) -> None:
    settings.PAYMENT_PROVIDERS = {**settings.PAYMENT_PROVIDERS, "stripe": "tests.keeper.books.test_reconciling.Telling"}
    listed(paid(days))
    days.pass_by(3)
    assert filed() == []
    old = days.now - timedelta(days=9)
    lists("charge", 700, old, ref="ch_old")
    days.pass_by()
    assert [(kind, theirs, state) for kind, _about, _ours, theirs, state in filed()] == [("extra", 700, "open")]
    assert Difference.objects.get().day == old.date()


# --- they differ --------------------------------------------------------------------------------------------------


def test_a_payment_that_they_do_not_list(days: Days) -> None:
    purse = paid(days)
    days.pass_by()
    assert filed() == []  # its other half may be on the next day's list
    days.pass_by()
    assert filed() == [("missing", purse.attempt.idempotency_key, 500, None, "open")]
    (stuck,) = agenda.stuck()
    assert stuck == Difference.objects.get()
    for part in (f"order {purse.order.code}", "5.00 EUR", "stripe's list around 2026-11-22", "lineaviva books settle"):
        assert part in stuck.stuck_reason
    days.pass_by(3)
    assert len(filed()) == 1


def test_a_refund_that_they_do_not_list(days: Days) -> None:
    purse = paid(days)
    listed(purse)
    purse.refuse().give_back()
    days.pass_by(2)
    assert filed() == [("missing", f"refund:{purse.attempt.idempotency_key}", -500, None, "open")]


@pytest.mark.parametrize(
    ("kind", "minor"), [("charge", 900), ("refund", -900), ("other", 77)], ids=["charge", "refund", "something else"]
)
def test_what_we_do_not_know(days: Days, kind: str, minor: int) -> None:
    listed(paid(days))
    name = lists(kind, minor, days.now, ref="who", key="pay:NOBODYS1:1" if kind == "charge" else "")
    days.pass_by(2)
    assert filed() == [("extra", name, None, minor, "open")]
    (stuck,) = agenda.stuck()
    assert "2026-11-22 (who), which is not known here" in stuck.stuck_reason


def test_a_payment_that_never_succeeded_here(days: Days) -> None:
    listed(paid(days))
    other = Purse(days.now)
    name = lists("charge", 500, days.now, ref="ch_other", key=other.attempt.idempotency_key)
    days.pass_by(2)
    assert filed() == [("extra", name, None, 500, "open")]


def test_another_currency_is_missing_in_one_and_extra_in_the_other(days: Days) -> None:
    purse = paid(days)
    name = lists("charge", 500, days.now, ref=purse.attempt.charge_ref, eur="USD")
    days.pass_by(2)
    assert filed() == [
        ("extra", name, None, 500, "open"),
        ("missing", purse.attempt.idempotency_key, 500, None, "open"),
    ]
    for row in Difference.objects.all():
        difference_settle(pk=row.pk, reason="converted there", by=dora(), now=days.now)
    assert queries.balances() == {"difference": 500, "held": -500}
    assert queries.balances("USD") == {"difference": -500, "provider:stripe": 500}


def test_a_refund_that_failed_there_and_was_given_back_by_hand_agrees(days: Days) -> None:
    purse = paid(days)
    listed(purse)
    purse.refuse()
    key = f"refund:{purse.attempt.idempotency_key}"
    lists("refund", -500, days.now, ref="re_1", key=key)
    lists("refund", 500, days.now + timedelta(days=3), ref="re_1", key=key)
    days.pass_by(2)
    # Until it failed it is money that left, and we do not have it as given back.
    assert [(kind, state) for kind, *_rest, state in filed()] == [("extra", "open")]
    purse.give_back_by_hand()
    days.pass_by(4)
    assert [(kind, state) for kind, *_rest, state in filed()] == [("extra", "agreed")]
    assert queries.balances() == {"provider:stripe": 500, "till:cash": -500}


def test_a_refund_that_fails_after_it_had_succeeded_is_seen(days: Days) -> None:
    purse = paid(days)
    listed(purse)
    purse.refuse().give_back()
    first = lists("refund", -500, days.now, ref=f"re_{purse.refund.pk}")
    lists("refund", 500, days.now + timedelta(days=3), ref=f"re_{purse.refund.pk}")
    days.pass_by(4)
    assert filed() == []
    days.pass_by(1)
    assert filed() == [("amount", first, -500, 0, "open")]
    (row,) = Difference.objects.all()
    difference_settle(pk=row.pk, reason="given again by transfer", by=dora(), now=days.now)
    assert queries.balances() == {"difference": -500, "provider:stripe": 500}


def test_what_had_agreed_and_does_so_no_more_is_open_again(days: Days) -> None:
    listed(paid(days))
    late = Purse(days.now)
    name = lists("charge", 500, days.now, ref=f"ch_{late.attempt.pk}", key=late.attempt.idempotency_key)
    days.pass_by(2)
    late.now = days.now
    late.pay()
    days.pass_by()
    assert [row[-1] for row in filed()] == ["agreed"]
    PaymentAttempt.objects.filter(pk=late.attempt.pk).update(state="open")
    Reconciliation.objects.filter(day=TODAY + timedelta(days=1)).update(state="open", look_at=days.now)
    days.look()
    assert filed() == [("extra", name, None, 500, "open")]
    PaymentAttempt.objects.filter(pk=late.attempt.pk).update(state="succeeded")


def test_another_amount(days: Days) -> None:
    purse = paid(days)
    name = lists("charge", 499, days.now, ref=purse.attempt.charge_ref)
    days.pass_by(2)
    assert filed() == [("amount", name, 500, 499, "open")]
    (stuck,) = agenda.stuck()
    assert f"for order {purse.order.code}, which has 5.00" in stuck.stuck_reason


def test_a_refund_of_another_amount(days: Days) -> None:
    purse = paid(days)
    listed(purse)
    purse.refuse().give_back()
    name = lists("refund", -50, days.now, ref=f"re_{purse.refund.pk}")
    days.pass_by(2)
    assert filed() == [("amount", name, -500, -50, "open")]


# --- and agree later ----------------------------------------------------------------------------------------------


def test_a_payment_that_they_list_late_agrees_by_itself(days: Days) -> None:
    purse = paid(days)
    days.pass_by(2)
    listed(purse, at=days.now)
    days.pass_by()
    assert filed() == [("missing", purse.attempt.idempotency_key, 500, None, "agreed")]
    row = Difference.objects.get()
    assert (row.settled_at, row.settled_by, row.stuck_reason, agenda.stuck()) == (days.now, None, "", [])


def test_a_payment_that_we_hear_of_late_agrees_by_itself(days: Days) -> None:
    listed(paid(days))
    late = Purse(days.now)
    name = lists("charge", 500, days.now, ref=f"ch_{late.attempt.pk}", key=late.attempt.idempotency_key)
    days.pass_by(2)
    assert filed() == [("extra", name, None, 500, "open")]
    late.now = days.now
    late.pay()
    days.pass_by(3)
    assert filed() == [("extra", name, None, 500, "agreed")]
    assert queries.balances() == {"held": -1000, "provider:stripe": 1000}


def test_what_is_another_difference_by_now_is_filed_as_that(days: Days) -> None:
    listed(paid(days))
    late = Purse(days.now)
    name = lists("charge", 400, days.now, key=late.attempt.idempotency_key)
    days.pass_by(2)
    late.now = days.now
    late.pay()
    days.pass_by()
    assert filed() == [("extra", name, None, 400, "agreed"), ("amount", name, 500, 400, "open")]


# --- a person settles it ------------------------------------------------------------------------------------------


def dora() -> Any:
    return factories.holder("dora@example.org", role="operations")


def settle(days: Days, reason: str = "looked it up") -> Difference:
    return difference_settle(pk=Difference.objects.get().pk, reason=reason, by=dora(), now=days.now)


@pytest.mark.parametrize(
    ("make", "corrected"),
    [
        (lambda days: None, {"difference": 500, "held": -500}),
        (lambda days: lists("charge", 480, days.now, key="KEY"), {"difference": 20, "held": -500, "provider": 480}),
    ],
    ids=["missing", "amount"],
)
def test_our_account_gets_what_theirs_has(days: Days, make: Any, corrected: dict[str, int]) -> None:
    purse = paid(days)
    make(days)
    Listed.lines[:] = [
        type(line)(line.kind, line.line, "", line.amount, line.fee, line.at, purse.attempt.idempotency_key)
        for line in Listed.lines
    ]
    days.pass_by(2)
    row = settle(days, "  charged back \n by hand ")
    assert (row.state, row.reason, row.settled_by, row.stuck_reason) == ("settled", "charged back by hand", dora(), "")
    balances = {name.partition(":")[0]: minor for name, minor in queries.balances().items()}
    assert balances == corrected
    assert agenda.stuck() == []
    entry = AuditEntry.objects.get(act="difference_settle")
    assert (entry.actor, entry.subject) == (dora(), f"difference:{row.pk}")
    days.pass_by(3)
    assert len(filed()) == 1


def test_what_is_extra_comes_in_and_a_dispute_moves_nothing(days: Days) -> None:
    listed(paid(days))
    lists("charge", 700, days.now, ref="who")
    lists("dispute", -100, days.now, ref="dp")
    days.pass_by(2)
    for row in Difference.objects.all():
        difference_settle(pk=row.pk, reason="known", by=dora(), now=days.now)
    assert queries.balances() == {"difference": -700, "held": -500, "losses": 100, "provider:stripe": 1100}
    assert Posting.objects.filter(kind="correction").count() == 1


def test_what_was_settled_as_missing_and_comes_after_all_is_extra(days: Days) -> None:
    purse = paid(days)
    days.pass_by(2)
    settle(days)
    name = listed(purse, at=days.now)
    days.pass_by(2)
    assert filed()[1:] == [("extra", name, None, 500, "open")]
    difference_settle(pk=Difference.objects.latest("pk").pk, reason="it came", by=dora(), now=days.now)
    assert queries.balances() == {"held": -500, "provider:stripe": 500}


def test_what_was_settled_as_extra_and_is_paid_after_all_is_missing(days: Days) -> None:
    listed(paid(days))
    late = Purse(days.now)
    lists("charge", 500, days.now, key=late.attempt.idempotency_key)
    days.pass_by(2)
    settle(days)
    late.now = days.now
    late.pay()
    days.pass_by(2)
    assert filed()[1:] == [("missing", late.attempt.idempotency_key, 500, None, "open")]


def test_who_may_not_and_what_cannot_be_settled(days: Days) -> None:
    paid(days)
    days.pass_by(2)
    row = Difference.objects.get()
    before = (queries.balances(), filed())
    for person in (factories.clerk(), factories.anna()):
        with pytest.raises(NotAllowed):
            difference_settle(pk=row.pk, reason="x", by=person, now=days.now)
    with pytest.raises(InvalidInput) as refused:
        settle(days, " \n ")
    assert refused.value.code == "reason_missing"
    with pytest.raises(NotFound):
        difference_settle(pk=row.pk + 1, reason="x", by=dora(), now=days.now)
    assert (queries.balances(), filed()) == before
    settle(days)
    after = (queries.balances(), filed())
    with pytest.raises(Conflict) as twice:
        settle(days)
    assert (twice.value.code, (queries.balances(), filed())) == ("difference_settled", after)
    assert AuditEntry.objects.filter(act="difference_settle").count() == 1
