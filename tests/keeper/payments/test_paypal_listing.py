"""What moved at PayPal, asked for piece by piece, and its disputes: its answers as the port's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lineaviva.keeper.payments.paypal.adapter import PayPalProvider
from lineaviva.keeper.payments.paypal.disputes import dispute_of
from lineaviva.keeper.payments.ports import Asked, Movement
from lineaviva.kernel.errors import NeedsPerson, Temporary
from lineaviva.kernel.money import Money
from tests.conftest import NOON
from tests.keeper.payments.test_paypal import Canned, order, paypal

__all__ = ["paypal"]
DAY = NOON.date()
AT, LATER = datetime(2026, 11, 22, 10, 0, tzinfo=UTC), datetime(2026, 11, 22, 11, 30, tzinfo=UTC)
PAYMENT = Asked("payment", "5O1")


def money(value: str, currency: str = "EUR") -> dict[str, str]:
    return {"currency_code": currency, "value": value}


def capture(status: str = "COMPLETED", **more: Any) -> dict[str, Any]:
    shares = {"gross_amount": money("12.50"), "paypal_fee": money("0.78"), "net_amount": money("11.72")}
    return {
        "id": "3C6",
        "status": status,
        "amount": money("12.50"),
        "seller_receivable_breakdown": shares,
        "create_time": "2026-11-22T10:00:00Z",
        **more,
    }


def refund(name: str = "1R2", value: str = "2.00", **more: Any) -> dict[str, Any]:
    at = {"create_time": "2026-11-22T11:30:00Z"}
    return {"id": name, "status": "COMPLETED", "amount": money(value), **at, **more}


def with_payments(**payments: Any) -> dict[str, Any]:
    found = order("COMPLETED")
    found["purchase_units"][0]["payments"] = payments
    return found


def listed(*asked: Asked) -> list[Movement]:
    return list(PayPalProvider().listing(DAY, asked))


CHARGE = Movement("charge", "3C6", "3C6", Money(1250), Money(78), AT, "pay:K2M7F5PW:1")


def test_an_order_tells_its_charge_with_the_fee_and_its_refunds(paypal: Canned) -> None:
    mine = refund(custom_id="refund-pay-K2M7F5PW-1-2", seller_payable_breakdown={"paypal_fee": money("0.10")})
    by_hand = refund("9H9", "1.00", create_time="2026-11-22T11:30:00+01:00")
    paypal.answer(200, with_payments(captures=[capture("PARTIALLY_REFUNDED")], refunds=[mine, by_hand]))
    assert listed(PAYMENT, PAYMENT) == [
        CHARGE,
        Movement("refund", "9H9", "9H9", Money(-100), Money(0), datetime(2026, 11, 22, 10, 30, tzinfo=UTC), CHARGE.key),
        Movement("refund", "1R2", "1R2", Money(-200), Money(-10), LATER, "refund:pay:K2M7F5PW:1:2"),
    ]
    assert set(paypal.calls) == {("GET", "/v2/checkout/orders/5O1")}


def test_what_webhooks_named_is_asked_for_by_its_own_name(paypal: Canned) -> None:
    paypal.answer(200, capture(invoice_id="another shop's")).answer(200, refund())
    assert listed(Asked("capture", "3C6"), Asked("refund", "1R2")) == [
        Movement("charge", "3C6", "3C6", Money(1250), Money(78), AT, "another shop's"),
        Movement("refund", "1R2", "1R2", Money(-200), Money(0), LATER, ""),
    ]
    assert paypal.calls == [("GET", "/v2/payments/captures/3C6"), ("GET", "/v2/payments/refunds/1R2")]


@pytest.mark.parametrize(
    "found",
    [
        order("APPROVED"),
        with_payments(captures=[capture("PENDING")]),
        with_payments(captures=[capture("DECLINED")], refunds=[refund(status="PENDING"), refund(status="FAILED")]),
    ],
    ids=["not collected", "pending", "nothing came of it"],
)
def test_what_has_not_moved_is_not_listed(paypal: Canned, found: dict[str, Any]) -> None:
    paypal.answer(200, found)
    assert listed(PAYMENT) == []


@pytest.mark.parametrize(
    ("breakdown", "fee"),
    [
        (None, 0),
        ({"gross_amount": money("12.50")}, 0),
        ({"paypal_fee": money("0.00")}, 0),
        ({"paypal_fee": money("1.99")}, 199),
        ({"paypal_fee": money("90", "JPY")}, 0),  # in the currency of another account
    ],
    ids=str,
)
def test_the_fee_is_what_paypal_tells(paypal: Canned, breakdown: Any, fee: int) -> None:
    paypal.answer(200, with_payments(captures=[capture(seller_receivable_breakdown=breakdown)]))
    assert [one.fee for one in listed(PAYMENT)] == [Money(fee)]


def test_what_paypal_has_no_more_is_not_listed_and_the_rest_is(paypal: Canned) -> None:
    paypal.refuse("RESOURCE_NOT_FOUND", 404).answer(200, with_payments(captures=[capture()]))
    assert listed(Asked("payment", "GONE"), PAYMENT) == [CHARGE]


@pytest.mark.parametrize(("status", "kind"), [(500, Temporary), (401, NeedsPerson)])
def test_half_a_list_is_none(paypal: Canned, status: int, kind: type[Exception]) -> None:
    paypal.answer(200, with_payments(captures=[capture()])).answer(status, {})
    with pytest.raises(kind):
        listed(PAYMENT, Asked("payment", "5O2"))


@pytest.mark.parametrize("at", [{"create_time": ""}, {"create_time": "yesterday"}])
def test_without_a_time_it_is_no_answer(paypal: Canned, at: dict[str, str]) -> None:
    paypal.answer(200, with_payments(captures=[capture(**at)]))
    with pytest.raises(Temporary):
        listed(PAYMENT)


def test_nothing_asked_nothing_listed(paypal: Canned) -> None:
    paypal.answer(200, order())
    assert (listed(), paypal.asked) == ([], [])


# --- disputes -------------------------------------------------------------------------------------------------------


def dispute(status: str = "WAITING_FOR_SELLER_RESPONSE", outcome: str = "", **more: Any) -> dict[str, Any]:
    ended = {"dispute_outcome": {"outcome_code": outcome}} if outcome else {}
    return {
        "dispute_id": "PP-R-1",
        "create_time": "2026-11-22T10:00:00.000Z",
        "update_time": "2026-11-22T11:30:00.000Z",
        "disputed_transactions": [{"seller_transaction_id": "3C6", "invoice_number": "pay:K2M7F5PW:1"}],
        "reason": "UNAUTHORISED",
        "status": status,
        "dispute_amount": money("12.50"),
        "seller_response_due_date": "2026-12-02T10:00:00.000Z",
        **ended,
        **more,
    }


def moved(value: str, direction: str, reason: str = "DISPUTE_SETTLEMENT", party: str = "SELLER") -> dict[str, Any]:
    at = {"initiated_time": "2026-11-22T11:30:00Z", "type": direction, "reason": reason}
    return {"affected_party": party, "amount": money(value), **at}


@pytest.mark.parametrize(
    ("status", "outcome", "state"),
    [
        ("OPEN", "", "open"),
        ("WAITING_FOR_SELLER_RESPONSE", "", "open"),
        ("WAITING_FOR_BUYER_RESPONSE", "", "under_review"),
        ("UNDER_REVIEW", "", "under_review"),
        ("OTHER", "", "under_review"),
        ("RESOLVED", "RESOLVED_BUYER_FAVOUR", "lost"),
        ("RESOLVED", "ACCEPTED", "lost"),
        ("RESOLVED", "RESOLVED_SELLER_FAVOUR", "won"),
        ("RESOLVED", "RESOLVED_WITH_PAYOUT", "won"),
        ("RESOLVED", "DENIED", "won"),
        ("RESOLVED", "CANCELED_BY_BUYER", "closed"),
        ("RESOLVED", "NONE", "closed"),
        ("RESOLVED", "", "closed"),
    ],
)
def test_how_a_dispute_stands(status: str, outcome: str, state: str) -> None:
    found = dispute_of(dispute(status, outcome))
    assert (found.reference, found.charge_ref, found.key, found.state) == ("PP-R-1", "3C6", "pay:K2M7F5PW:1", state)
    assert (found.amount, found.reason, found.opened_at) == (Money(1250), "UNAUTHORISED", AT)
    due = datetime(2026, 12, 2, 10, 0, tzinfo=UTC)
    assert found.answer_by == (due if state == "open" else None)


def test_what_a_dispute_moved_on_our_side() -> None:
    lines = [
        moved("12.50", "DEBIT"),
        moved("14.00", "DEBIT", "DISPUTE_FEE"),
        moved("12.50", "CREDIT"),
        moved("12.50", "CREDIT", party="BUYER"),
    ]
    found = dispute_of(dispute("UNDER_REVIEW", money_movements=lines)).movements
    assert [(one.kind, one.line, one.amount.minor, one.fee.minor) for one in found] == [
        ("dispute", "PP-R-1:money:DEBIT:2026-11-22T11:30:00Z", -1250, 0),
        ("fee", "PP-R-1:fee:DEBIT:2026-11-22T11:30:00Z", -1400, 0),
        ("dispute", "PP-R-1:money:CREDIT:2026-11-22T11:30:00Z", 1250, 0),
    ]
    assert {(one.reference, one.at, one.key) for one in found} == {("PP-R-1", LATER, "")}


def test_lost_without_a_word_of_what_moved_the_outcome_says_it() -> None:
    [line] = dispute_of(dispute("RESOLVED", "RESOLVED_BUYER_FAVOUR")).movements
    assert (line.kind, line.line, line.amount, line.at) == ("dispute", "PP-R-1:outcome", Money(-1250), LATER)
    part = {"outcome_code": "RESOLVED_BUYER_FAVOUR", "amount_refunded": money("5.00")}
    [line] = dispute_of(dispute("RESOLVED", "x", dispute_outcome=part)).movements
    assert line.amount == Money(-500)
    assert dispute_of(dispute("RESOLVED", "RESOLVED_SELLER_FAVOUR")).movements == ()


@pytest.mark.parametrize("more", [{"create_time": ""}, {"dispute_amount": None}, {"dispute_id": None}])
def test_half_a_dispute_is_no_answer(more: dict[str, Any]) -> None:
    with pytest.raises(Temporary):
        dispute_of(dispute(**more))


def test_a_dispute_over_no_payment_of_ours() -> None:
    found = dispute_of(dispute(disputed_transactions=[]))
    assert (found.charge_ref, found.key) == ("", "")
