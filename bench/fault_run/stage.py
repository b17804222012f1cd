"""The pretend outside, how often it fails, and the people and lines of the run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx

import lineaviva
from lineaviva.kernel import clock
from lineaviva.kernel.calendar import add_months
from lineaviva.kernel.clock import rome_date
from lineaviva.sandbox.world import CARRIERS, World

_A_HOLDER = 3  # lines
_NUMBERS = (("tim", "333"), ("vodafone", "347"), ("windtre", "329"))
_SLOW = {"provider": ("latency_ms", 50), "carrier": ("latency_ms", 1500)}


def limits_file(home: Path) -> Path:
    """The shipped limits with other figures: here a thousand strangers pay with a handful of test cards."""
    shipped = Path(lineaviva.__file__).with_name("keeper") / "payments" / "velocity.toml"
    path = home / "payment-limits.toml"
    path.write_text(re.sub(r'^(\w+ = "?)\d+', r"\g<1>1000000", shipped.read_text(), flags=re.M))
    return path


def set_faults(world: World, percent: int) -> None:
    """Every knob that is a share of calls, on every part of the outside."""
    urls = {world.provider_url: "provider", **{world.carrier_url(name): "carrier" for name in CARRIERS}}
    for url, part in urls.items():
        knobs = httpx.get(f"{url}/sandbox/knobs", timeout=30).json()
        each = {name: percent for name, value in knobs.items() if name.endswith("_percent") and isinstance(value, int)}
        slow, milliseconds = _SLOW[part]
        each[slow] = milliseconds if percent else 0
        httpx.post(f"{url}/sandbox/knobs", json=each, timeout=30).raise_for_status()


def make_lines(count: int) -> None:
    """`count` lines of holders with three each, spread over the three carriers; and a clerk."""
    from lineaviva.cli.sandbox import people_make
    from lineaviva.keeper.accounts.actions import user_get_or_create
    from lineaviva.keeper.lines.actions import line_register

    now = clock.now()
    people_make(language="it", now=now)
    holder: Any = None
    for index in range(count):
        if index % _A_HOLDER == 0:
            holder = user_get_or_create(email=f"holder{index}@lineaviva.test", language="it", now=now)
        operator, prefix = _NUMBERS[index % len(_NUMBERS)]
        line_register(
            holder=holder,
            by=holder,
            now=now,
            msisdn=f"+39{prefix}{index:07d}",
            operator=operator,
            label=f"Line {index}",
            last_topup=add_months(rome_date(now), -6),
        )
