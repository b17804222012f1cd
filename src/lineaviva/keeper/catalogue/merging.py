"""The transaction that turns what the sources say into rows."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta

from django.db import transaction

from lineaviva.keeper.catalogue.models import CatalogueSource, Offering, Promotion
from lineaviva.keeper.catalogue.ports import Listing, PromotionDraft
from lineaviva.keeper.catalogue.rules import Draft, merge

REFRESH_EVERY = timedelta(hours=6)
_COLUMNS = [column.name for column in fields(Draft)]


@transaction.atomic
def listing_write(
    *, operator: str, rulebook: list[Draft], listing: Listing | None, gone: bool, now: datetime
) -> CatalogueSource:
    """Write one operator's offerings and promotions; nothing is deleted, what nobody lists any more is withdrawn.

    `listing` None with `gone` False: the carrier cannot be read, what it listed stays. With `gone` True there is no
    carrier any more, so nothing of it can be activated and it counts as an empty list.
    """
    CatalogueSource.objects.get_or_create(operator=operator, defaults={"look_at": now + REFRESH_EVERY})
    # The lock of this operator's catalogue: two refreshes at once would withdraw each other's rows.
    source = CatalogueSource.objects.select_for_update().get(operator=operator)
    rows = {row.key: row for row in Offering.objects.filter(operator=operator)}
    if listing is None and not gone:
        kept = {key for key, row in rows.items() if row.source == "tmf620" and row.withdrawn_at is None}
        _offerings_write(rows, {d.key: d for d in rulebook if d.key not in kept}, kept, now)
        return source
    offerings, promotions = (listing.offerings, listing.promotions) if listing else ([], [])
    written = _offerings_write(rows, merge(rulebook, offerings), set(), now)
    _promotions_write(operator, written, promotions, now)
    source.read_at = now
    source.save(update_fields=["read_at"])
    return source


def _offerings_write(
    rows: dict[str, Offering], drafts: dict[str, Draft], kept: set[str], now: datetime
) -> dict[str, Offering]:
    new = [Offering(key=key, **_values(draft)) for key, draft in drafts.items() if key not in rows]
    Offering.objects.bulk_create(new)
    changed = [row for key, row in rows.items() if key in drafts and _differs(row, drafts[key])]
    gone = [row for key, row in rows.items() if key not in drafts and key not in kept and not row.withdrawn_at]
    for row in changed:
        for name, value in _values(drafts[row.key]).items():
            setattr(row, name, value)
        row.withdrawn_at = None
    for row in gone:
        row.sellable, row.withdrawn_at = False, now
    Offering.objects.bulk_update(changed + gone, [*_COLUMNS, "withdrawn_at"], batch_size=100)
    return rows | {row.key: row for row in new}


def _values(draft: Draft) -> dict[str, object]:
    return {name: getattr(draft, name) for name in _COLUMNS}


def _differs(row: Offering, draft: Draft) -> bool:
    return row.withdrawn_at is not None or any(getattr(row, name) != value for name, value in _values(draft).items())


def _promotions_write(
    operator: str, offerings: dict[str, Offering], drafts: list[PromotionDraft], now: datetime
) -> None:
    listed = {f"{operator}:{draft.key}": draft for draft in drafts}
    for key, draft in listed.items():
        known = Promotion.objects.filter(key=key).first()
        Promotion.objects.update_or_create(
            key=key,
            defaults={
                "operator": operator,
                "offering": offerings[f"{operator}:{draft.external_id}"],
                "name": draft.name,
                "off_minor": draft.off_minor,
                "off_percent": draft.off_percent,
                "valid_from": draft.valid_from or (known.valid_from if known else now),
                "valid_until": draft.valid_until,
                "conditions": draft.conditions,
                "source": "tmf620",
            },
        )
    open_ones = Promotion.objects.filter(operator=operator, source="tmf620").exclude(key__in=listed)
    open_ones.filter(valid_until=None).update(valid_until=now)
    open_ones.filter(valid_until__gt=now).update(valid_until=now)
