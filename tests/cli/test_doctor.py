"""What the doctor says of a healthy installation and of each thing that can be wrong with one."""

from __future__ import annotations

import shutil
import threading
from collections import namedtuple
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from pytest_django import Settings

from lineaviva.cli import doctor
from lineaviva.cli.doctor import Check
from lineaviva.keeper.catalogue.actions import catalogue_refresh
from lineaviva.keeper.catalogue.models import CatalogueSource
from lineaviva.keeper.receipts import pdf
from lineaviva.kernel.clock import FrozenClock
from tests import factories
from tests.cli.conftest import Command
from tests.keeper.catalogue.conftest import Carrier, carrier

__all__ = ["carrier"]
MINUTE = timedelta(minutes=1)


def states(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.state for check in checks}


@pytest.fixture
def smtp(settings: Settings) -> Iterator[Controller]:
    server = Controller(Sink(), hostname="127.0.0.1", port=0)
    # Port 0: the system chooses, and the controller does not have to know it before it listens.
    server.start = lambda: None  # type: ignore[method-assign]
    loop_server = _started(server)
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", loop_server
    settings.EMAIL_HOST_USER, settings.EMAIL_USE_TLS = "", False
    yield server
    server.loop.call_soon_threadsafe(server.loop.stop)


def _started(server: Controller) -> int:
    ready = threading.Event()
    port: list[int] = []

    def run() -> None:
        made = server.loop.run_until_complete(server.loop.create_server(server.factory, "127.0.0.1", 0))
        port.append(made.sockets[0].getsockname()[1])
        ready.set()
        server.loop.run_forever()

    threading.Thread(target=run, daemon=True).start()
    ready.wait(5)
    return port[0]
