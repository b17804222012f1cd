"""Figures for those who watch: each part of a program says its own, all from queries that stay cheap with any number
of rows. No figure names a person, a line or a key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.models import Min
from django.utils.module_loading import autodiscover_modules

from lineaviva.kernel.agenda.models import AgendaRow

# Rows are counted up to here: whoever has more waiting need not know how many more.
MOST_COUNTED = 100_000


@dataclass(frozen=True)
class Figure:
    """A gauge: `values` are its numbers, each with the values of `labels`."""

    name: str
    help: str
    values: Sequence[tuple[Sequence[str], float]]
    labels: Sequence[str] = ()


Source = Callable[[datetime], Iterable[Figure]]
_sources: dict[str, Source] = {}


def source(say: Source) -> Source:
    """Register what says figures at an instant. Modules called `metrics` are found by themselves."""
    _sources[f"{say.__module__}.{say.__qualname__}"] = say
    return say


def figures(now: datetime) -> list[Figure]:
    """All figures of this program. Raises what the database raises."""
    autodiscover_modules("metrics")
    return [figure for say in _sources.values() for figure in say(now)]


def single(name: str, help: str, value: float) -> Figure:
    return Figure(name, help, [((), float(value))])


def counted(rows: Any) -> int:
    """How many rows a queryset has, up to MOST_COUNTED."""
    return int(rows.order_by()[:MOST_COUNTED].count())


@source
def agenda_figures(now: datetime) -> Iterator[Figure]:
    """Of every kind of row that is looked at: how many wait, since when, and how many only a person can move on."""
    models = [model for model in apps.get_models() if issubclass(model, AgendaRow) and not model._meta.proxy]
    due = {model: model._base_manager.filter(look_at__lte=now) for model in models}
    yield _by_row(
        "lineaviva_agenda_due_rows",
        f"Rows whose time has come, up to {MOST_COUNTED:,}.",
        {model: counted(rows) for model, rows in due.items()},
    )
    yield _by_row(
        "lineaviva_agenda_lag_seconds",
        "How long the oldest row whose time has come has been waiting.",
        {model: _late(rows.aggregate(at=Min("look_at"))["at"], now) for model, rows in due.items()},
    )
    yield _by_row(
        "lineaviva_agenda_stuck_rows",
        f"Rows that only a person can move on (lineaviva stuck), up to {MOST_COUNTED:,}.",
        {model: counted(model._base_manager.exclude(stuck_reason="")) for model in models},
    )


def _by_row(name: str, help: str, found: Mapping[type[AgendaRow], float]) -> Figure:
    values = [([str(model._meta.model_name)], float(value)) for model, value in found.items()]
    return Figure(name, help, values, ["row"])


def _late(at: datetime | None, now: datetime) -> float:
    return (now - at).total_seconds() if at else 0.0
