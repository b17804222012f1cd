"""Which step takes which rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import ImproperlyConfigured

from lineaviva.kernel.agenda.outcome import Outcome

if TYPE_CHECKING:
    from lineaviva.kernel.agenda.models import AgendaRow

Row = TypeVar("Row", bound="AgendaRow")
BATCH = 200


@dataclass(frozen=True, eq=False)
class Handler:
    """One step: the rows it takes, how long it may hold them, and whether it talks to the outside."""

    model: type[AgendaRow]
    step: Callable[[Any, datetime], Outcome]
    states: tuple[str, ...] | None
    lease: timedelta
    outside: bool
    batch: int

    @property
    def name(self) -> str:
        return f"{self.step.__module__}.{self.step.__qualname__}"

    @property
    def key(self) -> tuple[str, str, tuple[str, ...] | None]:
        return self.name, self.model._meta.label, self.states

    def overlaps(self, other: Handler) -> bool:
        if self.model._meta.concrete_model is not other.model._meta.concrete_model:
            return False
        return self.states is None or other.states is None or bool({*self.states} & {*other.states})


_registered: list[Handler] = []


def handler(
    model: type[Row],
    *,
    states: Sequence[str] | None = None,
    lease: timedelta = timedelta(seconds=60),
    outside: bool = False,
    batch: int = BATCH,
) -> Callable[[Callable[[Row, datetime], Outcome]], Callable[[Row, datetime], Outcome]]:
    """Register a step for rows of `model`, or for those only whose `state` is in `states`.

    `lease`: how long a worker may hold a row; at least twice what the step's time-outs add up to, since steps are begun
    only in its first half. `outside=True` runs the step in a thread, so that a slow answer holds up nothing else.
    `batch`: most rows taken at once. Raises ImproperlyConfigured if another step takes the same rows.
    """

    def register(step: Callable[[Row, datetime], Outcome]) -> Callable[[Row, datetime], Outcome]:
        new = Handler(model, step, None if states is None else tuple(states), lease, outside, batch)
        _check(new)
        # A module that is loaded again brings its own steps again.
        _registered[:] = [known for known in _registered if known.key != new.key]
        _registered.append(new)
        return step

    return register


def registered() -> list[Handler]:
    return list(_registered)


def _check(new: Handler) -> None:
    if new.lease <= timedelta(0) or new.batch < 1:
        raise ImproperlyConfigured(f"{new.name}: a lease and a batch must be above zero.")
    if new.model._meta.parents and not new.model._meta.proxy:
        raise ImproperlyConfigured(f"{new.name}: a row on the agenda lives in one table.")
    if new.states is not None:
        if not any(field.name == "state" for field in new.model._meta.concrete_fields):
            raise ImproperlyConfigured(f"{new.name}: {new.model.__name__} has no column `state`.")
    for known in _registered:
        if known.key != new.key and known.overlaps(new):
            raise ImproperlyConfigured(f"{new.name} and {known.name} take the same rows.")
