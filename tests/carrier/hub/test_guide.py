"""What docs/guides/integrator.md tells integrators to do works as it stands there."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from lineaviva.carrier.access.rules import SCOPES
from lineaviva.carrier.catalogue.queries import offerings_on_sale
from lineaviva.carrier.hub import rules
from lineaviva.carrier.subscriptions.actions import subscription_open
from tests.carrier.doors import NUMBER, Door

GUIDE = (Path(__file__).parents[3] / "docs" / "guides" / "integrator.md").read_text(encoding="utf-8")
CALLS = re.findall(
    r'^ {4}curl -H "Authorization[^\n]*"\$HOST([^"]+)"(?: -d \'\n(.*?)\')?', GUIDE, re.MULTILINE | re.DOTALL
)


@pytest.fixture
def is_genuine() -> Any:
    """The guide's own function."""
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - it is our own page
    return names["is_genuine"]


@pytest.mark.parametrize(
    ("age", "secret", "body", "genuine"),
    [
        (0, "secret", b'{"a": 1}', True),
        (299, "secret", b'{"a": 1}', True),
        (301, "secret", b'{"a": 1}', False),
        (0, "another", b'{"a": 1}', False),
        (0, "secret", b'{"a": 2}', False),
    ],
)
def test_a_signature_is_checked_as_the_guide_says(
    is_genuine: Any, age: int, secret: str, body: bytes, genuine: bool
) -> None:
    header = rules.signature("secret", b'{"a": 1}', int(time.time()) - age)
    assert is_genuine(header, body, secret) is genuine


def test_the_guides_calls_are_taken(door: Door, now: datetime) -> None:
    subscription_open(operator="tim", msisdn=NUMBER, now=now)
    assert len(CALLS) == 7
    for address, sent in CALLS:
        answer = door.post(address, json.loads(sent)) if sent else door.get(address)
        assert answer.status_code in {200, 201}, (address, answer.content)
    summer = [one for one in offerings_on_sale("tim", now).values() if one.name == "Summer"]
    assert [(one.price_minor, one.allowances["data_mb"], one.extends) for one in summer] == [(799, 50_000, True)]


def test_the_guide_names_every_scope() -> None:
    assert set(re.findall(r"`((?:catalog|order|inventory|balance)\.\w+|hub)`", GUIDE)) >= set(SCOPES)
