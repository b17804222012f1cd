"""docs/operating.md: what it tells people to run can be run, and what it names is there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import yaml

from lineaviva.config import env
from tests.docs.test_docs import resolve
from tests.own_postgres import OwnPostgres, own_postgres

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
CODE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def commands(program: str) -> list[list[str]]:
    return [shlex.split(line) for line in re.findall(rf"^    ({program} .*)$", PAGE, re.MULTILINE)]


def test_every_setting_that_it_names_is_read() -> None:
    named = {name.removesuffix("_FILE") for name in re.findall(r"LINEAVIVA_[A-Z_]+", PAGE)}
    assert len(named) >= 7
    assert named <= set(env.READ)


def test_the_unit_starts_a_command_that_there_is() -> None:
    (unit,) = (block for block in blocks("ini") if "ExecStart" in block)
    line = re.search(r"^ExecStart=\S+/lineaviva (.*)$", unit, re.MULTILINE)
    assert line is not None
    command, rest = resolve(shlex.split(line.group(1)))
    assert {word for word in rest if word.startswith("--")} <= {name for param in command.params for name in param.opts}
    # A night that is done but for lines that are stuck is not to be started again and again.
    assert "RestartPreventExitStatus=1" in unit


def test_codes_of_refusals_are_those_of_the_code() -> None:
    table = PAGE[PAGE.index("| exit code |") : PAGE.index("Starting it again is always right")]
    assert re.findall(r"^\| (\d+) \|", table, re.MULTILINE) == ["0", "1", "2", "130"]
    for code in [*re.findall(r"`([a-z]+_[a-z]+)`", table), "tables_busy"]:
        assert f'code="{code}"' in CODE, code


def test_its_options_are_as_it_says() -> None:
    command, _ = resolve(["migrate"])
    defaults = {name: param.default for param in command.params for name in param.opts}
    assert (defaults["--lock-seconds"], defaults["--tries"]) == (5.0, 8)
    assert "at most five seconds (`--lock-seconds`)" in PAGE
    assert "eight times (`--tries`)" in PAGE


def test_alerts_can_be_read_and_have_names() -> None:
    (block,) = blocks("yaml")
    told = yaml.safe_load(block)
    rules = told["groups"][0]["rules"]
    assert len({rule["alert"] for rule in rules}) == len(rules) == 6
    assert all(re.search(r"lineaviva_\w+", rule["expr"]) for rule in rules)
    assert "authorization" in told["scrape_configs"][0]


def test_the_sizing_table_is_its_own_figures_multiplied() -> None:
    """1.1 kB of hot tables a line, twelve times 0.3 kB of ledger a year; 1.8 kB of log and 53 µs each night of its."""
    units = {"MB": 1e6, "GB": 1e9, "s": 1.0}
    rows = re.findall(r"^\| ([\d,]+) \| ([\d,]+) \| (.*) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 4
    for lines_text, due_text, rest in rows:
        lines, due = (int(text.replace(",", "")) for text in (lines_text, due_text))
        cells = [float(number) * units[unit] for number, unit in (cell.split() for cell in rest.split(" | "))]
        assert due == pytest.approx(lines / 30, rel=0.02)
        assert cells == pytest.approx([lines * 1100, lines * 12 * 300, due * 1800, due * 53e-6], rel=0.15)


def test_hot_tables_are_called_so() -> None:
    from lineaviva.carrier.ledger.models import Entry, Event
    from lineaviva.carrier.subscriptions.models import Number, Plan, Subscription

    citus = PAGE[PAGE.index("**Citus.**") :]
    named = set(re.findall(r"carrier_\w+", citus))
    assert named == {model._meta.db_table for model in (Entry, Event, Number, Plan, Subscription)}


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgres]:
    with own_postgres() as server:
        server.execute("CREATE ROLE lineaviva LOGIN")
        server.execute("CREATE DATABASE lineaviva OWNER lineaviva")
        yield server


@pytest.mark.postgres
def test_what_is_said_to_postgresql_is_taken(server: OwnPostgres) -> None:
    (block,) = blocks("sql")
    for statement in filter(None, map(str.strip, block.split(";"))):
        server.execute(statement)
    url = server.url("lineaviva").replace("postgres@", "lineaviva@")
    with psycopg.connect(url) as connection:
        found = connection.execute("SHOW idle_in_transaction_session_timeout").fetchone()
    assert found == ("1min",)


@pytest.mark.postgres
@pytest.mark.parametrize("program", ["pg_dump", "pg_basebackup"])
def test_backups_are_written(server: OwnPostgres, tmp_path: Path, program: str) -> None:
    (words,) = commands(program)
    there = {"lineaviva.dump": str(tmp_path / "dump"), "/backup/2026-11-22": str(tmp_path / "base")}
    argv = [str(server.programs / program), *(there.get(word, word) for word in words[1:])]
    reach = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "postgres"}
    subprocess.run(argv, env={**os.environ, **reach}, check=True, capture_output=True)
    assert (tmp_path / "dump").exists() or (tmp_path / "base" / "PG_VERSION").exists()
