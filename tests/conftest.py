"""What every test may use. People: Anna holds lines, Bo is family, Chen a clerk, Dora operations, Eve an outsider."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

import httpx
import hypothesis
import pytest
from django.test import TransactionTestCase

from lineaviva.config import logging
from lineaviva.kernel import clock as kernel_clock
from lineaviva.kernel.clock import ROME, FrozenClock
from tests import database, limits, migrated
from tests.sandbox.provider.process import Bank, Shop
from tests.scheduling import ByFile, turn

# Enough to find a slip each time the suite runs, few enough that it runs often.
_settings = {"deadline": None, "database": None}
hypothesis.settings.register_profile("suite", max_examples=40, stateful_step_count=30, **_settings)
# For an hour that nothing else needs: pytest FILE --hypothesis-profile=deep
hypothesis.settings.register_profile("deep", max_examples=2000, stateful_step_count=60, **_settings)
hypothesis.settings.load_profile("suite")

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=ROME)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The database; after each test that commits it is as it was before."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patched:
        bring_back = database.way_back()
        patched.setattr(TransactionTestCase, "_fixture_teardown", lambda _case: bring_back())
        yield


@pytest.fixture(scope="session", autouse=True)
def frugal() -> Iterator[None]:
    """What costs time or noise in every test, and proves nothing."""
    with pytest.MonkeyPatch.context() as patched:
        # A client of httpx reads every root certificate when it is made, which takes longer than most tests.
        patched.setattr("httpx._transports.default.create_ssl_context", cache(httpx.create_ssl_context))
        # A command that runs in this process leaves the log to pytest: the stderr that it sees is closed afterwards.
        patched.setattr(logging, "configure", lambda *, level="INFO": None)
        # Hypothesis reads every module of ours for constants to try: seconds in each worker, and our edges are our own.
        patched.setattr("hypothesis.internal.conjecture.providers.is_local_module_file", lambda _path: False)
        yield


@pytest.fixture(scope="session", autouse=True)
def patient() -> Iterator[None]:
    """However long an answer takes, nobody hangs up."""
    with limits.patient():
        yield


@pytest.fixture(scope="session")
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.stop()


@pytest.fixture(scope="session")
def bank(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """The sandbox's payment provider, one for all tests of a worker: make it `forget` before."""
    bank = Bank(tmp_path_factory.mktemp("bank"), shop.url)
    yield bank
    bank.kill()


@pytest.fixture
def clock() -> Iterator[FrozenClock]:
    """Stands at noon in Rome on 22 November 2026."""
    frozen = FrozenClock(NOON)
    with kernel_clock.use(frozen):
        yield frozen


@pytest.fixture
def now(clock: FrozenClock) -> datetime:
    return clock.now()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # in the process that starts the others
        migrated.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        migrated.end()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first; and mark what touches a database, so that the PostgreSQL run can pick just those."""
    items.sort(key=turn)
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if names & {"db", "transactional_db", "django_db_setup"} or item.get_closest_marker("django_db"):
            item.add_marker(pytest.mark.db)
