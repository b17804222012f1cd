"""`lineaviva renew` and `lineaviva orders`, as their user types them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from lineaviva.cli import orders as orders_command
from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.catalogue.actions import promotion_add
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.actions import order_activate, order_cancel, order_fail, order_pay
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.orders.rules import code_grouped
from lineaviva.keeper.payments.actions import payment_settle
from lineaviva.keeper.payments.models import Refund
from lineaviva.keeper.payments.ports import Status
from lineaviva.keeper.payments.queries import paying_attempt
from lineaviva.keeper.payments.refunding import refund_request
from lineaviva.keeper.wallets.actions import wallet_credit
from lineaviva.keeper.wallets.queries import balance_of
from lineaviva.kernel import agenda
from lineaviva.kernel.money import Money
from tests import factories
from tests.cli.conftest import Command
from tests.keeper.orders.factories import offering

NUMBER = "3391234567"
pytestmark = pytest.mark.django_db


@pytest.fixture
def lineaviva(here: Command, clock: Any) -> Command:
    """`lineaviva` in this process, while the clock stands still."""
    return here


@pytest.fixture
def line(now: datetime) -> Line:
    """Anna's TIM line, and something to buy for it."""
    offering()
    return factories.line(msisdn=f"+39{NUMBER}", label="Mamma", now=now)


@pytest.fixture
def chen(now: datetime) -> User:
    return factories.clerk(now=now)


def placed(lineaviva: Command) -> dict[str, Any]:
    ran = lineaviva("renew", NUMBER, "--offering", "tim:topup-5", "--pay", "cash", "--yes", "--json")
    assert ran.code == 0, ran.err
    found: dict[str, Any] = ran.json
    return found


def row(code: str) -> ProductOrder:
    return ProductOrder.objects.get(code=code)


# --- renew ------------------------------------------------------------------------------------------------------


def test_in_cash_from_the_number_to_the_paid_order(lineaviva: Command, line: Line, chen: User) -> None:
    order = placed(lineaviva)
    assert (order["state"], order["offering"], order["total_minor"]) == ("placed", "tim:topup-5", 500)
    assert (order["line"], order["operator"], order["placed_by"]) == ("…4567", "tim", "anna@example.org")
    assert [(a["number"], a["provider"], a["state"]) for a in order["attempts"]] == [(1, "cash", "open")]
    assert (order["activation"], order["receipt"], order["refunds"]) == (None, None, [])
    code = order["code"]

    for typed in (code_grouped(code).lower(), code):
        ran = lineaviva("orders", "confirm-cash", typed, "--clerk", chen.email, "--json")
        assert (ran.code, ran.json["state"], ran.json["attempts"][0]["state"]) == (0, "paid", "succeeded")
    assert row(code).state == "paid"


def test_for_people_it_says_what_to_do_at_the_counter(lineaviva: Command, line: Line) -> None:
    ran = lineaviva("renew", NUMBER, "--offering", "tim:topup-5", "--pay", "cash", "--yes")
    code = code_grouped(ProductOrder.objects.get().code)
    assert ran.code == 0
    assert f"Order {code}: TIM 5 €, 5.00 EUR" in ran.out
    assert "Say this code at the counter and pay 5.00 EUR, until 2026-11-24 12:00." in ran.out
    shown = lineaviva("orders", "show", code)
    assert shown.code == 0
    assert all(text in shown.out for text in (code, "tim …4567", "5.00 EUR", "placed", "cash", "anna@example.org"))
    assert NUMBER not in shown.out


@pytest.mark.parametrize("wanted", ["tim:topup-5", "topup-5", ""], ids=["whole name", "short name", "the cheapest"])
def test_what_is_bought(lineaviva: Command, line: Line, wanted: str) -> None:
    offering("topup-10", price=1000)
    words = ["--offering", wanted] if wanted else []
    assert lineaviva("renew", NUMBER, *words, "--pay", "cash", "--yes", "--json").json["offering"] == "tim:topup-5"


def test_typed_twice_it_is_one_order(lineaviva: Command, line: Line) -> None:
    assert placed(lineaviva)["code"] == placed(lineaviva)["code"]
    assert ProductOrder.objects.get().attempts.count() == 1


def test_from_the_balance_and_with_a_promotion_code(lineaviva: Command, line: Line, now: datetime) -> None:
    until = now + timedelta(days=1)
    facts = {"operator": "", "key": "w", "name": "Welcome", "off_minor": 200, "code": "WELCOME"}
    promotion_add(**facts, now=now, valid_from=now, valid_until=until)  # type: ignore[arg-type]
    dora = factories.holder("dora@example.org", role="operations")
    wallet_credit(user=line.holder, amount=Money(400), paid="bank", reason="transfer", by=dora, now=now)
    words = ["renew", NUMBER, "--pay", "wallet", "--code", "welcome", "--yes", "--json"]
    assert lineaviva(*words).json["state"] == "paid"
    assert balance_of(line.holder) == Money(100)
    assert lineaviva(*words[:-4], "--code", "nothing", "--yes", "--json").json["error"]["code"] == "promotion_unknown"
    assert ProductOrder.objects.count() == 1


def test_beside_an_order_that_is_being_renewed_it_pays_when_it_is_told_to(
    lineaviva: Command, line: Line, chen: User, now: datetime
) -> None:
    first = placed(lineaviva)["code"]
    lineaviva("orders", "confirm-cash", first, "--clerk", chen.email, "--json")
    offering("topup-10", price=1000)
    dora = factories.holder("dora@example.org", role="operations")
    wallet_credit(user=line.holder, amount=Money(1000), paid="bank", reason="transfer", by=dora, now=now)
    words = ["renew", NUMBER, "--offering", "topup-10", "--pay", "wallet", "--yes", "--json"]
    refused = lineaviva(*words).json["error"]
    assert (refused["code"], first in refused["message"]) == ("line_being_renewed", True)
    assert balance_of(line.holder) == Money(1000)
    assert lineaviva(*words, "--anyway").json["state"] == "paid"
    assert ProductOrder.objects.filter(state="paid").count() == 2


def test_a_bank_that_does_not_answer_is_said_and_asked_again_later(
    lineaviva: Command, line: Line, settings: Any
) -> None:
    settings.STRIPE_API_KEY, settings.STRIPE_API_BASE = "sk_test_x", "http://127.0.0.1:9"
    ran = lineaviva("renew", NUMBER, "--yes")
    assert ran.code == 0
    assert "The bank does not answer at the moment" in ran.out
    assert ProductOrder.objects.get().attempts.get().state == "open"


def test_by_card_it_prints_the_banks_page(lineaviva: Command, line: Line, settings: Any) -> None:
    settings.STRIPE_API_KEY, settings.STRIPE_API_BASE = "sk_test_x", "http://127.0.0.1:9"
    lineaviva("renew", NUMBER, "--yes")
    attempt = ProductOrder.objects.get().attempts.get()
    attempt.provider_ref, attempt.redirect_url = "cs_1", "https://checkout.stripe.com/c/pay/cs_1"
    attempt.save()
    ran = lineaviva("renew", NUMBER, "--yes")
    assert ran.out.strip().splitlines()[-2:] == ["Pay here, until 2026-11-22 13:00:", attempt.redirect_url]
    shown = lineaviva("renew", NUMBER, "--yes", "--json").json["attempts"][0]
    assert (shown["provider"], shown["state"], shown["url"]) == ("stripe", "open", attempt.redirect_url)


def test_a_catalogue_that_was_never_read_is_read_first(lineaviva: Command, now: datetime) -> None:
    factories.line(msisdn=f"+39{NUMBER}", now=now)
    ran = lineaviva("renew", NUMBER, "--pay", "cash", "--yes", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (2, "offering_not_sellable")


@pytest.mark.parametrize(
    ("words", "code", "field"),
    [
        (["3391234568"], "line_unknown", "msisdn"),
        (["12"], "msisdn_invalid", "msisdn"),
        ([NUMBER, "--holder", "bo@example.org"], "user_unknown", "email"),
        ([NUMBER, "--offering", "tim:nothing"], "offering_unknown", "offering"),
        ([NUMBER, "--offering", "vodafone:topup-5"], "offering_unknown", "offering"),
        ([NUMBER, "--offering", "::"], "offering_unknown", "offering"),
        ([NUMBER, "--pay", "bitcoin"], "provider_unknown", "provider"),
        ([], "usage", None),
        ([NUMBER, "--patience", "0"], "usage", None),
    ],
)
def test_a_renewal_that_is_refused(
    lineaviva: Command, line: Line, words: list[str], code: str, field: str | None
) -> None:
    ran = lineaviva("renew", *words, "--yes", "--json")
    assert (ran.code, ran.json["error"]["code"], ran.json["error"]["field"]) == (2, code, field)
    assert not ProductOrder.objects.exists()


def test_several_holders_of_one_number(lineaviva: Command, line: Line, now: datetime) -> None:
    bo = factories.holder("bo@example.org", language="en", now=now)
    factories.line(holder=bo, msisdn=line.msisdn, now=now)
    assert lineaviva("renew", NUMBER, "--yes", "--json").json["error"]["code"] == "line_ambiguous"
    ran = lineaviva("renew", NUMBER, "--pay", "cash", "--holder", "bo@example.org", "--yes", "--json")
    assert (ran.code, ran.json["placed_by"]) == (0, "bo@example.org")
    assert row(ran.json["code"]).language == "en"


def test_cards_that_are_switched_off_are_refused(lineaviva: Command, line: Line, settings: Any) -> None:
    settings.STRIPE_API_KEY = ""
    ran = lineaviva("renew", NUMBER, "--yes", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (2, "provider_off")


@pytest.mark.parametrize(("answer", "code", "orders"), [(True, 0, 1), (False, 130, 0)])
def test_it_asks_before_it_orders(
    lineaviva: Command, line: Line, monkeypatch: pytest.MonkeyPatch, answer: bool, code: int, orders: int
) -> None:
    asked = []
    monkeypatch.setattr(orders_command.typer, "confirm", lambda text, **_: asked.append(text) or answer)
    assert lineaviva("renew", NUMBER, "--pay", "cash").code == code
    assert asked == ["Order TIM 5 € for …4567 (tim): 5.00 EUR?"]
    assert ProductOrder.objects.count() == orders


# --- waiting ----------------------------------------------------------------------------------------------------


def _activated(order: ProductOrder, now: datetime) -> None:
    order_pay(order=order, now=now)
    order_activate(order=order, dates_after={}, now=now)


def _cancelled(order: ProductOrder, now: datetime) -> None:
    order_cancel(order=order, by=None, now=now)


@pytest.mark.parametrize(
    ("happens", "state", "code"),
    [(_activated, "active", 0), (_cancelled, "cancelled", 1), (lambda order, now: None, "placed", 1)],
    ids=["active", "cancelled", "nothing"],
)
def test_waiting_for_the_end(
    lineaviva: Command,
    line: Line,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    happens: Callable[[ProductOrder, datetime], None],
    state: str,
    code: int,
) -> None:
    looks = iter(range(1000))
    # The command's own clock, not the module that every thread of the process reads.
    hers = SimpleNamespace(monotonic=lambda: next(looks), sleep=lambda _: happens(ProductOrder.objects.get(), now))
    monkeypatch.setattr(orders_command, "time", hers)
    ran = lineaviva("renew", NUMBER, "--pay", "cash", "--yes", "--wait", "--patience", "5", "--json")
    assert (ran.code, ran.json["state"]) == (code, state)


# --- orders -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["show", "K2M7F5PW"], "order_unknown"),
        (["show", ""], "order_unknown"),
        (["cancel", "K2M7F5PW", "--yes"], "order_unknown"),
        (["confirm-cash", "K2M7F5PW", "--clerk", "chen@example.org"], "order_unknown"),
        (["confirm-cash", "K2M7F5PW", "--clerk", "nobody@example.org"], "user_unknown"),
        (["confirm-cash", "{code}", "--clerk", "anna@example.org"], "role_needed"),
        (["confirm-refund", "{code}", "--clerk", "anna@example.org"], "role_needed"),
        (["confirm-refund", "{code}", "--clerk", "chen@example.org"], "refund_not_waiting"),
        (["refund", "{code}", "--by", "dora@example.org", "--reason", "late", "--yes"], "refund_not_paid"),
        (["refund", "{code}", "--reason", "late", "--yes"], "usage"),
        (["list", "--state", "lost"], "invalid_input"),
        (["list", "--holder", "nobody@example.org"], "user_unknown"),
        (["list", "--limit", "0"], "usage"),
        (["confirm-cash", "{code}"], "usage"),
    ],
)
def test_what_is_refused_changes_nothing(
    lineaviva: Command, line: Line, chen: User, words: list[str], code: str
) -> None:
    order = placed(lineaviva)
    ran = lineaviva("orders", *(word.format(code=order["code"]) for word in words), "--json")
    assert (ran.code, ran.json["error"]["code"]) == (2, code)
    assert lineaviva("orders", "show", order["code"], "--json").json == order


def test_a_paid_order_is_not_cancelled(lineaviva: Command, line: Line, chen: User) -> None:
    code = placed(lineaviva)["code"]
    lineaviva("orders", "confirm-cash", code, "--clerk", chen.email)
    ran = lineaviva("orders", "cancel", code, "--yes", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (2, "order_never_cancelled")
    assert row(code).state == "paid"


@pytest.mark.parametrize(("answer", "code", "state"), [(True, 0, "cancelled"), (False, 130, "placed")])
def test_cancelling_asks_first(
    lineaviva: Command, line: Line, monkeypatch: pytest.MonkeyPatch, answer: bool, code: int, state: str
) -> None:
    order = placed(lineaviva)["code"]
    monkeypatch.setattr(orders_command.typer, "confirm", lambda text, **_: answer)
    assert lineaviva("orders", "cancel", order).code == code
    assert row(order).state == state


def test_lists_are_filtered(lineaviva: Command, line: Line, now: datetime) -> None:
    assert "No orders yet." in lineaviva("orders", "list").out
    factories.holder("eve@example.org", now=now)
    code = placed(lineaviva)["code"]
    lineaviva("orders", "cancel", code, "--yes")
    other = placed(lineaviva)["code"]
    for words, codes in (
        ([], [other, code]),
        (["--state", "cancelled"], [code]),
        (["--state", "active"], []),
        (["--limit", "1"], [other]),
        (["--holder", "anna@example.org"], [other, code]),
        (["--holder", "eve@example.org"], []),
    ):
        found = lineaviva("orders", "list", *words, "--json").json["orders"]
        assert [order["code"] for order in found] == codes
    assert code_grouped(other) in lineaviva("orders", "list").out


def test_cash_that_goes_back(lineaviva: Command, line: Line, chen: User, now: datetime) -> None:
    code = placed(lineaviva)["code"]
    lineaviva("orders", "confirm-cash", code, "--clerk", chen.email)
    assert lineaviva("orders", "stuck").code == 0
    order = order_fail(order=row(code), reason="refused", now=now)
    attempt = paying_attempt(order)
    assert attempt is not None
    refund_request(attempt=attempt, reason="activation_refused", now=now)
    agenda.run_due(now)
    stuck = lineaviva("orders", "stuck", "--json")
    assert stuck.code == 1
    [found] = stuck.json["stuck"]
    assert (found["order"], found["state"]) == (code_grouped(code), "requested")
    assert found["row"] == f"refund:{Refund.objects.get().pk}"
    command = re.search(r"lineaviva (orders confirm-refund \w+ --clerk) E-MAIL", found["reason"])
    assert command
    assert code_grouped(code) in lineaviva("orders", "stuck").out

    done = lineaviva(*command[1].split(), chen.email, "--json")
    assert (done.code, done.json["state"], done.json["refunds"][0]["state"]) == (0, "refunded", "succeeded")
    assert "Given back" in lineaviva("orders", "show", code).out
    assert lineaviva("orders", "stuck").code == 0


def delivered(lineaviva: Command, chen: User, now: datetime) -> str:
    """The code of an order that is paid in cash and active."""
    code: str = placed(lineaviva)["code"]
    lineaviva("orders", "confirm-cash", code, "--clerk", chen.email)
    order_activate(order=row(code), dates_after={}, now=now)
    return code


def test_a_part_goes_back_though_something_was_delivered(
    lineaviva: Command, line: Line, chen: User, now: datetime
) -> None:
    factories.holder("dora@example.org", role="operations", now=now)
    words = [delivered(lineaviva, chen, now), "--amount", "3.00", "--reason", "late", "--by", "dora@example.org"]
    for _ in range(2):
        done = lineaviva("orders", "refund", *words, "--yes", "--json")
        assert (done.code, done.json["state"]) == (0, "active")
        [refund] = done.json["refunds"]
        assert (refund["number"], refund["amount_minor"], refund["currency"]) == (1, 300, "EUR")
        assert (refund["state"], refund["reason"]) == ("requested", "late")
    assert "3.00 EUR" in lineaviva("orders", "show", words[0]).out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--amount", "5.01", "--reason", "late", "--by", "dora@example.org"], "refund_too_much"),
        (["--amount", "0", "--reason", "late", "--by", "dora@example.org"], "amount_invalid"),
        (["--amount", "much", "--reason", "late", "--by", "dora@example.org"], "amount_invalid"),
        (["--reason", " ", "--by", "dora@example.org"], "reason_missing"),
        (["--reason", "late", "--by", "chen@example.org"], "role_needed"),
    ],
)
def test_what_is_not_given_back(
    lineaviva: Command, line: Line, chen: User, now: datetime, words: list[str], code: str
) -> None:
    factories.holder("dora@example.org", role="operations", now=now)
    done = lineaviva("orders", "refund", delivered(lineaviva, chen, now), *words, "--yes", "--json")
    assert (done.code, done.json["error"]["code"]) == (2, code)
    assert not Refund.objects.exists()


def test_giving_back_asks_first(
    lineaviva: Command, line: Line, chen: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.holder("dora@example.org", role="operations", now=now)
    code, asked = delivered(lineaviva, chen, now), list[str]()
    monkeypatch.setattr(orders_command.typer, "confirm", lambda text, **_: bool(asked.append(text)))
    assert lineaviva("orders", "refund", code, "--reason", "late", "--by", "dora@example.org").code == 130
    assert asked == [f"Give all that is left of order {code_grouped(code)} back?"]
    assert not Refund.objects.exists()


def test_money_of_a_card_is_shown_with_its_reference(
    lineaviva: Command, line: Line, settings: Any, now: datetime
) -> None:
    settings.STRIPE_API_KEY, settings.STRIPE_API_BASE = "sk_test_x", "http://127.0.0.1:9"
    lineaviva("renew", NUMBER, "--yes")
    attempt = ProductOrder.objects.get().attempts.get()
    payment_settle(attempt=attempt, status=Status("succeeded", Money(500), "ch_1"), now=now)
    code = ProductOrder.objects.get().code
    shown = lineaviva("orders", "show", code, "--json").json["attempts"][0]
    assert (shown["reference"], shown["url"], shown["finished_at"]) == ("ch_1", "", now.isoformat())
    assert "ch_1" in lineaviva("orders", "show", code).out


COMMANDS = ("list", "show", "confirm-cash", "confirm-refund", "refund", "cancel", "stuck")


@pytest.mark.parametrize("words", [["renew"], *(["orders", name] for name in COMMANDS)])
def test_every_command_has_an_example(lineaviva: Command, words: list[str]) -> None:
    ran = lineaviva(*words, "--help")
    assert ran.code == 0
    assert f"lineaviva {' '.join(words)}" in " ".join(ran.out.split())


def test_as_a_process_of_its_own(installed: Command) -> None:
    ran = installed("orders", "list", "--json")
    assert (ran.code, ran.json) == (0, {"orders": []})
