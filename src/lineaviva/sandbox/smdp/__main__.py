"""The pretend operators' SM-DP+ as one program: ES9+ for phones, ES2+ for the keeper, and the worker that reports.

python -m lineaviva.sandbox.smdp --port 8005 --es2-port 8006 --operators tim,vodafone

Three programs would be what an operator runs (`lineaviva smdp serve`); one starts sooner.
"""

from __future__ import annotations

import argparse
import os
import threading
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lineaviva.sandbox.smdp.settings")
django.setup()

from django.conf import settings  # noqa: E402 - what follows needs the rows' classes

from lineaviva.carrier.smdp.certs import CertificateStore  # noqa: E402
from lineaviva.carrier.smdp.clients import Doorkeeper  # noqa: E402
from lineaviva.carrier.smdp.http import application, es2_application  # noqa: E402
from lineaviva.carrier.smdp.listener import Anybody, Listener  # noqa: E402
from lineaviva.config.logging import configure  # noqa: E402
from lineaviva.kernel import agenda, clock  # noqa: E402
from lineaviva.sandbox.smdp import ready  # noqa: E402

_HOST = "127.0.0.1"
_THREADS = 4


def main() -> None:
    """Make ready what is missing, listen, and work until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--es2-port", type=int, required=True)
    parser.add_argument("--operators", required=True, help="Who may order, by comma.")
    asked = parser.parse_args()
    configure(level=settings.LOG_LEVEL)
    identity = make_ready(asked.operators.split(","))
    doors = [
        Listener((_HOST, asked.port), application, Anybody(identity), threads=_THREADS),
        Listener((_HOST, asked.es2_port), es2_application, Doorkeeper(identity, clients()), threads=_THREADS),
    ]
    serve(doors, agenda.Worker(threads=2))


def clients() -> Path:
    return Path(settings.SMDP_CLIENTS)


def make_ready(operators: list[str]) -> Path:
    """Certificates, the operators' own, and their profiles; the file of the server's own certificate and key."""
    now, folder, home = clock.now(), Path(settings.SMDP_CERTS), Path(settings.HOME)
    ready.certificates_make(folder, now=now)
    store = CertificateStore.load(folder, now)
    for operator in operators:
        ready.operator_let_in(operator, server=store.servers[0], folder=home / "operators", now=now)
        ready.stock_fill(operator, now=now)
    return ready.identity(store, now=now)


def serve(doors: list[Listener], worker: agenda.Worker) -> None:
    """Listen on each door by a thread of its own, and work in this one, which hears of Ctrl-C."""
    try:
        for door in doors:
            door.prepare()
            threading.Thread(target=_attend, args=(door, worker), daemon=True).start()
        worker.run_forever()
    finally:
        for door in doors:
            door.stop()


def _attend(door: Listener, worker: agenda.Worker) -> None:
    """A door that falls takes the program with it, which is then started again."""
    try:
        door.serve()
    finally:
        worker.stop()


if __name__ == "__main__":
    main()
