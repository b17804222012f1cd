"""Put into the web and worker processes: writes down what took how long, for which rows, into a file of its own.

A span is kind, name, owner, start and end (of the monotonic clock, the same in all processes) and CPU of its thread,
all in microseconds; each line of the file is a JSON list of spans. The owner is what it was done for: rows as
"model:key", or a page's path. It costs a few microseconds a span, some fifty of them a renewal.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

FOLDER = "RENEWALS_PROBE"
_WRITE_EVERY = 0.2

_spans: list[tuple[str, str, list[str], int, int, int]] = []
_here = threading.local()


@contextmanager
def span(kind: str, name: str, owner: list[str] | None = None) -> Iterator[list[str]]:
    """Measure; without `owner` it belongs to whatever this thread is at."""
    outer: list[str] = getattr(_here, "owner", [])
    mine = outer if owner is None else owner
    _here.owner = mine
    start, cpu = time.monotonic_ns(), time.thread_time_ns()
    try:
        yield mine
    finally:
        spent, end = time.thread_time_ns() - cpu, time.monotonic_ns()
        _spans.append((kind, name, mine, start // 1000, end // 1000, spent // 1000))
        _here.owner = outer


def measured(function: Callable[..., Any], kind: str, name: str) -> Callable[..., Any]:
    @wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        with span(kind, name):
            return function(*args, **kwargs)

    return inner


def write_for_ever(name: str) -> None:
    """Begin to write spans to RENEWALS_PROBE/<name>.<process>, in a thread."""
    path = Path(os.environ[FOLDER]) / f"{name}.{os.getpid()}"
    threading.Thread(target=_write, args=(path,), name="probe", daemon=True).start()


def _write(path: Path) -> None:
    with open(path, "a", encoding="ascii") as file:
        while True:
            time.sleep(_WRITE_EVERY)
            # Other threads go on appending.
            written = len(_spans)
            file.write(f"{json.dumps(_spans[:written])}\n")
            file.flush()
            del _spans[:written]


def watch_outside() -> None:
    """What both programs do beside their own work: ask the bank and the carriers, commit, set PDFs, send mail."""
    import httpx
    import stripe
    from django.db.backends.base.base import BaseDatabaseWrapper

    from lineaviva.keeper.receipts import mail, pdf
    from lineaviva.keeper.reminders.email.adapter import EmailChannel

    _patch(httpx.Client, "send", "carrier")
    _patch(stripe.RequestsClient, "request", "bank")
    _patch(BaseDatabaseWrapper, "_commit", "commit")
    _patch(EmailChannel, "send", "mail")
    # In both modules: the mail has imported it by name.
    pdf.render = mail.render = measured(pdf.render, "pdf", "pdf")


def _patch(owner: Any, attribute: str, kind: str) -> None:
    setattr(owner, attribute, measured(getattr(owner, attribute), kind, kind))


def key_of(row: Any) -> str:
    return f"{row._meta.model_name}:{row.pk}"
