"""What the knobs take, and what they do to one call."""

from __future__ import annotations

from typing import Any

import pytest

from lineaviva.kernel.errors import InvalidInput
from lineaviva.sandbox.carriers.models import Knobs
from lineaviva.sandbox.carriers.rules import HELP, Fate, fate, knobs_checked

CALM: dict[str, Any] = {name: Knobs._meta.get_field(name).default for name in HELP}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("knobs", "chance", "expected"),
    [
        pytest.param({}, 0.0, Fate(), id="nothing set"),
        pytest.param({"latency_ms": 50}, 0.99, Fate(wait_ms=50), id="every call waits"),
        pytest.param({"latency_ms": 50, "latency_percent": 20}, 0.2, Fate(), id="beyond the share"),
        pytest.param({"latency_ms": 50, "latency_percent": 20}, 0.19, Fate(wait_ms=50), id="within the share"),
        pytest.param({"error_percent": 100}, 0.99, Fate(fails_first=True), id="error"),
        pytest.param({"lost_answer_percent": 100}, 0.99, Fate(lost="error"), id="lost"),
        pytest.param({"cut_percent": 100, "lost_answer_percent": 100}, 0.99, Fate(lost="cut"), id="cut before lost"),
        pytest.param({"error_percent": 0}, 0.0, Fate(), id="a share of nothing never comes"),
    ],
)
def test_fates(knobs: dict[str, Any], chance: float, expected: Fate) -> None:
    assert fate({**CALM, **knobs}, lambda: chance) == expected


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        pytest.param([], "knobs_invalid", id="a list"),
        pytest.param({"speed": 1}, "knob_unknown", id="no such knob"),
        pytest.param({"error_percent": 101}, "knob_invalid", id="above all"),
        pytest.param({"error_percent": -1}, "knob_invalid", id="below none"),
        pytest.param({"error_percent": True}, "knob_invalid", id="a boolean for a share"),
        pytest.param({"error_percent": 1.5}, "knob_invalid", id="half a percent"),
        pytest.param({"error_percent": "20"}, "knob_invalid", id="a text"),
        pytest.param({"latency_ms": 120_001}, "knob_invalid", id="two minutes are enough"),
        pytest.param({"accept_unknown": 1}, "knob_invalid", id="a number for a switch"),
        pytest.param({"refusal_reason": ""}, "knob_invalid", id="no reason"),
        pytest.param({"refusal_reason": "x" * 201}, "knob_invalid", id="too long a reason"),
    ],
)
def test_what_no_knob_takes(wanted: Any, code: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        knobs_checked(wanted)
    assert refusal.value.code == code


def test_every_knob_takes_its_default() -> None:
    assert knobs_checked(CALM) == CALM
