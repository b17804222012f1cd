from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from lineaviva.kernel import agenda
from lineaviva.kernel.agenda.registry import registered
from tests.agenda_app.models import Errand, Task

Register = Callable[..., Any]


def look(row: Any, now: datetime) -> agenda.Outcome:
    return agenda.rest()


def look_too(row: Any, now: datetime) -> agenda.Outcome:
    return agenda.rest()


def test_every_app_s_agenda_is_found() -> None:
    names = {handler.name for handler in registered()}
    assert {"tests.agenda_app.agenda.task_look", "tests.agenda_app.agenda.errand_look"} <= names


def test_a_step_stays_a_plain_function(register: Register) -> None:
    assert register(Task)(look) is look
    (handler,) = registered()
    assert (handler.model, handler.states, handler.lease, handler.outside, handler.batch) == (
        Task,
        None,
        timedelta(seconds=60),
        False,
        200,
    )


def test_a_module_that_is_loaded_twice_registers_once(register: Register) -> None:
    register(Task, states=("open",))(look)
    register(Task, states=("open",))(look)
    assert len(registered()) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [(None, None), (None, ("open",)), (("open",), None), (("open", "half"), ("half", "done"))],
    ids=["all and all", "all and some", "some and all", "one in common"],
)
def test_two_steps_for_one_row_are_refused(
    register: Register, one: tuple[str, ...] | None, other: tuple[str, ...] | None
) -> None:
    register(Task, states=one)(look)
    with pytest.raises(ImproperlyConfigured, match="take the same rows"):
        register(Task, states=other)(look_too)
    assert len(registered()) == 1


def test_other_states_and_other_models_go_together(register: Register) -> None:
    register(Task, states=("open",))(look)
    register(Task, states=("done",))(look_too)
    register(Errand)(look)
    assert len(registered()) == 3


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"states": ("open",)}, "has no column `state`"),
        ({"lease": timedelta(0)}, "above zero"),
        ({"batch": 0}, "above zero"),
    ],
    ids=["states without a column", "no lease", "no batch"],
)
def test_what_cannot_work_is_refused_at_the_start(register: Register, options: dict[str, Any], why: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=why):
        register(Errand, **options)(look)
    assert registered() == []
