"""The lines of a night, as bench/nightly.py makes them, in the database that LINEAVIVA_DATABASE_URL names."""

from __future__ import annotations

import sys
from pathlib import Path

import django

from bench.night import build
from bench.night.server import Place


def main() -> None:
    django.setup()
    build.begin(Place("postgres", Path(), ""))
    build.lines(int(sys.argv[1]), sys.argv[2])
    from lineaviva.carrier.nightly.shards import shards_prepare

    # Before the first host comes: whoever holds these rows holds up the night.
    shards_prepare()


if __name__ == "__main__":
    main()
