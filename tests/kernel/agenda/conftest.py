from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from lineaviva.kernel import agenda
from lineaviva.kernel.agenda import registry
from tests.agenda_app.models import Errand, Task


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`agenda.handler` for a registry that is empty at first and forgotten afterwards."""
    monkeypatch.setattr(registry, "_registered", [])
    return agenda.handler


@pytest.fixture
def task(now: datetime) -> Callable[..., Task]:
    """Writes a task that is due, unless told otherwise."""

    def write(**values: Any) -> Task:
        return Task.objects.create(**{"look_at": now, **values})

    return write


@pytest.fixture
def errand(now: datetime) -> Callable[..., Errand]:
    def write(**values: Any) -> Errand:
        return Errand.objects.create(**{"look_at": now, **values})

    return write
