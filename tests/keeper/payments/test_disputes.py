"""Disputes: one row, one posting, on the stuck list until decided; nothing goes back or is charged meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

import pytest

from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.books import queries as books
from lineaviva.keeper.books.models import Difference, Posting, Reconciliation, StatementLine
from lineaviva.keeper.payments import queries, saving
from lineaviva.keeper.payments.actions import webhook_receive
from lineaviva.keeper.payments.disputes import dispute_heard
from lineaviva.keeper.payments.errors import REASONS
from lineaviva.keeper.payments.models import Dispute, InboxEvent, PaymentAttempt, Refund, SavedMethod
from lineaviva.keeper.payments.ports import Asked, DisputeState, DisputeStatus, Hint, Movement, RefundStatus, Return
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.payments.queries import money_balance
from lineaviva.keeper.payments.refunding import refund_confirm
from lineaviva.keeper.receipts.models import CreditNote
from lineaviva.keeper.web.paid_page import Back
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import FrozenClock
from lineaviva.kernel.errors import Conflict, Permanent, Temporary
from lineaviva.kernel.money import Money
from tests import factories
from tests.keeper.books.conftest import Purse
from tests.keeper.books.listed import Listed, lists
from tests.keeper.orders import factories as orders
from tests.keeper.payments.conftest import balance, state
from tests.keeper.together import together

DAY = timedelta(days=1)


class Bank(Listed):
    """A provider with a list, whose disputes a test writes down; keeps what it gave back."""

    polled = False
    disputes: ClassVar[dict[str, DisputeStatus]] = {}
    given_back: ClassVar[dict[str, int]] = {}
    asked_about: ClassVar[list[str]] = []

    def listing(self, day: date, asked: Iterable[Asked]) -> Iterable[Movement]:
        return super().listing(day, asked)

    def dispute(self, reference: str) -> DisputeStatus:
        self.asked_about.append(reference)
        if Listed.away:
            raise Temporary("away")
        if reference not in self.disputes:
            raise Permanent("No such dispute", code="resource_missing")
        return self.disputes[reference]

    def refund(self, back: Return) -> RefundStatus:
        self.given_back[back.key] = back.amount.minor
        return RefundStatus("succeeded", f"re_{back.key}")

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
        return Hint(**json.loads(body))


class Court:
    """What happens in these tests, in the words of its people."""

    def __init__(self, clock: FrozenClock) -> None:
        self.clock = clock

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def paid(self, **facts: Any) -> Purse:
        purse = Purse(self.now, **facts).pay()
        purse.attempt = PaymentAttempt.objects.get(pk=purse.attempt.pk)
        return purse

    def disputes(self, purse: Purse, name: str = "dp_1", *, minor: int | None = None) -> DisputeStatus:
        """Its payer does, at the bank: the money is taken at once, with a fee."""
        amount = Money(purse.attempt.amount_minor if minor is None else minor)
        taken = Movement("dispute", f"txn_{name}", name, -amount, Money(2000), self.now)
        found = DisputeStatus(
            name, purse.attempt.charge_ref, amount, "open", "fraudulent", self.now, answer_by=self.now + 7 * DAY
        )
        Bank.disputes[name] = replace(found, movements=(taken,))
        return Bank.disputes[name]

    def decides(self, end: DisputeState, name: str = "dp_1") -> None:
        found = Bank.disputes[name]
        again = Movement("dispute", f"txn_{name}_again", name, found.amount, Money(0), self.now)
        movements = (*found.movements, again) if end == "won" else found.movements
        Bank.disputes[name] = replace(found, state=end, answer_by=None, movements=movements)

    def tells(self, name: str = "dp_1", event: str = "evt_1") -> InboxEvent:
        told = {"external_id": event, "kind": "charge.dispute.created", "about": "dispute", "reference": name}
        kept = webhook_receive(source="stripe", headers={}, body=json.dumps(told).encode(), now=self.now)
        self.look()
        return kept

    def look(self) -> None:
        while agenda.run_due(self.now):
            pass

    def after(self, by: timedelta) -> None:
        self.clock.advance(by)
        self.look()

    def opened(self, purse: Purse, **facts: Any) -> Dispute:
        self.disputes(purse, **facts)
        self.tells()
        return Dispute.objects.get()


@pytest.fixture
def court(clock: FrozenClock, db: None, settings: Any) -> Iterator[Court]:
    here = "tests.keeper.payments.test_disputes.Bank"
    settings.PAYMENT_PROVIDERS = {"cash": settings.PAYMENT_PROVIDERS["cash"], "stripe": here}
    for kept in (Listed.lines, Listed.asked, Bank.disputes, Bank.given_back, Bank.asked_about):
        kept.clear()
    Listed.away = False
    yield Court(clock)
    assert disagreement() == []


def stuck() -> list[str]:
    """Of money; no operator is reached here."""
    return [row.stuck_reason for row in agenda.stuck() if not isinstance(row, Activation)]


# --- heard of -------------------------------------------------------------------------------------------------------


def test_a_dispute_is_written_down_posted_and_for_a_person(court: Court) -> None:
    purse = court.paid(price=2500).activate()
    row = court.opened(purse)
    assert (row.provider, row.provider_ref, row.attempt, row.amount_minor) == ("stripe", "dp_1", purse.attempt, 2500)
    assert (row.state, row.reason, row.opened_at, row.finished_at) == ("open", "fraudulent", court.now, None)
    assert row.answer_by == court.now + 7 * DAY
    assert stuck() == [
        f"NeedsPerson: A payer has 25.00 EUR of order {purse.order.code} disputed at stripe (fraudulent). "
        "Answer it there by 2026-11-29 12:00, with the receipt and the operator's reference. "
        "By its name there: lineaviva orders disputes"
    ]
    assert list(queries.disputes()) == [row]
    assert books.balances() == {
        **{"fees:stripe": 2000, "losses": 2500, "provider:stripe": -2000, "sales:single_stage": -2500},
    }


def test_told_twice_and_read_on_the_list_it_is_posted_once(court: Court) -> None:
    purse = court.paid()
    court.opened(purse)
    court.tells(event="evt_2")
    lists("charge", 500, court.now, ref=purse.attempt.charge_ref)
    Listed.lines.append(Bank.disputes["dp_1"].movements[0])
    before = Posting.objects.count()
    court.after(3 * DAY)
    assert (Dispute.objects.count(), Difference.objects.count()) == (1, 0)
    assert Posting.objects.count() == before
    assert StatementLine.objects.filter(kind="dispute").count() == 1
    assert books.balances() == {"fees:stripe": 2000, "held": -500, "losses": 500, "provider:stripe": -2000}
    assert len(stuck()) == 1


def test_never_told_it_is_found_on_the_list(court: Court) -> None:
    purse = court.paid()
    lists("charge", 500, court.now, ref=purse.attempt.charge_ref)
    Listed.lines.append(court.disputes(purse).movements[0])
    court.after(DAY)
    row = Dispute.objects.get()
    assert (row.provider_ref, row.attempt, row.reason) == ("dp_1", purse.attempt, "fraudulent")
    assert (Difference.objects.count(), len(stuck())) == (0, 1)
    assert books.balances() == {"fees:stripe": 2000, "held": -500, "losses": 500, "provider:stripe": -2000}


def test_one_over_no_payment_of_ours_is_for_a_person_too(court: Court) -> None:
    court.disputes(court.paid())
    Bank.disputes["dp_1"] = replace(Bank.disputes["dp_1"], charge_ref="ch_of_somebody", movements=())
    court.tells()
    assert Dispute.objects.get().attempt is None
    [said] = stuck()
    assert "of a payment that is not known here disputed at stripe" in said


def test_it_is_known_by_our_key_where_the_charge_is_not_named(court: Court) -> None:
    purse = court.paid()
    court.disputes(purse)
    key = purse.attempt.idempotency_key
    Bank.disputes["dp_1"] = replace(Bank.disputes["dp_1"], charge_ref="", key=key)
    court.tells()
    assert Dispute.objects.get().attempt == purse.attempt


def test_what_the_provider_does_not_have_is_ignored(court: Court) -> None:
    event = court.tells("dp_nothing")
    event.refresh_from_db()
    assert (event.state, Dispute.objects.count(), stuck()) == ("ignored", 0, [])


def test_a_provider_that_is_away_is_asked_again(court: Court) -> None:
    court.disputes(court.paid())
    Listed.away = True
    event = court.tells()
    assert (state(event), Dispute.objects.count()) == ("new", 0)
    Listed.away = False
    court.after(timedelta(minutes=1))
    assert (state(event), Dispute.objects.count(), len(stuck())) == ("handled", 1, 1)


def test_a_provider_that_was_switched_off_is_for_a_person(court: Court, settings: Any) -> None:
    row = court.opened(court.paid())
    settings.PAYMENT_PROVIDERS = {"cash": settings.PAYMENT_PROVIDERS["cash"]}
    assert agenda.unstick(row, court.now)
    asked = len(Bank.asked_about)
    court.look()
    assert (len(Bank.asked_about), len(stuck())) == (asked, 1)


@pytest.mark.django_db(transaction=True)
def test_heard_by_two_workers_at_once_it_is_one(court: Court) -> None:
    status = court.disputes(court.paid())
    rows = together(2, lambda: dispute_heard(provider="stripe", status=status, now=court.now))
    assert {row.pk for row in rows} == {Dispute.objects.get().pk}
    assert Posting.objects.filter(kind="dispute").count() == 1


# --- decided --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("end", "lost"), [("won", 0), ("lost", 500), ("closed", 500)])
def test_decided_it_stands_on_no_list(court: Court, end: DisputeState, lost: int) -> None:
    purse = court.paid().activate()
    row = court.opened(purse)
    court.clock.advance(DAY)
    court.decides("under_review")
    court.tells(event="evt_2")
    assert "It was answered and is not decided yet." in stuck()[0]
    court.decides(end)
    court.tells(event="evt_3")
    row.refresh_from_db()
    assert (row.state, row.finished_at, row.look_at, row.answer_by) == (end, court.now, None, None)
    assert (stuck(), list(queries.disputes()), list(queries.disputes(every=True))) == ([], [], [row])
    assert books.balances().get("losses", 0) == lost
    court.tells(event="evt_4")
    assert Posting.objects.filter(kind="dispute").count() == (2 if end == "won" else 1)


def test_decided_without_a_word_it_is_noticed_by_the_day(court: Court) -> None:
    court.opened(court.paid())
    court.decides("won")
    court.after(DAY)
    assert (Dispute.objects.get().state, stuck()) == ("won", [])
    assert Reconciliation.objects.filter(state="done").count() == 1


def test_an_appeal_opens_it_again(court: Court) -> None:
    row = court.opened(court.paid())
    court.decides("lost")
    court.tells(event="evt_2")
    court.decides("under_review")
    court.tells(event="evt_3")
    row.refresh_from_db()
    assert (row.state, row.finished_at, len(stuck())) == ("under_review", None, 1)


# --- money that goes back -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["open", "under_review", "lost"])
def test_nothing_of_a_disputed_payment_is_given_back(court: Court, end: DisputeState) -> None:
    purse = court.paid().activate()
    court.opened(purse)
    if end != "open":
        court.decides(end)
        court.tells(event="evt_2")
    with pytest.raises(Conflict) as refusal:
        purse.ask_back(100)
    assert refusal.value.code == "refund_disputed"
    assert (Refund.objects.count(), Bank.given_back) == (0, {})


@pytest.mark.parametrize("end", ["won", "closed"])
def test_once_it_came_to_nothing_it_can_be_given_back(court: Court, end: DisputeState) -> None:
    purse = court.paid().activate()
    court.opened(purse)
    court.decides(end)
    court.tells(event="evt_2")
    purse.ask_back(100)
    court.look()
    assert Bank.given_back == {f"refund:{purse.attempt.idempotency_key}": 100}


def test_what_goes_back_by_itself_waits_for_the_end_and_goes_then(court: Court) -> None:
    purse = court.paid()
    court.opened(purse)
    purse.refuse()
    court.look()
    court.after(DAY)
    assert (purse.refund.state, state(purse.order), Bank.given_back) == ("requested", "failed", {})
    court.decides("won")
    court.tells(event="evt_2")
    assert (purse.refund.state, state(purse.order)) == ("succeeded", "refunded")
    assert Bank.given_back == {f"refund:{purse.attempt.idempotency_key}": 500}
    assert money_balance() == balance(collected=500, refunded=500)


def test_what_the_payer_has_by_a_dispute_is_not_sent_as_well(court: Court) -> None:
    purse = court.paid()
    court.opened(purse)
    purse.refuse()
    court.decides("lost")
    court.tells(event="evt_2")
    assert (purse.refund.state, purse.refund.provider_ref) == ("succeeded", "dispute:dp_1")
    assert (state(purse.order), Bank.given_back, stuck()) == ("refunded", {}, [])
    assert money_balance() == balance(collected=500, refunded=500)
    # It was not lost: it was given back, by another hand.
    assert books.balances() == {"fees:stripe": 2000, "provider:stripe": -2000}
    lists("charge", 500, court.now, ref=purse.attempt.charge_ref)
    Listed.lines.append(Bank.disputes["dp_1"].movements[0])
    court.after(3 * DAY)
    assert Difference.objects.count() == 0


def test_what_operations_gave_back_is_not_sent_beside_a_dispute_and_takes_its_credit_note(court: Court) -> None:
    purse = court.paid().activate()
    purse.ask_back(500)
    dispute_heard(provider="stripe", status=court.disputes(purse), now=court.now)
    court.look()
    assert (purse.refund.state, Bank.given_back) == ("requested", {})
    court.decides("lost")
    court.tells(event="evt_2")
    assert (purse.refund.state, purse.refund.provider_ref, Bank.given_back) == ("succeeded", "dispute:dp_1", {})
    note = CreditNote.objects.get()
    assert (note.refund, note.facts["refund_reference"], Back.of(purse.refund).reference) == (
        purse.refund,
        "dp_1",
        "dp_1",
    )
    assert money_balance() == balance(collected=500, refunded=500)
    assert books.balances() == {"fees:stripe": 2000, "provider:stripe": -2000}


def test_a_part_that_was_to_go_back_is_in_what_a_larger_dispute_took(court: Court) -> None:
    purse = court.paid().activate()
    purse.ask_back(200)
    dispute_heard(provider="stripe", status=court.disputes(purse), now=court.now)
    court.decides("lost")
    court.tells(event="evt_2")
    assert (purse.refund.state, purse.refund.provider_ref, Bank.given_back) == ("succeeded", "dispute:dp_1", {})
    assert (stuck(), CreditNote.objects.get().refund) == ([], purse.refund)
    assert money_balance() == balance(collected=500, refunded=200, delivered=300)
    left = {"fees:stripe": 2000, "provider:stripe": -2000, "losses": 300}
    assert {name: minor for name, minor in books.balances().items() if not name.startswith("sales:")} == left


def test_where_a_part_went_by_a_dispute_a_person_gives_back_the_rest(court: Court) -> None:
    purse = court.paid()
    court.opened(purse, minor=200)
    purse.refuse()
    court.decides("lost")
    court.tells(event="evt_2")
    code = purse.order.code
    assert stuck() == [
        f"NeedsPerson: 3.00 EUR of order {code} is to go back beside the 2.00 EUR that went by a dispute. "
        f"Give it back by hand, then: lineaviva orders confirm-refund {code} --clerk E-MAIL"
    ]
    rows = Refund.objects.order_by("number").values_list("amount_minor", "state", "provider_ref")
    assert list(rows) == [(200, "succeeded", "dispute:dp_1"), (300, "requested", "")]
    assert (state(purse.order), Bank.given_back) == ("failed", {})
    assert money_balance() == balance(collected=500, refunded=200, held=300)
    clerk = factories.clerk(now=court.now)
    for _ in range(2):
        refund_confirm(code=code, clerk=clerk, now=court.now)
    assert list(rows.all()) == [(200, "succeeded", "dispute:dp_1"), (300, "succeeded", f"clerk:{clerk.pk}")]
    assert (state(purse.order), stuck()) == ("refunded", [])
    assert books.balances() == {"fees:stripe": 2000, "provider:stripe": -1700, "till:cash": -300}


def test_by_hand_nothing_is_given_back_beside_a_dispute(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bank, "refund", lambda _self, _back: RefundStatus("failed", "re_1", "account closed"))
    purse = court.paid()
    purse.refuse()
    court.look()
    assert "Give it back another way" in stuck()[0]
    court.opened(purse)
    before = list(Refund.objects.values("state", "provider_ref", "amount_minor"))
    with pytest.raises(Conflict) as refusal:
        refund_confirm(code=purse.order.code, clerk=factories.clerk(now=court.now), now=court.now)
    assert refusal.value.code == "refund_disputed"
    assert list(Refund.objects.values("state", "provider_ref", "amount_minor")) == before
    court.decides("lost")
    court.tells(event="evt_2")
    assert (purse.refund.state, purse.refund.provider_ref, stuck()) == ("succeeded", "dispute:dp_1", [])
    assert books.balances() == {"fees:stripe": 2000, "provider:stripe": -2000}


def test_what_was_sent_before_is_followed_to_its_end(court: Court) -> None:
    purse = court.paid()
    purse.refuse()
    Refund.objects.update(provider_ref="re_before")
    court.opened(purse)
    assert (purse.refund.state, len(Bank.given_back)) == ("succeeded", 1)


def test_a_refund_that_the_provider_made_for_a_dispute_is_not_extra(court: Court) -> None:
    """PayPal lists what a lost dispute took as a refund of the charge, too."""
    purse = court.paid().activate()
    court.opened(purse)
    lists("charge", 500, court.now, ref=purse.attempt.charge_ref)
    lists("refund", -500, court.now, ref="made there", key=purse.attempt.idempotency_key)
    court.after(2 * DAY)
    [extra] = Difference.objects.all()
    assert (extra.kind, extra.theirs_minor, extra.state) == ("extra", -500, "open")
    court.decides("lost")
    court.tells(event="evt_2")
    court.after(DAY)
    extra.refresh_from_db()
    assert (extra.state, stuck()) == ("agreed", [])


# --- cards that are charged by themselves -----------------------------------------------------------------------------


def saved(court: Court, **facts: Any) -> SavedMethod:
    now = court.now
    terms: dict[str, Any] = {"holder": factories.anna(now=now), "method_ref": "pm_1", "key": "save:1", **facts}
    return SavedMethod.objects.create(
        provider="stripe", state="active", words="auto-1", consented_at=now, expires_at=now, saved_at=now, **terms
    )


def test_a_holder_who_disputes_is_not_charged_by_itself(court: Court) -> None:
    method, purse = saved(court), court.paid()
    court.opened(purse)
    order = orders.order(now=court.now)
    with pytest.raises(Conflict) as refusal:
        saving.payment_charge(order=order, method=method, now=court.now)
    assert (refusal.value.code, order.attempts.count()) == ("method_disputed", 0)
    assert state(method) == "active"  # type: ignore[arg-type]


def test_somebody_elses_dispute_does_not_matter(court: Court) -> None:
    theirs = saved(court, holder=factories.holder("bruno@example.org"), method_ref="pm_2", key="save:2")
    court.opened(court.paid())
    assert queries.method_disputed(theirs) is False
    assert queries.method_disputed(saved(court)) is True
    Dispute.objects.update(provider="paypal")
    assert queries.method_disputed(SavedMethod.objects.get(method_ref="pm_1")) is False


def test_a_card_that_its_payer_typed_themselves_is_not_charged_by_itself_either(court: Court) -> None:
    method, other, purse = saved(court), saved(court, method_ref="pm_2", key="save:2"), court.paid()
    SavedMethod.objects.filter(pk=method.pk).update(card_fingerprint="f" * 64)
    PaymentAttempt.objects.filter(pk=purse.attempt.pk).update(card_fingerprint="f" * 64)
    court.opened(purse)
    court.decides("lost")
    court.tells(event="evt_2")
    assert list(SavedMethod.objects.order_by("pk").values_list("state", "reason")) == [
        ("broken", "disputed"),
        ("active", ""),
    ]
    assert state(other) == "active"  # type: ignore[arg-type]


@pytest.mark.parametrize(("end", "after"), [("won", "active"), ("closed", "active"), ("lost", "broken")])
def test_a_card_whose_charge_was_taken_back_is_not_charged_again(court: Court, end: DisputeState, after: str) -> None:
    method, purse = saved(court), court.paid()
    PaymentAttempt.objects.filter(pk=purse.attempt.pk).update(saved=method)
    court.opened(purse)
    court.decides(end)
    court.tells(event="evt_2")
    method.refresh_from_db()
    assert (method.state, method.reason) == (after, "disputed" if after == "broken" else "")
    assert method.reason in {"", *REASONS}
    assert queries.method_disputed(method) is False
