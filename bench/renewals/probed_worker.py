"""The worker with the probe in it: python -m renewals.probed_worker."""

from __future__ import annotations

import sys
from typing import Any

from renewals import probe


def main() -> None:
    from lineaviva.cli import output

    output.setup_django()
    from lineaviva.kernel.agenda import pool, worker

    probe.watch_outside()
    take_step, write, claim, looks = worker.take_step, worker.write, worker.claim, worker.next_looks

    def stepped(handler: Any, claimed: Any, now: Any) -> Any:
        with probe.span("step", handler.name.rpartition("keeper.")[2], [probe.key_of(claimed.row)]):
            return take_step(handler, claimed, now)

    def written(handler: Any, results: Any, now: Any) -> Any:
        rows = [probe.key_of(result.claimed.row) for result in results]
        with probe.span("write", handler.name.rpartition("keeper.")[2], rows):
            return write(handler, results, now)

    def claimed(handler: Any, **more: Any) -> Any:
        with probe.span("claim", handler.name.rpartition("keeper.")[2], []) as owner:
            rows = claim(handler, **more)
            owner += [probe.key_of(row.row) for row in rows]
            return rows

    worker.take_step = pool.take_step = stepped
    worker.write, worker.claim, worker.next_looks = written, claimed, probe.measured(looks, "looks", "looks")
    probe.write_for_ever("worker")
    from lineaviva.cli.main import main as command

    sys.argv = ["lineaviva", "worker"]
    command()


if __name__ == "__main__":
    main()
