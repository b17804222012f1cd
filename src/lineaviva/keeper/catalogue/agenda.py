"""A catalogue grows old: each is read again every six hours."""

from __future__ import annotations

from datetime import datetime, timedelta

from lineaviva.keeper.catalogue.actions import catalogue_refresh
from lineaviva.keeper.catalogue.merging import REFRESH_EVERY
from lineaviva.keeper.catalogue.models import CatalogueSource
from lineaviva.kernel import agenda


@agenda.handler(CatalogueSource, states=("live",), lease=timedelta(seconds=60), outside=True)
def source_read_again(row: CatalogueSource, now: datetime) -> agenda.Outcome:
    """Raises Temporary while the carrier is down: the agenda backs off and the old catalogue stays."""
    catalogue_refresh(operator=row.operator, now=now)
    return agenda.again(now + REFRESH_EVERY)
