"""The programs that measure the night do what they say, on few lines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.processes


def measured(tmp_path: Path, *argv: str) -> tuple[int, dict[str, Any]]:
    """Exit code, and the object on the last line."""
    command = [sys.executable, *argv, "--json", "--folder", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.stdout, done.stderr[-2000:]
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_both_sides_of_a_night_write_the_same_rows(tmp_path: Path, database: str) -> None:
    code, found = measured(tmp_path, "bench/nightly.py", "--lines", "1000", "--database", database)
    assert (code, found["ledger_balanced"], found["same_rows"]) == (0, True, True)
    assert (found["database"], found["lines"], found["due"], found["workers"]) == (database, 1000, 1000, 1)
    outcomes = found["outcomes"]
    assert sum(many for name, many in outcomes.items() if name.endswith(" renewed")) == 830
    assert {name: outcomes[name] for name in ("tim asleep", "ho negative", "vodafone courtesy")} == {
        "tim asleep": 24,
        "ho negative": 24,
        "vodafone courtesy": 24,
    }
    figures = ("renewals_per_s", "limit_per_s", "ratio", "cpu_s", "start_cpu_s", "peak_rss_mb", "seconds")
    assert all(found[name] > 0 for name in figures)
    assert (found["wal_bytes_per_renewal"] > 0) == (database == "postgres")


@pytest.mark.postgres
def test_a_day_out_of_a_year_is_told(tmp_path: Path) -> None:
    _, found = measured(tmp_path, "bench/sweep.py", "--lines", "3650", "--foreground", "0")
    assert (found["lines"], found["told_a_day"]) == (3650, 10)
    assert all(
        found[name] > 0 for name in ("ids_s", "told_s", "start_s", "plain_s", "told_per_s", "plain_per_s", "ratio")
    )
