"""`lineaviva carrier`: the audit proves or names what is wrong; numbers are opened all or none; the night is told."""

from __future__ import annotations

import io
import json
import sys
from contextlib import nullcontext
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError, connection
from rich.console import Console
from typer.testing import CliRunner

from lineaviva.carrier.ledger import rules
from lineaviva.carrier.ledger.actions import event_record
from lineaviva.carrier.orders.actions import service_order_perform
from lineaviva.carrier.orders.ports import Strict
from lineaviva.carrier.orders.rules import Ask
from lineaviva.carrier.subscriptions.actions import subscription_open
from lineaviva.carrier.subscriptions.models import Subscription
from lineaviva.cli import carrier_nightly, main, output
from lineaviva.cli.carrier import app
from lineaviva.kernel.clock import FrozenClock
from lineaviva.kernel.errors import LineavivaError
from tests.carrier.nightly import lines
from tests.carrier.nightly.lines import NIGHT, day, money, state

pytestmark = pytest.mark.django_db
NUMBER = "+393391234567"


def run(*words: str, said: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words), input=said)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def sell(now: datetime) -> Subscription:
    line, _ = subscription_open(operator="tim", msisdn=NUMBER, now=now)
    ask = Ask("tim", "partner", "LV-1", "topup", NUMBER, "topup-10", 1000)
    service_order_perform(ask=ask, screening=Strict(), now=now)
    line.refresh_from_db()
    return line


# --- audit ----------------------------------------------------------------------------------------------------------


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
    event_record(subscription=line, kind="topup", postings=rules.topup(500, 0), now=now)
    Subscription.objects.update(credit_minor=0)
    code, text = run("audit", "--json")
    found = json.loads(text)
    assert (code, found["balanced"], found["operators"]["tim"]["balanced"]) == (1, False, False)
    assert found["operators"]["tim"]["problems"] == [
        f"subscription {line.pk}: credit is 0 and debt 0 cents, its entries add up to 1500 and 0",
        f"event 2 of subscription {line.pk} belongs to no order",
    ]
    code, text = run("audit")
    assert code == 1
    assert "its entries add up to 1500" in text


# --- open -----------------------------------------------------------------------------------------------------------


def test_numbers_are_opened_once() -> None:
    words = ("open", NUMBER, "339 123 4568", "--operator", "tim", "--extended-on", "2026-01-31", "--json")
    assert json.loads(run(*words)[1]) == {"opened": 2, "known": 0}
    assert json.loads(run(*words)[1]) == {"opened": 0, "known": 2}
    assert set(Subscription.objects.values_list("extended_on", flat=True)) == {date(2026, 1, 31)}
    assert run(*words[:-1]) == (0, "0 opened, 2 were open before.\n")


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


@pytest.mark.parametrize("command", ["audit", "open", "nightly"])
def test_help_shows_an_example(command: str) -> None:
    code, text = run(command, "--help")
    assert code == 0
    assert f"Example: `lineaviva carrier {command}" in " ".join(text.replace("│", " ").split())


# --- nightly --------------------------------------------------------------------------------------------------------


@pytest.fixture
def due(clock: FrozenClock) -> Subscription:
    """Two lines of TIM that can pay, one that cannot, one of ho. that is once below zero."""
    lines.offer()
    lines.offer("ho")
    made = [lines.line(credit=credit) for credit in (799, 5000, 5)]
    promotion: dict[str, Any] = {"promo_minor": 399, "promo_until": day(9)}
    for line, facts in zip(made, ({}, promotion, {}), strict=True):
        lines.plan(line, **facts)
    lines.plan(lines.line("ho", credit=100), "ho-base")
    return made[0]


def test_the_night_as_json(due: Subscription) -> None:
    code, text = run("nightly", "--as-of", "2026-11-22", "--json")
    found = json.loads(text)
    seconds, rate = found.pop("seconds"), found.pop("lines_per_s")
    assert (code, seconds > 0, rate > 0) == (0, True, True)
    moved = {"credit_minor": 1298, "debt_minor": 699, "discount_minor": 400}
    assert found == {
        "as_of": "2026-11-22",
        "since": "2026-11-22",
        "already_done": False,
        "done": True,
        "lines": 4,
        "outcomes": [
            _outcome("ho", "negative", 1, 100, 699, 0),
            _outcome("tim", "asleep", 1, 0, 0, 0),
            _outcome("tim", "renewed", 2, 1198, 0, 400),
        ],
        "money": moved,
        "ledger": moved,
        "ledger_agrees": True,
        "stuck": 0,
    }
    again = json.loads(run("nightly", "--as-of", "2026-11-22", "--json")[1])
    assert again == {**found, "already_done": True, "seconds": 0.0, "lines_per_s": 0}


def _outcome(operator: str, outcome: str, many: int, credit: int, debt: int, discount: int) -> dict[str, Any]:
    return {
        **{"operator": operator, "outcome": outcome, "lines": many},
        **{"credit_minor": credit, "debt_minor": debt, "discount_minor": discount},
    }


def test_the_night_as_a_table(due: Subscription) -> None:
    code, text = run("nightly")
    assert code == 0
    rows = [" ".join(row.replace("│", " ").split()) for row in text.splitlines()]
    assert rows[0] == "Night of 2026-11-22"
    assert "tim renewed 2 11.98 EUR 4.00 EUR" in rows
    assert "ho negative 1 1.00 EUR 6.99 EUR" in rows
    assert "4 lines in" in rows[-1]
    code, text = run("nightly")
    assert (code, text.splitlines()[-1]) == (0, "This night was done before; nothing was done now.")


def test_nights_that_were_missed_are_named(due: Subscription) -> None:
    _, text = run("nightly", "--as-of", "2026-11-25", "--yes")
    assert text.splitlines()[0].strip() == "Nights 2026-11-22 to 2026-11-25"


def test_a_night_without_lines() -> None:
    code, text = run("nightly", "--as-of", "2026-11-22")
    assert (code, "Nothing was due." in text) == (0, True)


def test_without_a_day_it_is_todays_in_rome(clock: FrozenClock) -> None:
    clock.move_to(datetime.fromisoformat("2026-11-22T23:30:00+00:00"))
    assert json.loads(run("nightly", "--json")[1])["as_of"] == "2026-11-23"


def test_a_line_that_cannot_be_dealt_with_is_exit_code_1(due: Subscription) -> None:
    lines.plan(lines.line(credit=5000), "tim-gone")
    code, text = run("nightly", "--json")
    found = json.loads(text)
    assert (code, found["stuck"], found["done"], found["lines"]) == (1, 1, True, 5)
    code, text = run("nightly")
    assert code == 1
    assert "1 lines could not be dealt with and are asked for again each night" in text


def test_a_summary_that_the_ledger_contradicts_is_exit_code_1(due: Subscription) -> None:
    run("nightly")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE carrier_nightly_count SET credit_minor = credit_minor + 1 WHERE outcome = 'renewed'")
    code, text = run("nightly")
    assert code == 1
    assert "The ledger says otherwise. Run `lineaviva carrier audit`." in text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(("--as-of", "22.11.2026"), "does not match the format", id="another way to write a day"),
        pytest.param(("--as-of", "2026-02-30"), "does not match the format", id="a day that there is not"),
        pytest.param(("--as-of", ""), "does not match the format", id="no day"),
        pytest.param(("--workers", "-1"), "greater than or equal to 0", id="fewer than no workers"),
        pytest.param(("--workers", "65"), "less than or equal to 64", id="too many"),
        pytest.param(("--workers", "two"), "valid integer", id="no number of workers"),
        pytest.param(("--batch", "-1"), "greater than or equal to 0", id="a batch below nothing"),
        pytest.param(("--batch", "100001"), "less than or equal to 100000", id="a batch too large"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(
    due: Subscription, words: tuple[str, ...], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    before = state()
    monkeypatch.setattr(sys, "argv", ["lineaviva", "carrier", "nightly", *words, "--json"])
    with pytest.raises(SystemExit) as end:
        main.main()
    found = json.loads(capsys.readouterr().out)
    assert (end.value.code, found["error"]["code"]) == (2, "usage")
    assert sentence in found["error"]["message"]
    assert state() == before


# --- a night to come ------------------------------------------------------------------------------------------------


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits there."""
    monkeypatch.setattr(carrier_nightly, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))


def test_at_a_terminal_it_asks_before_a_night_to_come(due: Subscription, terminal: None) -> None:
    before = state()
    with pytest.raises(LineavivaError) as refusal:
        run("nightly", "--as-of", "2026-11-24", said="n\n")
    assert (refusal.value.code, str(refusal.value)) == ("not_confirmed", "Nothing was done.")
    assert state() == before
    code, text = run("nightly", "--as-of", "2026-11-24", said="y\n")
    assert code == 0
    assert "2026-11-24 is still to come: its fees would be charged 2 days early. Go on?" in text
    assert money(due) == (0, 0)


@pytest.mark.parametrize("words", [("--as-of", "2026-11-22"), ("--as-of", "2026-11-24", "--yes"), ()], ids=str)
def test_it_does_not_ask_where_there_is_nothing_to_ask(
    due: Subscription, terminal: None, words: tuple[str, ...]
) -> None:
    code, text = run("nightly", *words)
    assert (code, "Go on?" in text) == (0, False)


def test_where_nobody_sits_it_does_not_ask(due: Subscription) -> None:
    assert run("nightly", "--as-of", "2026-12-23", "--json")[0] == 0


def test_but_takes_a_night_far_away_for_a_slip(due: Subscription) -> None:
    """2062 for 2026, in somebody's script: every line would pay for years."""
    before = state()
    with pytest.raises(LineavivaError) as refusal:
        run("nightly", "--as-of", "2062-11-22", "--json")
    assert refusal.value.code == "night_far"
    assert "charged 13149 days early. Nothing was done; give --yes" in str(refusal.value)
    assert state() == before


# --- while it works -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("watched", [True, False], ids=["a terminal", "a file"])
def test_the_bar_is_for_terminals(due: Subscription, watched: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=watched, width=120)
    monkeypatch.setattr(output, "errors", console)
    lines.night(batch=1)
    assert ("Renewing" in file.getvalue()) is watched
    assert ("4/4" in file.getvalue()) is watched


def test_a_full_disk_is_said_as_such_wherever_it_is_met(due: Subscription, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OperationalError("database or disk is full")

    monkeypatch.setattr("lineaviva.carrier.nightly.shards.shards_prepare", full)
    with pytest.raises(LineavivaError) as refusal:
        run("nightly")
    assert refusal.value.code == "disk_full"
    assert str(refusal.value) == (
        "The disk of the database is full; nothing is half written. Make room and start again."
    )


def test_a_database_without_tables_is_said_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: object) -> None:
        raise OperationalError("no such table: carrier_nightly_shard")

    monkeypatch.setattr("lineaviva.carrier.nightly.shards.shards_prepare", lacking)
    with pytest.raises(LineavivaError) as refusal:
        run("nightly")
    assert refusal.value.code == "carrier_unreadable"


def test_stopped_in_the_middle_it_says_that_it_is_not_done(due: Subscription, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(carrier_nightly, "_asked_to_stop", lambda: nullcontext(lambda: True))
        code, text = run("nightly")
    assert code == 1
    assert "The night is not done. Start it again: it goes on where it stopped." in text
    assert money(due) == (799, 0)
    assert run("nightly", "--as-of", NIGHT.isoformat())[0] == 0
    assert money(due) == (0, 0)
