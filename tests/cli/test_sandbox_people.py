"""The sandbox's people: made once, also where the carriers are not ready yet."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from lineaviva.cli import sandbox
from lineaviva.keeper.catalogue import actions
from lineaviva.keeper.lines.queries import lines_for
from lineaviva.kernel.errors import Temporary
from lineaviva.sandbox.world import CARRIERS

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose catalogue was asked for, by carriers that do not answer the first two times."""
    asked: list[str] = []

    def refresh(*, operator: str, now: datetime) -> None:
        asked.append(operator)
        if asked.count(operator) < 3:
            raise Temporary("no token could be fetched: ReadTimeout")

    monkeypatch.setattr(actions, "catalogue_refresh", refresh)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return asked


def test_carriers_that_are_not_ready_are_asked_again(asked: list[str], now: datetime) -> None:
    anna, clerk = sandbox.people_make(language="it", now=now)
    assert asked == [operator for operator in CARRIERS for _ in range(3)]
    assert (anna.email, clerk.email) == (sandbox.HOLDER, sandbox.CLERK)
    lines = {line.operator: line for line in lines_for(anna)}
    assert sorted(lines) == sorted(CARRIERS)
    assert {name: line.sim_type for name, line in lines.items()} == {
        "tim": "physical",
        "vodafone": "esim",
        "windtre": "physical",
    }


def test_the_second_time_changes_and_asks_nothing(asked: list[str], now: datetime) -> None:
    first = sandbox.people_make(language="it", now=now)
    asked.clear()
    assert sandbox.people_make(language="it", now=now) == first
    assert asked == []
    assert lines_for(first[0]).count() == 3


def test_a_carrier_that_never_answers_is_said_so(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    def never(**_: Any) -> None:
        raise Temporary("away")

    monkeypatch.setattr(actions, "catalogue_refresh", never)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(Temporary):
        sandbox.people_make(language="it", now=now)
