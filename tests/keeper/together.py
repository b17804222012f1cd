"""Doing the same thing in several threads at once, each with a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from django.db import connections

from lineaviva.kernel.errors import LineavivaError
from tests.patience import PATIENCE


def together(times: int, act: Callable[[], Any]) -> list[Any]:
    """What each of `times` threads got, or the refusal it met; any other exception is raised here."""
    barrier = threading.Barrier(times)
    answers: list[Any] = []
    broken: list[Exception] = []

    def run() -> None:
        try:
            barrier.wait()
            answers.append(act())
        except LineavivaError as refusal:
            answers.append(refusal)
        except Exception as error:  # noqa: BLE001 - raised again in the test's own thread
            broken.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    if broken:
        raise broken[0]
    return answers
