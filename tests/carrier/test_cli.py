"""`lineaviva carrier`: the audit proves or names what is wrong; numbers are opened all or none."""

from __future__ import annotations

import json
from datetime import date, datetime

import pytest
from typer.testing import CliRunner

from lineaviva.carrier.ledger import rules
from lineaviva.carrier.ledger.actions import transaction_post
from lineaviva.carrier.orders.actions import service_order_perform
from lineaviva.carrier.orders.ports import Strict
from lineaviva.carrier.orders.rules import Ask
from lineaviva.carrier.subscriptions.actions import subscription_open
from lineaviva.carrier.subscriptions.models import Subscription
from lineaviva.cli.carrier import app
from lineaviva.kernel.errors import LineavivaError

pytestmark = pytest.mark.django_db
NUMBER = "+393391234567"


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    if isinstance(result.exception, LineavivaError):
        raise result.exception
    return result.exit_code, result.output


def sell(now: datetime) -> Subscription:
    line, _ = subscription_open(operator="tim", msisdn=NUMBER, now=now)
    ask = Ask("tim", "partner", "LV-1", "topup", NUMBER, "topup-10", 1000)
    service_order_perform(ask=ask, screening=Strict(), now=now)
    return line


def test_books_that_balance(now: datetime) -> None:
    sell(now)
    code, text = run("audit", "--json")
    assert (code, json.loads(text)) == (
        0,
        {
            "balanced": True,
            "operators": {"tim": {"balanced": True, "accounts": {"clearing": 1000, "credit": -1000}, "problems": []}},
        },
    )
    code, text = run("audit")
    assert code == 0
    assert "-10.00" in text


def test_empty_books_balance() -> None:
    assert run("audit") == (0, "The books are empty.\n")


def test_books_that_do_not_balance_are_exit_code_1(now: datetime) -> None:
    line = sell(now)
    transaction_post(subscription=line, kind="topup", postings=rules.topup(500, 0), now=now)
    Subscription.objects.update(credit_minor=0)
    code, text = run("audit", "--json")
    found = json.loads(text)
    assert (code, found["balanced"]) == (1, False)
    assert len(found["operators"]["tim"]["problems"]) == 2
    assert run("audit")[0] == 1


def test_numbers_are_opened_once() -> None:
    words = ("open", NUMBER, "339 123 4568", "--operator", "tim", "--extended-on", "2026-01-31", "--json")
    assert json.loads(run(*words)[1]) == {"opened": 2, "known": 0}
    assert json.loads(run(*words)[1]) == {"opened": 0, "known": 2}
    assert set(Subscription.objects.values_list("extended_on", flat=True)) == {date(2026, 1, 31)}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param(("open", NUMBER, "12", "--operator", "tim"), "msisdn_invalid", id="one of two is no number"),
        pytest.param(("open", NUMBER), "operator_missing", id="no operator"),
        pytest.param(("open", NUMBER, "--operator", "sip"), "operator_unknown", id="unknown operator"),
        pytest.param(
            ("open", NUMBER, "--operator", "tim", "--extended-on", "2099-01-01"), "day_to_come", id="a day to come"
        ),
    ],
)
def test_what_cannot_be_opened_opens_nothing(words: tuple[str, ...], code: str) -> None:
    with pytest.raises(LineavivaError) as refusal:
        run(*words)
    assert refusal.value.code == code
    assert not Subscription.objects.exists()


def test_help_shows_an_example() -> None:
    for command in ("audit", "open"):
        code, text = run(command, "--help")
        assert code == 0
        assert "Example" in text
