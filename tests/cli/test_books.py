"""`lineaviva books`: a month, the proof, what an accountant gets."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from json import loads
from pathlib import Path

import pytest

from lineaviva.cli.books import app
from lineaviva.keeper.books.actions import post
from lineaviva.keeper.books.models import Difference, Reconciliation
from lineaviva.keeper.books.rules import moved
from lineaviva.keeper.payments.models import PaymentAttempt
from lineaviva.keeper.receipts.actions import credit_note_issue, receipt_issue
from lineaviva.kernel.errors import Conflict, InvalidInput, NotAllowed
from lineaviva.kernel.money import Money
from tests import factories
from tests.cli.conftest import Command
from tests.cli.in_process import Done, run
from tests.keeper.books.conftest import Purse

pytestmark = pytest.mark.django_db
# `check` reads a snapshot, which begins a transaction of its own.
at_rest = pytest.mark.django_db(transaction=True)


def books(*words: str) -> Done:
    return run(app, *words)


@pytest.fixture
def sold(now: datetime) -> Purse:
    """Paid and delivered in November with a part given back, and one more that was paid in October."""
    Purse(now - timedelta(days=30), price=1000).pay()
    return Purse(now).pay().activate().ask_back(120).give_back()


MONTH = [
    ["account", "currency", "opening", "debit", "credit", "closing"],
    ["held", "EUR", "-10.00", "5.00", "5.00", "-10.00"],
    ["provider:stripe", "EUR", "10.00", "5.00", "1.20", "13.80"],
    ["sales:single_stage", "EUR", "0.00", "1.20", "5.00", "-3.80"],
]


def test_a_month_as_csv(sold: Purse) -> None:
    assert list(csv.reader(io.StringIO(books("--month", "2026-11", "--csv").out))) == MONTH


def test_a_month_as_json(sold: Purse) -> None:
    found = books("--month", "2026-11", "--json").json
    assert (found["from"], found["until"]) == ("2026-11-01T00:00:00+01:00", "2026-12-01T00:00:00+01:00")
    assert found["accounts"][1] == {
        **{"account": "provider:stripe", "currency": "EUR"},
        **{"opening_minor": 1000, "debit_minor": 500, "credit_minor": 120, "closing_minor": 1380},
    }
    assert [sum(row[f"{name}_minor"] for row in found["accounts"]) for name in ("opening", "closing")] == [0, 0]
    (sale,) = found["sales"]
    assert (sale["vat"], sale["sold_minor"], sale["vat_minor"], sale["currency"]) == ("single_stage", 380, None, "EUR")
    assert "art. 74" in sale["law"]


def test_a_month_for_people(sold: Purse) -> None:
    shown = books("--month", "2026-11").out
    assert "provider:stripe" in shown
    assert "13.80" in shown
    assert "single-stage VAT" in shown
    assert "3.80 EUR" in shown


def test_unless_told_otherwise_it_is_this_month(sold: Purse) -> None:
    assert books("--csv").out == books("--month", "2026-11", "--csv").out


def test_a_month_before_there_was_anything(sold: Purse) -> None:
    assert books("--month", "2026-09", "--json").json["accounts"] == []
    assert books("--month", "2026-09").out.strip() == "Nothing here yet."


def test_vat_that_is_in_what_was_sold(now: datetime) -> None:
    post(key="x", kind="sale", entries=moved(Money(1220), debit="held", credit="sales:standard"), at=now, reference="A")
    (sale,) = books("--json").json["sales"]
    assert (sale["vat"], sale["sold_minor"], sale["vat_minor"]) == ("standard", 1220, 220)
    assert "2.20 EUR" in books().out


def test_what_is_no_month() -> None:
    error = books("--month", "november").error
    assert isinstance(error, InvalidInput)
    assert (error.code, error.field) == ("month_invalid", "month")


# --- the proof ----------------------------------------------------------------------------------------------------


@at_rest
def test_they_agree(sold: Purse) -> None:
    done = books("check")
    assert (done.code, done.out) == (
        0,
        "The books agree: collected 15.00 EUR, delivered 3.80 EUR, refunded 1.20 EUR, held 10.00 EUR.\n",
    )
    assert books("check", "--json").json == {
        **{"agrees": True, "problems": []},
        **{"collected_minor": 1500, "refunded_minor": 120, "delivered_minor": 380, "held_minor": 1000},
    }


@at_rest
def test_they_do_not(sold: Purse, now: datetime) -> None:
    other = Purse(now).attempt
    PaymentAttempt.objects.filter(pk=other.pk).update(state="succeeded")
    problems = [
        "collected: payments count 20.00 EUR, the books 15.00 EUR",
        "held: payments count 15.00 EUR, the books 10.00 EUR",
        f"payment:{other.idempotency_key} is not in the books",
    ]
    done = books("check")
    assert (done.code, done.out.splitlines()) == (1, problems)
    told = books("check", "--json")
    assert told.code == 1
    assert '"agrees": false' in told.out


@at_rest
def test_repairing(sold: Purse, now: datetime) -> None:
    assert books("repair", "--yes").out == "Posted: 0.\n"
    other = Purse(now).attempt
    PaymentAttempt.objects.filter(pk=other.pk).update(state="succeeded", finished_at=now)
    assert (books("repair").code, books("check").code) == (1, 1)
    assert books("repair", "--yes", "--json").json == {"posted": [f"payment:{other.idempotency_key}"]}
    assert books("check").code == 0


# --- for an accountant --------------------------------------------------------------------------------------------


def journal(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_journal(sold: Purse, now: datetime) -> None:
    receipt = receipt_issue(order=sold.order, now=now).full_number
    note = credit_note_issue(refund=sold.refund, now=now).full_number
    rows = journal(books("export", "--month", "2026-11").out)
    code = sold.order.code
    assert [(row["date"], row["description"], row["account"], row["debit"], row["credit"]) for row in rows] == [
        ("2026-11-22", f"Payment for order {code}", "provider:stripe", "5.00", ""),
        ("2026-11-22", f"Payment for order {code}", "held", "", "5.00"),
        ("2026-11-22", f"Delivered, order {code}", "held", "5.00", ""),
        ("2026-11-22", f"Delivered, order {code}", "sales:single_stage", "", "5.00"),
        ("2026-11-22", f"Given back, order {code}", "sales:single_stage", "1.20", ""),
        ("2026-11-22", f"Given back, order {code}", "provider:stripe", "", "1.20"),
    ]
    assert [row["document"] for row in rows] == [*[receipt] * 4, *[note] * 2]
    assert {row["currency"] for row in rows} == {"EUR"}
    assert len({row["number"] for row in rows}) == 3
    assert books("export", "--month", "2026-11", "--json").json == {"entries": rows}
    year = journal(books("export", "--year", "2026").out)
    assert (len(year), year[2:], year[0]["document"]) == (8, rows, "")


def test_a_day_is_a_day_in_rome(now: datetime) -> None:
    late = datetime.fromisoformat("2026-12-31T23:30:00+00:00")
    post(key="x", kind="payout", entries=moved(Money(5), debit="bank", credit="provider:stripe"), at=late)
    assert journal(books("export", "--year", "2026").out) == []
    assert [row["date"] for row in journal(books("export", "--month", "2027-01").out)] == ["2027-01-01"] * 2
    assert journal(books("export", "--year", "2027").out)[0]["description"] == "Paid out to the bank"


def test_into_a_file(sold: Purse, tmp_path: Path) -> None:
    path = tmp_path / "books.csv"
    assert books("export", "--month", "2026-11", "-o", str(path)).code == 0
    assert len(journal(path.read_text(encoding="utf-8"))) == 6
    path.write_text("mine")
    error = books("export", "--month", "2026-11", "-o", str(path)).error
    assert isinstance(error, Conflict)
    assert (error.code, path.read_text()) == ("file_exists", "mine")
    said = books("export", "--month", "2026-11", "-o", str(path), "--yes", "--json").json
    assert said == {"file": str(path), "entries": 6}
    assert len(journal(path.read_text(encoding="utf-8"))) == 6


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ((), "year"),
        (("--year", "2026", "--month", "2026-11"), "year"),
        (("--year", "99"), "year"),
        (("--month", "x"), "month"),
        (("--year", "2026", "-o", "/nowhere/at/all.csv"), "output"),
    ],
)
def test_what_cannot_be_exported(words: tuple[str, ...], field: str) -> None:
    error = books("export", *words).error
    assert isinstance(error, InvalidInput)
    assert error.field == field


@at_rest
def test_at_the_command(here: Command, sold: Purse) -> None:
    assert here("books", "check").out.startswith("The books agree: ")
    refused = here("books", "--month", "x", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "month_invalid")
    assert "Examples:" in here("books", "--help").out


# --- differences ----------------------------------------------------------------------------------------------------


@pytest.fixture
def missing(sold: Purse, now: datetime) -> Difference:
    """The provider does not list what was paid; it stands on the stuck list."""
    Reconciliation.objects.create(provider="stripe", day=now.date(), state="done")
    return Difference.objects.create(
        provider="stripe",
        kind="missing",
        about=sold.attempt.idempotency_key,
        reference=sold.order.code,
        ours_minor=500,
        day=now.date(),
        found_at=now,
        stuck_reason="look it up",
    )


def test_nothing_differs() -> None:
    done = books("differences")
    assert (done.code, done.out) == (0, "Nothing differs.\n")
    assert books("differences", "--json").json == {"read_until": {}, "differences": []}


def test_what_differs(missing: Difference, sold: Purse) -> None:
    done = books("differences")
    assert done.code == 1
    for part in ("missing", sold.order.code, "5.00 EUR", "stripe: its list is read until 2026-11-22."):
        assert part in done.out
    told = books("differences", "--json")
    assert told.code == 1
    assert loads(told.out) == {
        "read_until": {"stripe": "2026-11-22"},
        "differences": [
            {
                **{"id": missing.pk, "day": "2026-11-22", "provider": "stripe", "kind": "missing"},
                **{"about": sold.attempt.idempotency_key, "reference": sold.order.code},
                **{"ours_minor": 500, "theirs_minor": None, "currency": "EUR", "state": "open"},
                **{"reason": "", "settled_by": "", "what_to_do": "look it up"},
            }
        ],
    }


def test_settling(missing: Difference) -> None:
    factories.holder("dora@example.org", role="operations")
    words = ("settle", str(missing.pk), "--by", "dora@example.org", "--reason", "given [back] by hand")
    asked = books(*words)
    assert (asked.code, Difference.objects.get().state) == (1, "open")
    assert books(*words, "--yes").out == f"Difference {missing.pk} is settled: given [back] by hand\n"
    assert books("differences", "--json").json["differences"] == []
    (kept,) = books("differences", "--all", "--json").json["differences"]
    assert (kept["state"], kept["settled_by"], kept["reason"]) == (
        *("settled", "dora@example.org"),
        "given [back] by hand",
    )
    again = books(*words, "--yes", "--json").error
    assert isinstance(again, Conflict)
    assert again.code == "difference_settled"


def test_only_operations_settle(missing: Difference) -> None:
    factories.clerk()
    done = books("settle", str(missing.pk), "--by", "chen@example.org", "--reason", "x", "--yes")
    assert isinstance(done.error, NotAllowed)
    assert Difference.objects.get().state == "open"
