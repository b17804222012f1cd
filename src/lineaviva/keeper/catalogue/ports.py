"""What a reader of a carrier's own catalogue must speak."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from lineaviva.keeper.catalogue.rules import Draft


@dataclass(frozen=True)
class PromotionDraft:
    """A discount that a carrier lists for one of its offerings."""

    key: str
    external_id: str  # of the offering
    name: str
    off_minor: int = 0
    off_percent: int = 0
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    conditions: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """Everything that a carrier lists now; what is missing from it is not sold any more."""

    offerings: list[Draft]
    promotions: list[PromotionDraft]


class CatalogueReader(Protocol):
    def read(self, operator: str) -> Listing:
        """The catalogue of `operator`. Temporary when it cannot be read whole: half of it would withdraw the rest."""
        ...


def reader_for(operator: str) -> CatalogueReader | None:
    """The reader of that operator's carrier side, or None where no carrier side is configured."""
    if operator not in settings.TMF_URLS:
        return None
    reader: CatalogueReader = import_string(settings.CATALOGUE_READERS["tmf"])()
    return reader
