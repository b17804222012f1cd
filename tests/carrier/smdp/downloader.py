"""A process of its own that downloads: `python -m tests.carrier.smdp.downloader`, its task as JSON on its stdin.

It makes its eUICCs, authenticates them all, says so by a line, waits for one, and fetches with all of them at once. The
answers go to stdout as JSON. With `"alone"`, one phone fetches one profile after the other and tells of each.
"""

from __future__ import annotations

import json
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import django

THREADS = 10


def main() -> None:
    django.setup()
    task: dict[str, Any] = json.loads(sys.stdin.readline())
    now = datetime.fromisoformat(task["now"])
    if task.get("alone"):
        one_after_the_other(task, now)
    else:
        all_at_once(task, now)


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def phones(task: dict[str, Any], many: int, now: datetime) -> list[Any]:
    from tests.carrier.smdp.authority import authority
    from tests.carrier.smdp.euicc import Euicc, Lpa

    found = authority(Path(task["certs"]))
    return [Lpa(Euicc(found, now), now) for _ in range(many)]


def all_at_once(task: dict[str, Any], now: datetime) -> None:
    from django.db import connections

    from tests.carrier.smdp.euicc import status

    mine = phones(task, task["many"], now)
    ready = threading.Barrier(THREADS + 1)
    start = threading.Event()
    answers: list[list[str]] = []

    def run(some: list[Any]) -> None:
        begun = [status(phone.begin(task["matching_id"])) for phone in some]
        ready.wait()
        start.wait()
        fetched = [
            status(phone.fetch()) if at == "Executed-Success" else at for phone, at in zip(some, begun, strict=True)
        ]
        answers.extend([phone.euicc.eid, answer] for phone, answer in zip(some, fetched, strict=True))
        connections.close_all()

    threads = [threading.Thread(target=run, args=(mine[number::THREADS],)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    ready.wait()
    tell("ready")
    sys.stdin.readline()
    start.set()
    for thread in threads:
        thread.join()
    tell(json.dumps(answers))


def one_after_the_other(task: dict[str, Any], now: datetime) -> None:
    from tests.carrier.smdp.euicc import status

    (phone,) = phones(task, 1, now)
    tell("ready")
    sys.stdin.readline()
    for iccid in task["iccids"]:
        answer = status(phone.download(iccid))
        phone.notify(phone.euicc.result(phone.transaction_id, iccid))
        tell(answer)


if __name__ == "__main__":
    main()
