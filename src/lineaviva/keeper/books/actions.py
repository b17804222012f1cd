"""The one writer of the books."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from lineaviva.keeper.books import errors, rules
from lineaviva.keeper.books.models import Entry, Posting
from lineaviva.kernel.money import Money


@transaction.atomic
def post(
    *,
    key: str,
    kind: str,
    entries: rules.Entries,
    at: datetime,
    reference: str = "",
    detail: dict[str, Any] | None = None,
) -> Posting | None:
    """Write one thing that happened, in the caller's transaction.

    `entries`: what each account gains, debits above zero; those of zero are left out. None where nothing is left, and
    where `key` is there already with the same amounts. Raises ValueError where they do not add up to zero or name an
    account that the chart does not have, Conflict (posted_otherwise) where `key` stands for something else.
    """
    wanted = {account: money for account, money in entries.items() if money.minor}
    _check(key, wanted)
    if not wanted:
        return None
    posting = Posting(key=key, kind=kind, at=at, reference=reference[:120], detail=detail or {})
    try:
        # Two at once: the database lets one in, and the other waits here until it is written.
        with transaction.atomic():
            posting.save(force_insert=True)
    except IntegrityError:
        _compare(key, kind, wanted)
        return None
    Entry.objects.bulk_create(
        Entry(posting=posting, account=account, amount_minor=money.minor, currency=money.currency)
        for account, money in wanted.items()
    )
    return posting


def _check(key: str, entries: rules.Entries) -> None:
    if unknown := [account for account in entries if not rules.known(account)]:
        raise ValueError(f"{key} names accounts that there are not: {', '.join(unknown)}")
    if off := {currency: minor for currency, minor in rules.sums(entries).items() if minor}:
        raise ValueError(f"the entries of {key} do not add up to zero but to {off}")


def _compare(key: str, kind: str, wanted: rules.Entries) -> None:
    """What stands there under this key must be the same. Raises Conflict."""
    posting = Posting.objects.get(key=key)
    kept = {row.account: Money(row.amount_minor, row.currency) for row in posting.entries.all()}
    if (posting.kind, kept) != (kind, wanted):
        raise errors.posted_otherwise(key)
