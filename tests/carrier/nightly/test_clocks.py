"""A host whose clock is wrong charges nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from lineaviva.carrier.nightly import runs
from lineaviva.carrier.nightly.models import Count, Shard
from lineaviva.kernel.errors import Conflict
from tests.carrier.books import books as books
from tests.carrier.nightly import lines
from tests.carrier.nightly.lines import money, night

pytestmark = pytest.mark.usefixtures("books")


@pytest.mark.parametrize("hours", [-24, 24])
def test_a_day_off(monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    lines.offer("tim")
    line = lines.line("tim", credit=5000)
    lines.plan(line, "tim-base")
    monkeypatch.setattr(runs, "host_clock", lambda: datetime.now(UTC) + timedelta(hours=hours))
    if connection.vendor == "sqlite":  # the database has no other clock
        assert night()["lines"] == 1
        return
    with pytest.raises(Conflict, match=r"1[34]\d{2} minutes apart") as refused:
        night()
    assert refused.value.code == "clocks_disagree"
    assert (money(line), Count.objects.count(), Shard.objects.count()) == ((5000, 0), 0, 0)


def test_a_few_minutes_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "host_clock", lambda: datetime.now(UTC) + timedelta(minutes=9))
    assert night()["done"] is True
