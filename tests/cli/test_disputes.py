"""`lineaviva orders disputes`, as operations type it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from lineaviva.keeper.orders.rules import code_grouped
from lineaviva.keeper.payments.models import Dispute
from tests.cli.conftest import Command
from tests.keeper.books.conftest import Purse

pytestmark = pytest.mark.django_db


@pytest.fixture
def lineaviva(here: Command, clock: Any) -> Command:
    """`lineaviva` in this process, while the clock stands still."""
    return here


def disputed(now: datetime, name: str, **facts: Any) -> Dispute:
    terms: dict[str, Any] = {"provider": "stripe", "amount_minor": 500, "opened_at": now, "reason": "fraudulent"}
    return Dispute.objects.create(provider_ref=name, **{**terms, **facts})


def test_what_must_be_answered_soonest_comes_first(lineaviva: Command, now: datetime) -> None:
    purse = Purse(now)
    disputed(now, "dp_later", answer_by=now + timedelta(days=9), attempt=purse.attempt)
    disputed(now, "dp_waits", state="under_review")
    disputed(now, "PP-R-1", provider="paypal", answer_by=now + timedelta(days=2), reason="UNAUTHORISED")
    disputed(now, "dp_over", state="lost", finished_at=now)
    ran = lineaviva("orders", "disputes", "--json")
    assert ran.code == 0
    assert [(row["dispute"], row["order"], row["state"]) for row in ran.json["disputes"]] == [
        ("paypal:PP-R-1", "", "open"),
        ("stripe:dp_later", code_grouped(purse.order.code), "open"),
        ("stripe:dp_waits", "", "under_review"),
    ]
    first = ran.json["disputes"][0]
    assert (first["amount"], first["reason"], first["finished_at"]) == ("5.00 EUR", "UNAUTHORISED", None)
    assert datetime.fromisoformat(first["answer_by"]) == now + timedelta(days=2)
    every = lineaviva("orders", "disputes", "--all", "--json").json["disputes"]
    assert [row["dispute"] for row in every][-1] == "stripe:dp_over"


def test_for_people_it_is_a_table(lineaviva: Command, now: datetime) -> None:
    assert "Nothing is disputed." in lineaviva("orders", "disputes").out
    disputed(now, "dp_1", answer_by=now + timedelta(days=2))
    said = lineaviva("orders", "disputes").out
    assert "stripe:dp_1" in said
    assert "2026-11-24 12:00" in said


def test_a_stuck_dispute_names_its_order(lineaviva: Command, now: datetime) -> None:
    purse = Purse(now)
    row = disputed(now, "dp_1", attempt=purse.attempt, stuck_reason="answer it")
    strange = disputed(now, "dp_2", stuck_reason="answer it")
    found = lineaviva("orders", "stuck", "--json")
    assert found.code == 1
    assert [(one["row"], one["order"]) for one in found.json["stuck"]] == [
        (f"dispute:{row.pk}", code_grouped(purse.order.code)),
        (f"dispute:{strange.pk}", ""),
    ]
