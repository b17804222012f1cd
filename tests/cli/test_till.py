"""`lineaviva till`: open, close, show, and cash called off."""

from __future__ import annotations

from datetime import datetime
from json import loads

import pytest

from lineaviva.cli.orders import orders as orders_app
from lineaviva.cli.till import app
from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.books.queries import balances
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import payment_begin
from lineaviva.keeper.payments.models import Refund
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.till.models import Cancellation, CashTaken, TillDay
from lineaviva.kernel.errors import Conflict, InvalidInput, LineavivaError, NotAllowed
from tests import factories
from tests.cli.conftest import Command
from tests.cli.in_process import Done, run
from tests.keeper.orders import factories as orders

pytestmark = pytest.mark.django_db
CHEN, DORA = ("--by", "chen@example.org"), ("--by", "dora@example.org")


@pytest.fixture(autouse=True)
def people(now: datetime) -> tuple[User, User]:
    return factories.clerk(), factories.holder("dora@example.org", role="operations")


@pytest.fixture
def order(now: datetime) -> ProductOrder:
    order = orders.order(now=now)
    payment_begin(order=order, provider="cash", now=now)
    return order


def till(*words: str) -> Done:
    return run(app, *words)


def confirm(order: ProductOrder, *words: str) -> Done:
    return run(orders_app, "confirm-cash", order.code, "--clerk", "chen@example.org", *words)


def test_before_the_first_day() -> None:
    assert "By the books 0.00 EUR are in the till." in till().out
    assert "No day was opened yet." in till("show").out
    assert till("--json").json == {"expected_minor": 0, "open": False, "days": []}
    error = till("close", "--counted", "5", *CHEN).error
    assert isinstance(error, Conflict)
    assert error.code == "till_closed"


def test_a_day(order: ProductOrder, now: datetime) -> None:
    opened = till("open", "100.00", *CHEN, "--brought", "20", "--json").json
    assert (opened["float_minor"], opened["brought_minor"], opened["found_minor"]) == (10_000, 2000, 8000)
    assert (opened["opened_by"], opened["closed_at"], opened["difference_minor"]) == ("chen@example.org", None, None)
    confirm(order, "--given", "20,00", "--json")
    cash = CashTaken.objects.get()
    assert (cash.given_minor, cash.change_minor, cash.day_id) == (2000, 1500, opened["id"])
    assert till("--json").json["expected_minor"] == 10_500
    assert "105.00 EUR" in till().out

    error = till("close", "--pieces", "50x2, 2x2,0.50x1", *CHEN).error
    assert isinstance(error, LineavivaError)
    assert error.code == "till_no_reason"
    words = ("close", "--pieces", "50x2, 2x2,0.50x1", "--banked", "4.50", "--reason", "a coin", *DORA, "--json")
    closed = till(*words).json
    assert {name: closed[name] for name in ("expected_minor", "counted_minor", "difference_minor", "banked_minor")} == {
        **{"expected_minor": 10_500, "counted_minor": 10_450},
        **{"difference_minor": -50, "banked_minor": 450},
    }
    assert (closed["in_minor"], closed["out_minor"], closed["other_minor"]) == (500, 0, 0)
    assert (closed["pieces"], closed["reason"]) == ({"5000": 2, "200": 2, "50": 1}, "a coin")
    assert (closed["closed_by"], closed["closed_at"]) == ("dora@example.org", "2026-11-22T11:00:00+00:00")
    assert balances()["till:cash"] == 10_000
    assert disagreement() == []
    shown = till("show", "--all").out
    assert "2026-11-22 12:00" in shown
    assert "-0.50 EUR" in shown
    assert till("show", "--json").json["open"] is False


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("close", *CHEN), "counted"),
        (("close", "--counted", "5", "--pieces", "5x1", *CHEN), "counted"),
        (("close", "--pieces", "5", *CHEN), "pieces"),
        (("close", "--pieces", "5xmany", *CHEN), "pieces"),
        (("close", "--pieces", "3x1", *CHEN), "counted"),
        (("close", "--counted", "1", "--banked", "2", *CHEN), "banked"),
        (("close", "--counted", "one", *CHEN), "counted"),
        (("open", "one", *CHEN), "cash"),
        (("open", "1", "--brought", "x", *CHEN), "brought"),
    ],
)
def test_what_is_mistyped(words: tuple[str, ...], field: str) -> None:
    till("open", "1", *CHEN)
    error = till(*words).error
    assert isinstance(error, InvalidInput)
    assert error.field == field
    assert (TillDay.objects.count(), TillDay.objects.get().is_open) == (1, True)


def test_only_staff(now: datetime) -> None:
    factories.anna()
    assert isinstance(till("open", "1", "--by", "anna@example.org").error, NotAllowed)
    assert not TillDay.objects.exists()


def test_cash_is_called_off(order: ProductOrder) -> None:
    assert till("cancellations").out.strip() == "Nothing waits for a second person."
    confirm(order)
    asked = till("cancel", order.code, *CHEN, "--reason", "wrong [order]", "--json").json
    assert (asked["order"], asked["amount_minor"], asked["state"]) == (order.code, 500, "asked")
    listed = till("cancellations")
    assert listed.code == 1
    assert "wrong [order]" in listed.out
    assert loads(till("cancellations", "--json").out)["cancellations"] == [asked]

    number = str(asked["id"])
    error = till("consent", number, *CHEN).error
    assert isinstance(error, NotAllowed)
    assert (error.code, Cancellation.objects.get().state) == ("second_person", "asked")
    agreed = till("consent", number, *DORA, "--json").json
    assert (agreed["state"], agreed["decided_by"]) == ("consented", "dora@example.org")
    assert till("cancellations").code == 0
    assert "consented" in till("cancellations", "--all").out
    run(orders_app, "confirm-refund", order.code, "--clerk", "chen@example.org")
    assert (Refund.objects.get().state, balances()) == ("succeeded", {})


def test_it_is_refused(order: ProductOrder) -> None:
    confirm(order)
    number = str(till("cancel", order.code, *CHEN, "--reason", "x", "--json").json["id"])
    assert "refused" in till("consent", number, *DORA, "--refuse").out
    assert (Cancellation.objects.get().state, Refund.objects.count()) == ("refused", 0)


def test_at_the_command(here: Command) -> None:
    refused = here("till", "consent", "1", *DORA, "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "cancellation_unknown")
    assert "Examples:" in here("till", "close", "--help").out
