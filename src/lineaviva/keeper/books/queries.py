"""Reads of the books, and the proof that they are right in themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Max, Q, QuerySet, Sum

from lineaviva.keeper.books.models import Difference, Entry, Posting, Reconciliation

_MOST_NAMED = 20


@dataclass(frozen=True)
class AccountRow:
    """One account over a time, in minor units: what it had, what came, what went, what it has. Debits above zero."""

    account: str
    currency: str
    opening: int
    debit: int
    credit: int

    @property
    def closing(self) -> int:
        return self.opening + self.debit - self.credit


def accounts(start: datetime, end: datetime) -> list[AccountRow]:
    """Every account that had or got something before `end`, by name; `start` is in the time, `end` is not."""
    within = Q(posting__at__gte=start)
    rows = (
        Entry.objects.filter(posting__at__lt=end)
        .values("account", "currency")
        .annotate(
            opening=Sum("amount_minor", filter=~within, default=0),
            debit=Sum("amount_minor", filter=within & Q(amount_minor__gt=0), default=0),
            credit=Sum("amount_minor", filter=within & Q(amount_minor__lt=0), default=0),
        )
        .order_by("account", "currency")
    )
    return [
        AccountRow(row["account"], row["currency"], int(row["opening"]), int(row["debit"]), -int(row["credit"]))
        for row in rows
    ]


def balances(currency: str = "EUR") -> dict[str, int]:
    """What each account has now, in minor units; those that have nothing are left out."""
    rows = Entry.objects.filter(currency=currency).values("account").annotate(total=Sum("amount_minor"))
    return {row["account"]: int(row["total"]) for row in rows.order_by("account") if row["total"]}


def moved_by(kind: str, *, account: str = "", currency: str = "EUR") -> int:
    """What all postings of this kind gave to the accounts whose names begin with `account`, in minor units."""
    rows = Entry.objects.filter(posting__kind=kind, account__startswith=account, currency=currency)
    return int(rows.aggregate(total=Sum("amount_minor", default=0))["total"])


def currencies() -> set[str]:
    return set(Entry.objects.values_list("currency", flat=True).distinct())


def journal(start: datetime, end: datetime) -> QuerySet[Entry]:
    """Every entry of a time with its posting, in the order of time; debits of a posting before its credits."""
    found = Entry.objects.filter(posting__at__gte=start, posting__at__lt=end).select_related("posting")
    return found.order_by("posting__at", "posting_id", "-amount_minor", "account")


def postings_of(reference: str) -> QuerySet[Posting]:
    """What happened to one order, or to what a provider calls so, in the order of time."""
    return Posting.objects.filter(reference=reference).prefetch_related("entries").order_by("at", "id")


def sales_account(order_code: str) -> str:
    """The account that this order was sold on; empty where it was not sold, or for nothing."""
    found = Entry.objects.filter(posting__key=sale_key(order_code), account__startswith="sales:")
    return found.values_list("account", flat=True).first() or ""


def sale_key(order_code: str) -> str:
    return f"sale:{order_code}"


def disagreement() -> list[str]:
    """One sentence for each posting that does not add up, or has no entries; empty where the books are right."""
    off = (
        Entry.objects.values("posting__key", "currency")
        .annotate(total=Sum("amount_minor"))
        .exclude(total=0)
        .order_by("posting__key")
    )
    empty = Posting.objects.filter(entries=None).order_by("key").values_list("key", flat=True)
    return [
        *(
            f"{row['posting__key']} is {int(row['total'])} off in {row['currency']}, in minor units"
            for row in off[:_MOST_NAMED]
        ),
        *(f"{key} has no entries" for key in empty[:_MOST_NAMED]),
    ]


# --- what providers list --------------------------------------------------------------------------------------------


def differences(*, every: bool = False) -> QuerySet[Difference]:
    """What a provider's list and our rows differ in, oldest first; `every`: also what agreed or was settled."""
    found = Difference.objects.select_related("settled_by").order_by("pk")
    return found if every else found.filter(state=Difference.State.OPEN)


def read_until() -> dict[str, date]:
    """For each provider the last day whose list was read."""
    done = Reconciliation.objects.filter(state=Reconciliation.State.DONE)
    return dict(done.values_list("provider").annotate(last=Max("day")).order_by("provider"))
