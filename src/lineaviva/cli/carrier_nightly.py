"""`lineaviva carrier nightly`: the operator's night, by as many workers as wanted, its progress and its summary."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from multiprocessing import get_context
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineaviva.cli import output
from lineaviva.cli.carrier_home import Home, carrier
from lineaviva.cli.output import Json
from lineaviva.kernel import clock
from lineaviva.kernel.errors import Conflict, InvalidInput, LineavivaError
from lineaviva.kernel.money import Money

if TYPE_CHECKING:
    from lineaviva.carrier.nightly.night import Night

Report = Callable[[int], None]
# Larger ones are up to a tenth quicker on PostgreSQL, and let the foreground wait behind their commits: its p99 goes
# from 8 ms to 50 (docs/performance.md). On SQLite nobody else writes meanwhile.
BATCH = {"postgresql": 1000, "sqlite": 20_000}
MOST_RESTARTS = 10
# A night that far ahead, with nobody to be asked, is a slip in somebody's script.
MOST_DAYS_EARLY = 31
# The summary reads all that the night wrote: it may be silent for longer than a batch.
SUMMING_SECONDS = 600.0


def nightly(
    as_of: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The night; today if left out.")] = None,
    workers: Annotated[int, typer.Option(min=0, max=64, help="Processes; 0: all cores but one. SQLite: one.")] = 0,
    batch: Annotated[int, typer.Option(min=0, max=100_000, help="Lines a transaction; 0: what suits.")] = 0,
    home: Home = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a night that is still to come.")] = False,
    json: Json = False,
) -> None:
    """Renew every line that is due, move lines on in their life, give the notices that the law asks for.

    Nights that were missed are made up for in their order. The same night twice, on two hosts at once, or killed and
    started again ends the same. Exit code 1 if a line could not be dealt with, or the books disagree.

    Example: `lineaviva carrier nightly --as-of 2026-11-22 --workers 2 --json`
    """
    with carrier(home):
        night_of = as_of.date() if as_of else clock.rome_date(clock.now())
        _ask_if_to_come(night_of, yes)
        found = run_night(night_of, workers=workers, batch=batch)
    if json:
        output.print_json(found)
    else:
        _print(found)
    if found["stuck"] or not found["ledger_agrees"] or not found["done"]:
        raise typer.Exit(1)


def run_night(as_of: date, *, workers: int = 0, batch: int = 0) -> dict[str, Any]:
    """Do the night and all before it; its summary.

    Raises Conflict (clocks_disagree, disk_full, database_away, night_failed).
    """
    from django.db import connection

    from lineaviva.carrier.nightly import queries
    from lineaviva.carrier.nightly.away import outlasting
    from lineaviva.carrier.nightly.runs import clocks_compare, run_begin, run_end
    from lineaviva.carrier.nightly.shards import shards_prepare
    from lineaviva.carrier.nightly.silence import watching

    start = time.monotonic()
    # Nothing is tried again here: a database that is not there when somebody starts the night is told at once.
    with watching(SUMMING_SECONDS):
        clocks_compare()
        shards_prepare()
        since = queries.first_undone(as_of)
        if since is None:
            return _summary(as_of, as_of, True, 0.0)
        before, due = queries.progress(since, as_of).lines, queries.due_count(as_of)
        run = run_begin(as_of=as_of, due=due, now=clock.now())
    alone = connection.vendor == "sqlite"
    many = 1 if alone else workers or max(1, (os.cpu_count() or 2) - 1)
    with _bar(due) as report:
        work = _alone if many == 1 else _together
        work(as_of, batch or BATCH[connection.vendor], since, many, report)
    seconds = time.monotonic() - start
    found = outlasting(lambda: _summary(since, as_of, False, seconds), silence=SUMMING_SECONDS)
    outlasting(lambda: run_end(run=run, lines=found["lines"] - before, seconds=seconds, now=clock.now()))
    return found


# --- workers -------------------------------------------------------------------------------------------------------


def _alone(as_of: date, batch: int, since: date, many: int, report: Report) -> None:
    """In this process."""
    from lineaviva.carrier.nightly.workers import worker_run

    done = 0

    def told(outcomes: Any) -> None:
        nonlocal done
        done += sum(one.lines for one in outcomes)
        report(done)

    with _asked_to_stop() as stopped:
        worker_run(_night(as_of, batch, told, stopped))


def _together(as_of: date, batch: int, since: date, many: int, report: Report) -> None:
    """In so many processes; one that dies is replaced, and its part goes on after its lease."""
    from lineaviva.carrier.nightly import queries
    from lineaviva.carrier.nightly.away import outlasting

    processes = get_context("spawn")
    settings = {name: value for name, value in os.environ.items() if name.startswith(("LINEAVIVA_", "DJANGO_"))}

    def begin() -> Any:
        process = processes.Process(target=_worker, args=(as_of, batch, settings))
        process.start()
        return process

    with _asked_to_stop() as stopped:
        running = [begin() for _ in range(many)]
        try:
            _watch(running, begin, stopped, lambda: report(outlasting(lambda: queries.progress(since, as_of)).lines))
        finally:
            for process in running:
                if process.is_alive():
                    process.terminate()
                process.join()
    if any(process.exitcode for process in running) and outlasting(lambda: queries.first_undone(as_of)):
        raise Conflict("The night is not done; a worker said why. Start it again.", code="night_failed")


def _watch(running: list[Any], begin: Callable[[], Any], stopped: Callable[[], bool], look: Callable[[], None]) -> None:
    """Stay while any of them works. Who was killed is replaced; whoever asks this process to stop asks all of them."""
    restarts = 0
    while True:
        for place, process in enumerate(running):
            if stopped() and process.is_alive():
                process.terminate()
            # Below zero: killed by a signal. Above: it has said why.
            elif (process.exitcode or 0) < 0 and restarts < MOST_RESTARTS and not stopped():
                running[place], restarts = begin(), restarts + 1
        if not any(process.is_alive() for process in running):
            return
        time.sleep(0.1)
        look()


def _worker(as_of: date, batch: int, settings: dict[str, str]) -> None:
    os.environ.update(settings)
    output.setup_django()
    from lineaviva.carrier.nightly.workers import worker_run

    try:
        with _asked_to_stop() as stopped:
            worker_run(_night(as_of, batch, lambda outcomes: None, stopped))
    except LineavivaError as error:
        # On stderr also with --json: the one document is the summary.
        output.errors.print(f"[bold red]Error:[/] {error}", highlight=False)
        sys.exit(1)


def _night(as_of: date, batch: int, told: Any, stopped: Callable[[], bool]) -> Night:
    from lineaviva.carrier.nightly.night import Night

    return Night(as_of=as_of, at=clock.now(), batch=batch, told=told, stopped=stopped)


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Whether somebody pressed Ctrl-C or sent SIGTERM: the batch at hand is ended, and then no other is begun."""
    asked: list[int] = []
    before = {
        number: signal.signal(number, lambda got, frame: asked.append(got))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# --- what is shown -------------------------------------------------------------------------------------------------


def _ask_if_to_come(as_of: date, yes: bool) -> None:
    days = (as_of - clock.rome_date(clock.now())).days
    if days <= 0 or yes:
        return
    sentence = f"{as_of} is still to come: its fees would be charged {days} days early."
    if sys.stdin.isatty():
        if not typer.confirm(f"{sentence} Go on?", err=True):
            raise InvalidInput("Nothing was done.", code="not_confirmed", field="as_of")
    elif days > MOST_DAYS_EARLY:
        raise InvalidInput(
            f"{sentence} Nothing was done; give --yes if that is meant.", code="night_far", field="as_of"
        )


def _summary(since: date, as_of: date, already: bool, seconds: float) -> dict[str, Any]:
    from lineaviva.carrier.nightly import queries

    tallies = queries.tallies(since, as_of)
    names = ("credit_minor", "debt_minor", "discount_minor")
    summed = {name: sum(getattr(tally, name) for tally in tallies) for name in names}
    ledger = queries.ledger_sums(since, as_of)
    lines = sum(tally.lines for tally in tallies)
    return {
        "as_of": as_of.isoformat(),
        "since": since.isoformat(),
        "already_done": already,
        "done": queries.first_undone(as_of) is None,
        "lines": lines,
        "seconds": round(seconds, 3),
        "lines_per_s": round(lines / seconds) if seconds and not already else 0,
        "outcomes": [asdict(tally) for tally in tallies],
        "money": summed,
        "ledger": ledger,
        "ledger_agrees": summed == ledger,
        "stuck": queries.stuck_count(as_of),
    }


def _print(found: dict[str, Any]) -> None:
    rows = [
        (one["operator"], one["outcome"], f"{one['lines']:,}", *(_euros(one[name]) for name in found["money"]))
        for one in found["outcomes"]
    ]
    title = (
        f"Nights {found['since']} to {found['as_of']}"
        if found["since"] < found["as_of"]
        else f"Night of {found['as_of']}"
    )
    columns = ["Operator", "Outcome", "Lines", "From credit", "Owed since", "Given away"]
    output.print_table(title, columns, rows, empty="Nothing was due.")
    if found["already_done"]:
        output.console.print("This night was done before; nothing was done now.")
    elif found["done"]:
        output.console.print(
            f"{found['lines']:,} lines in {found['seconds']:.1f} s, {found['lines_per_s']:,} a second."
        )
    else:
        output.errors.print("[bold red]The night is not done.[/] Start it again: it goes on where it stopped.")
    if not found["ledger_agrees"]:
        output.errors.print("[bold red]The ledger says otherwise.[/] Run `lineaviva carrier audit`.")
    if found["stuck"]:
        output.errors.print(
            f"[bold red]{found['stuck']} lines could not be dealt with[/] and are asked for again each night: their "
            "offer is not in the catalogue any more, or the database refused what was to be written; the log says why."
        )


def _euros(minor: int) -> str:
    return str(Money(minor, "EUR")) if minor else ""


@contextmanager
def _bar(total: int) -> Iterator[Report]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        *(TextColumn("Renewing"), BarColumn(), MofNCompleteColumn()),
        *(TextColumn("{task.fields[rate]}"), TimeRemainingColumn()),
    )
    with Progress(*columns, console=output.errors, transient=True, disable=not output.errors.is_terminal) as bar:
        task, start = bar.add_task("", total=total, rate=""), time.monotonic()

        def report(done: int) -> None:
            rate = done / max(time.monotonic() - start, 0.001)
            bar.update(task, completed=done, total=max(total, done), rate=f"{rate:,.0f}/s")

        yield report
