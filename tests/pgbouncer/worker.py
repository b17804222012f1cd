"""A real worker that takes tasks off the agenda; looks by itself every so many seconds, as its argument says."""

from __future__ import annotations

import sys
from datetime import datetime

import django


def main() -> None:
    django.setup()
    from lineaviva.kernel import agenda
    from lineaviva.kernel.agenda import registry, worker
    from tests.agenda_app.models import Task

    worker.SWEEP["postgresql"] = float(sys.argv[1])
    registry._registered.clear()

    @agenda.handler(Task)
    def done(row: Task, now: datetime) -> agenda.Outcome:
        return agenda.rest(state="done")

    worker.Worker().run_forever()


if __name__ == "__main__":
    main()
