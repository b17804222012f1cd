"""`lineaviva auto`: list, show, on, off."""

from __future__ import annotations

from json import loads

import pytest

from lineaviva.cli.auto import app
from lineaviva.keeper.accounts.models import AuditEntry
from lineaviva.keeper.renewals.models import AutoRenewal
from lineaviva.kernel.errors import InvalidInput, NotFound
from tests.cli.in_process import Done, run
from tests.keeper.renewals.conftest import World, world  # noqa: F401

pytestmark = pytest.mark.django_db


def auto(*words: str) -> Done:
    return run(app, *words)


def test_nothing_is_on(world: World) -> None:  # noqa: F811
    assert "No line is renewed by itself." in auto("list").out
    assert loads(auto("list", "--json").out) == {"autos": []}
    refusal = auto("show", world.line.msisdn).error
    assert isinstance(refusal, NotFound)
    assert refusal.code == "auto_unknown"


def test_on_shown_and_off(world: World) -> None:  # noqa: F811
    row = loads(auto("on", world.line.msisdn, "--ceiling", "10.00", "--lead", "5", "--json").out)
    assert (row["payer"], row["card"], row["ceiling"], row["lead_days"]) == ("anna@example.org", "4242", "10.00 EUR", 5)
    assert AuditEntry.objects.get(act="auto_on").subject == f"auto:{row['auto']}"
    world.work()
    shown = loads(auto("show", world.line.msisdn, "--json").out)
    assert shown["next"] == {"on": "2027-03-24", "kind": "notice", "amount": None}
    assert [(step["kind"], step["on"]) for step in shown["steps"]][:2] == [
        ("notice", "2027-03-24"),
        ("charge", "2027-03-26"),
    ]
    assert [event["kind"] for event in shown["events"]] == ["on"]
    assert world.line.msisdn not in auto("list").out
    assert "Mamma" in auto("list").out

    assert auto("off", world.line.msisdn, "--reason", "phone").out.strip() == "It is off."
    assert loads(auto("list", "--json").out) == {"autos": []}
    [off] = loads(auto("list", "--all", "--json").out)["autos"]
    assert (off["state"], off["off_reason"], off["next"]) == ("off", "phone", None)


def test_on_needs_a_saved_card_and_a_ceiling(world: World) -> None:  # noqa: F811
    assert isinstance(auto("on", world.line.msisdn, "--ceiling", "10", "--card", "0000").error, NotFound)
    assert isinstance(auto("on", world.line.msisdn, "--ceiling", "much").error, InvalidInput)
    for choice, code in (("plan", "auto_no_plan"), ("everything", "choice")):
        refusal = auto("on", world.line.msisdn, "--ceiling", "10.00", "--choice", choice).error
        assert isinstance(refusal, InvalidInput)
        assert refusal.code == code
    assert AutoRenewal.objects.count() == 0
