"""Reasons are sentences for people, and codes with facts for pages that translate them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import date
from string import Formatter

import pytest

from lineaviva.rulebook.reasons import TEMPLATES, Reason

FACTS: dict[str, str | int | date] = {
    "operator": "TIM",
    "last_event": date(2025, 3, 31),
    "on": date(2026, 3, 31),
    "months": 12,
    "days": 30,
    "way": "phone",
}


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


@pytest.mark.parametrize("code", sorted(TEMPLATES))
def test_every_code_is_one_sentence_made_of_known_facts(code: str) -> None:
    names = fields(TEMPLATES[code])
    assert names <= set(FACTS)
    reason = Reason(code, **{name: FACTS[name] for name in names})
    assert reason.code == code
    assert reason.params == {name: FACTS[name] for name in names}
    assert reason.text == reason
    assert reason[0].isupper()
    assert reason.endswith(".")
    assert reason.count(". ") == 0


def test_dates_in_a_sentence_have_their_year() -> None:
    assert Reason("counted_from", last_event=date(2025, 3, 31)) == (
        "Counted in calendar months from 2025-03-31, the last event that extends the line."
    )


def test_a_code_that_is_not_on_the_list_is_a_mistake_in_the_program() -> None:
    with pytest.raises(KeyError):
        Reason("because")


def test_a_reason_goes_where_text_goes() -> None:
    reason = Reason("number_kept_unknown", operator="ho. Mobile")
    assert json.dumps([reason]) == '["Until when ho. Mobile keeps the number is not known."]'
    assert " / ".join([reason]) == reason


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
def test_a_copy_keeps_its_code(again: Callable[[Reason], Reason]) -> None:
    reason = Reason("number_kept", months=24, on=date(2027, 3, 31), operator="TIM")
    copied = again(reason)
    assert (copied, copied.code, copied.params) == (reason, "number_kept", reason.params)
