"""A real worker process for the rows of this app; says on standard output when it has begun."""

from __future__ import annotations

import sys

import django


def main() -> None:
    django.setup()
    from lineaviva.kernel.agenda import Worker
    from lineaviva.kernel.agenda.registry import registered

    own = [handler for handler in registered() if handler.model._meta.app_label == "agenda_app"]
    worker = Worker(own)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    worker.run_forever()


if __name__ == "__main__":
    main()
