"""The fault run, short: programs and people are killed while the outside fails in every way it knows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import command_env
from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.processes
def test_killed_programs_and_a_failing_outside_lose_and_double_nothing(tmp_path: Path) -> None:
    argv = [sys.executable, "bench/faults.py", "--orders", "12", "--people", "2", "--seed", "7", "--json"]
    env, patience = command_env(tmp_path), 3 * PATIENCE
    ran = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=patience)
    assert ran.returncode == 0, ran.stdout + ran.stderr[-3000:]
    found = json.loads(ran.stdout)
    assert (found["orders"], found["wrong"]) == (12, [])
    assert [found[name] for name in ("lost", "doubled", "differences", "books_agree")] == [0, 0, 0, True]
    assert sum(found["paid_by"].values()) == 12 + found["surplus"]
    assert set(found["paid_by"]) <= {"stripe", "paypal", "cash"}
    assert found["kills"] == sum(found["killed"].values()) > 1
    # What a person must look at is named in a sentence each, and counted as such.
    assert len(found["stuck"]) >= found["states"].get("stuck", 0)
    assert all(sentence.startswith("stuck: ") for sentence in found["stuck"])
