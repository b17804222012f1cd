"""Several at one night, people who top up meanwhile, processes that are killed, and a disk that is full."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection, connections
from django.db.models import Sum

from lineaviva.carrier.ledger.models import Event
from lineaviva.carrier.nightly.models import Count, Shard
from lineaviva.carrier.orders.actions import service_order_perform
from lineaviva.carrier.orders.ports import Strict
from lineaviva.carrier.orders.rules import Ask
from lineaviva.carrier.subscriptions.models import Plan, Subscription
from lineaviva.kernel.errors import Conflict
from tests.carrier.nightly import lines
from tests.carrier.nightly.lines import NIGHT, at, in_part, money, other_than, problems, rolled_back, state
from tests.carrier.nightly.worlds import mixed, two_parts_due, work
from tests.keeper.together import together
from tests.patience import PATIENCE, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("at_once")]


def expected() -> dict[str, Any]:
    """Every row as a run that nobody disturbs leaves it."""
    with rolled_back():
        work(100)
        return state()


# --- several workers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("many", [2, 4])
def test_several_workers_do_each_line_once(many: int) -> None:
    mixed(times=2)
    alone = expected()
    together(many, lambda: work(4))
    assert other_than(alone) == {}
    assert problems() == []


def test_a_worker_whose_part_is_taken_over_while_it_works_does_nothing_twice() -> None:
    """The lease is far too short: parts go from hand to hand in the middle of the work."""
    mixed(times=2)
    alone = expected()
    over = iter(range(40))

    def hasty() -> None:
        def snatched() -> bool:
            if next(over, None) is not None:
                Shard.objects.exclude(holder="").update(lease_until="2000-01-01 00:00:00+00:00")
            return False

        work(4, stopped=snatched)

    together(3, hasty)
    assert other_than(alone) == {}
    assert problems() == []


# --- people who top up meanwhile ------------------------------------------------------------------------------------


def crowd() -> list[Subscription]:
    """Sixty lines without credit, TIM's and Vodafone's in turn, each with a plan that is due."""
    for operator in ("tim", "vodafone"):
        lines.offer(operator)
    ids = [*in_part(0, 60)] if connection.vendor == "sqlite" else [*in_part(0, 30), *in_part(1, 30)]
    made = [lines.line(("tim", "vodafone")[place % 2], id=pk) for place, pk in enumerate(ids)]
    for line in made:
        lines.plan(line, f"{line.operator}-base")
    two_parts_due()
    return made


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_whoever_tops_up_during_the_night_is_renewed_once_by_one_or_the_other(batch: int) -> None:
    made = crowd()
    roles = itertools.count()
    orders = []

    def act() -> None:
        role = next(roles)
        if role == 0:
            work(batch)
            return
        mine = made[role - 1 :: 3]
        random.Random(role).shuffle(mine)
        for line in mine:
            ask = Ask(line.operator, "partner", f"LV-{line.pk}", "topup", line.msisdn, "topup-10", 1000)
            orders.append(service_order_perform(ask=ask, screening=Strict(), now=at(NIGHT)).status)

    together(4, act)
    assert orders == ["completed"] * 60
    assert problems() == []
    assert not Count.objects.filter(outcome="stuck").exists()
    for line in made:
        # Vodafone's line had a day of courtesy where the night came first: its top-up has paid for it.
        assert money(line) in ([(201, 0)] if line.operator == "tim" else [(201, 0), (102, 0)])
        assert Event.objects.filter(subscription_id=line.pk, kind="renewed").count() == 1
    assert set(Plan.objects.values_list("status", "paid_until")) == {("active", date(2026, 12, 22))}


# --- killed for good ------------------------------------------------------------------------------------------------


def command() -> subprocess.Popen[bytes]:
    """The night in a process of its own, on this test's database."""
    name = str(connection.settings_dict["NAME"])
    url = f"sqlite:///{name}"
    if connection.vendor == "postgresql":
        url = urlsplit(os.environ["LINEAVIVA_DATABASE_URL"])._replace(path=f"/{name}").geturl()
    environment = {
        **os.environ,
        "LINEAVIVA_PROGRAM": "carrier",
        "LINEAVIVA_DATABASE_URL": url,
        "LINEAVIVA_CLOCK": "2026-11-22T02:00:00+01:00",
        "DJANGO_SETTINGS_MODULE": "lineaviva.config.settings",
    }
    words = ["carrier", "nightly", "--as-of", NIGHT.isoformat(), "--workers", "1", "--batch", "2", "--json"]
    return subprocess.Popen(
        [sys.executable, "-m", "lineaviva.cli.main", *words], env=environment, stdout=subprocess.DEVNULL
    )


def done() -> int:
    return int(Count.objects.aggregate(Sum("lines"))["lines__sum"] or 0)


def until_done(enough: int, alive: Callable[[], bool]) -> None:
    until(lambda: not alive() or done() >= enough, every=0.005)


@pytest.mark.processes
@pytest.mark.xdist_group("nightly")
def test_killed_with_9_again_and_again_it_comes_to_the_same_end() -> None:
    mixed(times=4)
    alone = expected()
    luck = random.Random(9)
    for _ in range(6):
        with forked(batch=2) as (pid, alive):
            until_done(done() + luck.randrange(1, 15), alive)
            os.kill(pid, signal.SIGKILL)
        assert problems() == []
        lines.lease_over()
    assert 0 < done() < sum(row[4] for row in alone["Count"])
    work(100)
    assert other_than(alone) == {}
    assert problems() == []


@pytest.mark.processes
@pytest.mark.xdist_group("nightly")
def test_processes_at_once_do_each_line_once() -> None:
    mixed(times=2)
    alone = expected()
    with forked(batch=3) as (_, first), forked(batch=5) as (_, second):
        until_done(10**6, lambda: first() or second())
    assert other_than(alone) == {}
    assert problems() == []


@contextmanager
def forked(batch: int) -> Iterator[tuple[int, Callable[[], bool]]]:
    """A process like this one that does nothing but work; its id, and whether it lives."""
    connections.close_all()  # a connection is one process's
    pid = os.fork()
    if pid == 0:
        try:
            work(batch)
        finally:
            os._exit(0)
    yield pid, lambda: _lives(pid)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _lives(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:  # asked before
        return False


@pytest.mark.processes
@pytest.mark.xdist_group("nightly")
def test_the_command_is_killed_with_9_and_started_again() -> None:
    mixed(times=4)
    alone = expected()
    first = command()
    until_done(20, lambda: first.poll() is None)
    first.kill()
    assert first.wait() == -signal.SIGKILL
    lines.lease_over()
    assert command().wait(PATIENCE) == 1  # to its end: one line in each world is stuck
    assert other_than(alone) == {}
    assert problems() == []


# --- no room --------------------------------------------------------------------------------------------------------


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """Room for so many pages more; on PostgreSQL for whatever is written before the entry of 7.77."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA page_count")
            cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0] + room}")
        else:
            cursor.execute(
                "CREATE OR REPLACE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
                "'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$"
            )
            cursor.execute(
                "CREATE TRIGGER no_room BEFORE INSERT ON carrier_ledger_entry FOR EACH ROW "
                f"WHEN (NEW.amount_minor = {(777, 799, 99)[room % 3]}) EXECUTE FUNCTION no_room()"
            )
    yield
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            connection.close()
        else:
            cursor.execute("DROP TRIGGER no_room ON carrier_ledger_entry")


@pytest.mark.parametrize("room", [0, 1, 5])
def test_a_full_disk_stops_the_night_with_a_sentence_and_nothing_half_written(room: int) -> None:
    mixed(times=4)
    alone = expected()
    with full_disk(room):
        with pytest.raises(Conflict) as refusal:
            work(7)
        assert problems() == []
    assert refusal.value.code == "disk_full"
    assert str(refusal.value) == (
        "The disk of the database is full; nothing is half written. Make room and start again."
    )
    assert done() < sum(row[4] for row in alone["Count"])
    lines.lease_over()
    work(100)
    assert other_than(alone) == {}
    assert problems() == []
