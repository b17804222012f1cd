"""What every test may use. People: Anna holds lines, Bo is family, Chen a clerk, Dora operations, Eve an outsider."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import hypothesis
import pytest

from lineaviva.kernel import clock as kernel_clock
from lineaviva.kernel.clock import ROME, FrozenClock

# Enough to find a slip each time the suite runs, few enough that it runs often.
hypothesis.settings.register_profile("suite", max_examples=40, deadline=None, database=None)
hypothesis.settings.load_profile("suite")

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=ROME)


@pytest.fixture
def clock() -> Iterator[FrozenClock]:
    """Stands at noon in Rome on 22 November 2026."""
    frozen = FrozenClock(NOON)
    with kernel_clock.use(frozen):
        yield frozen


@pytest.fixture
def now(clock: FrozenClock) -> datetime:
    return clock.now()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what touches a database, so that the PostgreSQL run can pick just those."""
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if names & {"db", "transactional_db", "django_db_setup"} or item.get_closest_marker("django_db"):
            item.add_marker(pytest.mark.db)
