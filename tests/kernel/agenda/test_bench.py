from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[3] / "bench" / "agenda.py"


def test_the_bench_drives_every_saga_to_its_end_on_both_loops() -> None:
    command = [sys.executable, str(BENCH), "--databases", "sqlite", "--rows", "300", "--runs", "1", "--json"]
    (found,) = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["results"]
    assert (found["database"], found["rows"], found["batch"], len(found["ratios"])) == ("sqlite", 300, 200, 1)
    assert found["agenda_steps_per_second"] > 0
    assert found["plain_steps_per_second"] > 0


def test_a_share_that_cannot_be_reached_is_an_exit_status() -> None:
    command = [sys.executable, str(BENCH), "--databases", "sqlite", "--rows", "50", "--runs", "1", "--require", "1000"]
    assert subprocess.run(command, capture_output=True).returncode == 1
