"""Django as the carrier program, for the commands of `lineaviva carrier`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lineaviva.cli import output
from lineaviva.kernel.errors import Conflict, InvalidInput

Home = Annotated[
    Path | None, typer.Option(help="The carrier's folder, such as var/sandbox/tim; else LINEAVIVA_HOME's database.")
]


@contextmanager
def carrier(home: Path | None) -> Iterator[None]:
    """Django as the carrier program, with the database in `home`. Raises Conflict where there is none."""
    from django.apps import apps
    from django.db import DatabaseError

    if not apps.ready:
        os.environ["LINEAVIVA_PROGRAM"] = "carrier"
        if home is not None:
            if not (home / "carrier.sqlite3").exists():
                raise Conflict(f"There is no carrier database in {home}.", code="carrier_missing", field="home")
            os.environ.update({"LINEAVIVA_HOME": str(home), "LINEAVIVA_DATABASE_URL": ""})
    output.setup_django()
    try:
        yield
    except DatabaseError as error:
        from lineaviva.carrier.nightly.away import NO_ROOM, is_full

        if is_full(error):
            raise Conflict(NO_ROOM, code="disk_full") from error
        raise Conflict(
            "This carrier's database cannot be read; it may have no tables yet. "
            "Give --home, or migrate it with LINEAVIVA_PROGRAM=carrier lineaviva migrate.",
            code="carrier_unreadable",
        ) from error


def operator_or_ours(operator: str) -> str:
    """The operator that was named, or the one that this carrier's settings name. Raises InvalidInput where none is."""
    from django.conf import settings

    slug = operator or settings.CARRIER_OPERATOR
    if not slug:
        raise InvalidInput("Say which operator, with --operator.", field="operator", code="operator_missing")
    return str(slug)
