"""The command run in this process, and rulebook files with one thing changed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lineaviva import rulebook
from lineaviva.rulebook import checking
from lineaviva.rulebook.book import OPERATORS
from lineaviva.rulebook.model import Operator
from lineaviva.rulebook.reading import operator_from

# One operator that has every kind of fact, known and unknown.
SAMPLE = """
slug = "sample"
name = "Sample"
colour = "#123456"
collected_on = "2026-11-22"
network = "unknown"

[names]
it = "Esempio"
en = "Sample"
zh-hans = "样例"
zh-hant = "範例"

[validity]
number_kept = "unknown"
notice = "unknown"

[[validity.full_service]]
months = 12
days = 5
text = "a year"
sources = ["one", "two"]
note = "read twice"

[[validity.receive_only]]
no_such_phase = true
sources = ["one"]

[[validity.recovery]]
way = "shop"
text = "ask"
sources = ["one"]

[[validity.smallest_topup]]
any_amount = true
amount = "9.00"
sources = ["one"]

[[validity.smallest_topup]]
any_amount = false
amount = "7.50"
sources = ["two"]

[validity.extends]
topup = { answer = "yes", sources = ["one"], note = "always" }
activation = { answer = "no", sources = ["one"] }
plan = { answer = "unknown", sources = ["two"] }
use = "unknown"
sim_change = "unknown"

[topup]
limits = "unknown"
fee = { unknown = "nobody says" }

[[topup.denominations]]
channel = "shop"
name = "Plus"
amounts = ["5.00", "10.50"]
credit = ["4.00", "9.50"]
sources = ["one"]

[[topup.denominations]]
channel = "online"
from = "6.00"
to = "50.00"
step = "2.00"
sources = ["two"]

[plans]
eu_roaming = "unknown"

[[plans.offers]]
id = "sample-plan"
name = "Plan"
kind = "plan"
price = "3.99"
period_months = "unknown"
monthly_drain = "0.00"
data_mb = "unlimited"
minutes = "unknown"
sms = 0
eu_roaming_mb = 512
calls_to_china = "0.01 EUR a minute"
activation_cost = "10.00"
on_sale = "yes"
extends = "no"
renewal_policy = "sample-once"
sources = ["one"]

[[plans.activation_cost]]
amount = "10.00"
sources = ["one"]

[renewal]

[[renewal.late]]
name = "Late"
text = "a day more"
charge = "unknown"
days = "unknown"
then = "blocked"
sources = ["one"]

[[renewal.late]]
id = "sample-days"
default = true
name = "Days"
text = "three days more"
then = "blocked"
on_short_credit = "courtesy"
courtesy = ["0.90", "1.80", "0.00"]
after_courtesy = "block"
restart = "old_date"
sources = ["one"]

[[renewal.late]]
id = "sample-once"
name = "Once"
text = "below zero"
then = "asleep"
on_short_credit = "negative_once"
after_courtesy = "sleep"
restart = "unknown"
sources = ["two"]
note = "hearsay"

[[renewal.suspended]]
text = "gone after a month"
removed_after_days = 30
sources = ["one"]

[[renewal.suspended]]
text = "gone after two"
removed_after_days = 60
sources = ["two"]

[[renewal.hour]]
text = "tried before"
attempts_before_days = [3, 1]
sources = ["two"]

[channels]
app = "unknown"
site = "unknown"
care_italy = "unknown"
care_abroad = "unknown"
store_locator = "unknown"
topup = "unknown"
payment = "unknown"
foreign_cards = "unknown"
automatic = "unknown"

[[channels.short_codes]]
reach = "*1#"
sources = ["one"]

[esim]
from_sim = "unknown"

[[esim.offered]]
answer = "no"
sources = ["one"]

[[esim.price]]
amount = "0.00"
text = "free"
sources = ["one"]

[[esim.redownload]]
text = "six times"
times = 6
sources = ["two"]

[[esim.redownload]]
text = "as often as one likes"
times = "unlimited"
sources = ["one"]

[credit]
residual = "unknown"

[[risks.warnings]]
id = "sample-end"
kind = "shutdown"
on = 2026-12-31
text = "it ends"
act = "leave"
sources = ["one"]

[[terms.words]]
italian = "fine"
meaning = "end"
sources = ["one"]

[sources.one]
url = "https://example.org/one"
date = "2026-01"
kind = "official"
confidence = "high"

[sources.two]
url = "http://example.org/two"
date = "undated"
kind = "forum"
confidence = "low"
note = "second hand"
"""


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """What went to stderr, on one line."""
        return " ".join(self.err.split())


Command = Callable[..., Ran]


@pytest.fixture
def lineaviva(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `lineaviva` through its own door; the clock is the test's."""
    from lineaviva.cli.main import main

    def run(*words: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["lineaviva", *words])
        monkeypatch.setenv("COLUMNS", "200")
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return run


@dataclass(frozen=True)
class Changed:
    """A copy of an operator's file with one piece of text put in place of another."""

    path: Path
    text: str

    def line_of(self, piece: str, nth: int = 1) -> int:
        """The line, from 1, on which `piece` stands for the nth time."""
        lines = [number for number, line in enumerate(self.text.split("\n"), 1) if piece in line]
        return lines[nth - 1]


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """The sample, read."""
    path = tmp_path_factory.mktemp("rulebook") / "sample.toml"
    path.write_text(SAMPLE, encoding="utf-8")
    return operator_from(checking.checked(path), rulebook.legal())


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Changed]:
    def make(old: str, new: str, *, slug: str = "tim") -> Changed:
        text = (OPERATORS / f"{slug}.toml").read_text(encoding="utf-8")
        assert old in text, "the file no longer has what this test changes"
        path = tmp_path / f"{slug}.toml"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return Changed(path, path.read_text(encoding="utf-8"))

    return make
