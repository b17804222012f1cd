"""The operator's night, beside the least that hand-written SQL needs for the same rows.

    python bench/nightly.py --lines 100000 --database postgres [--workers 1] [--json]

Builds that many lines that are due (80 of 100 renew, 12 have too little credit under the policies of five operators, 5
move on in their life, 3 have a promotion or a changed price), runs `lineaviva carrier nightly`, builds them once more
and does the same with one set-based statement a batch and no rules: every table, row, receipt and notice that the
night writes, decided by nothing but the credit. The first is measured from the start of the command's own work to its
summary, checks of the ledger included; its processor time is that of the whole process. `start_cpu_s` is what of that
the command takes when nothing is due.

PostgreSQL is started from its wheel, with durable commits; SQLite is a file in LINEAVIVA_HOME's place.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.night import build, limit, measure, server  # noqa: E402 - the path comes first

EVE, NIGHT = "2026-11-21", "2026-11-22"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--database", choices=["postgres", "sqlite"], default="postgres")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="Where the database goes; a temporary folder if left out.")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = asked.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lineaviva-bench-")))
        found = run(asked, stack.enter_context(server.database(asked.database, folder)))
    show(found, asked.json)
    return 0 if found["ledger_balanced"] and found["same_rows"] else 1


def run(asked: argparse.Namespace, place: server.Place) -> dict[str, Any]:
    build.begin(place)
    with measure.cost(place) as start:
        measure.night(place, EVE, asked.workers, asked.batch)
    build.lines(asked.lines, NIGHT)
    with measure.cost(place) as ours:
        summary = measure.night(place, NIGHT, asked.workers, asked.batch)
    audit = measure.audit(place)
    rows = measure.rows()
    build.begin(place)
    build.lines(asked.lines, NIGHT)
    with measure.cost(place) as least:
        done, seconds = limit.night(NIGHT, asked.batch or limit.BATCH[place.name], asked.workers)
    renewals, limit_renewals = summary["lines"] / summary["seconds"], done / seconds
    return {
        "database": place.name,
        "lines": asked.lines,
        "due": summary["lines"],
        "workers": summary["workers"],
        "seconds": summary["seconds"],
        "renewals_per_s": round(renewals),
        "limit_per_s": round(limit_renewals),
        "ratio": round(renewals / limit_renewals, 3),
        "cpu_s": round(ours.cpu, 2),
        "limit_cpu_s": round(least.cpu, 2),
        "cpu_ratio": round(least.cpu / ours.cpu, 3),
        "cpu_us_per_line": round(ours.cpu / summary["lines"] * 1e6, 1),
        "start_cpu_s": round(start.cpu, 2),
        "peak_rss_mb": summary["peak_rss_mb"],
        "wal_bytes_per_renewal": round(ours.wal / summary["lines"]),
        "limit_wal_bytes_per_renewal": round(least.wal / done),
        "ledger_balanced": audit and summary["ledger_agrees"],
        "same_rows": rows == measure.rows(),
        "outcomes": {f"{one['operator']} {one['outcome']}": one["lines"] for one in summary["outcomes"]},
    }


def show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        if name == "outcomes":
            for outcome, lines in value.items():
                print(f"{'':>30}{outcome:<30} {lines:>10,}")
        else:
            print(f"{name:>28}: {value:,}" if isinstance(value, int | float) else f"{name:>28}: {value}")


if __name__ == "__main__":
    sys.exit(main())
