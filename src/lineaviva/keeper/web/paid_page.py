"""The receipts page: everything that somebody ever paid, row by row, with what proves it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.http import urlencode

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.models import AttemptState, PaymentAttempt, Refund
from lineaviva.keeper.payments.posting import reference_shown, way_back
from lineaviva.keeper.receipts.models import CreditNote, Receipt
from lineaviva.keeper.receipts.paid import LONGEST, Wanted, paid_orders
from lineaviva.keeper.web import ways
from lineaviva.keeper.web.cards import operator_name

ON_A_PAGE = 25
_NO_BANK = {"cash", "wallet", "account"}


@dataclass(frozen=True)
class Back:
    """Money on its way back or back. `reference` is the bank's; empty where no bank gives it back.

    `by_hand`: a person gives it. `note` is the credit note, where something was delivered for that money.
    """

    amount_minor: int
    currency: str
    done: bool
    at: datetime
    reference: str
    note: CreditNote | None = None
    by_hand: bool = False

    @classmethod
    def of(cls, refund: Refund) -> Back:
        """Of a refund that was read with its credit note, by `with_notes`."""
        no_bank = refund.attempt.provider in _NO_BANK
        return cls(
            amount_minor=refund.amount_minor,
            currency=refund.currency,
            done=refund.state == Refund.State.SUCCEEDED,
            at=refund.finished_at or refund.requested_at,
            reference="" if no_bank else reference_shown(refund),
            note=getattr(refund, "credit_note", None),
            by_hand=way_back(refund, refund.attempt) in {"cash", "transfer"},
        )


def with_notes(refunds: QuerySet[Refund]) -> QuerySet[Refund]:
    return refunds.select_related("attempt", "credit_note").order_by("pk")


@dataclass(frozen=True)
class Paid:
    order: ProductOrder
    when: datetime
    receipt: Receipt | None
    attempt: PaymentAttempt
    operator_reference: str
    refunds: list[Back] = field(default_factory=list)
    # What came for the order in all: more than its price where it was paid twice.
    amount_minor: int = 0

    @property
    def label(self) -> str:
        """What the line was called when it was paid."""
        label = self.receipt.facts["label"] if self.receipt else self.order.line.label
        return label or self.operator

    @property
    def operator(self) -> str:
        """A line may have moved since."""
        return operator_name(self.order.offering.operator)

    @property
    def paid_by(self) -> str:
        return ways.paid_by(self.attempt.provider)

    @property
    def payment_reference(self) -> str:
        return self.attempt.charge_ref or self.attempt.provider_ref

    @property
    def before(self) -> date | None:
        return _until(self.order.dates_before)

    @property
    def after(self) -> date | None:
        return _until(self.order.dates_after)

    @property
    def all_back(self) -> bool:
        back = sum(one.amount_minor for one in self.refunds if one.done)
        return back >= self.amount_minor > 0


def _until(dates: dict[str, str | None] | None) -> date | None:
    text = (dates or {}).get("full_service_until")
    return date.fromisoformat(text) if text else None


def wanted(query: QueryDict) -> Wanted:
    """What the form asks for; what is not a number there asks for nothing."""
    return Wanted(
        text=query.get("q", "").replace("\x00", "").strip()[:LONGEST],
        line_id=_number(query.get("line")),
        year=_number(query.get("year"), most=9000),
    )


def _number(text: str | None, most: int = 10**15) -> int | None:
    number = int(text) if text and text.isascii() and text.isdigit() and len(text) < 18 else 0
    return number if 0 < number <= most else None


def asked(found: Wanted) -> str:
    """The same as a query, for links to other pages of it; empty where all is wanted."""
    pairs = {"q": found.text, "line": found.line_id, "year": found.year}
    return urlencode({name: value for name, value in pairs.items() if value})


def lines_paid(user: User) -> list[Line]:
    """The lines for which something was paid, by label."""
    return list(Line.objects.filter(pk__in=paid_orders(user).order_by().values("line")).order_by("label", "pk"))


def rows(orders: Sequence[ProductOrder]) -> list[Paid]:
    """Orders of `paid_orders` with all that their rows show, in a handful of questions for all of them."""
    receipts = {one.order_id: one for one in Receipt.objects.filter(order__in=orders)}
    references = dict(Activation.objects.filter(order__in=orders).values_list("order", "operator_reference"))
    attempts: dict[int, PaymentAttempt] = {}
    sums: dict[int, int] = defaultdict(int)
    came = PaymentAttempt.objects.filter(order__in=orders, state=AttemptState.SUCCEEDED).order_by("surplus", "number")
    for attempt in came:
        attempts.setdefault(attempt.order_id, attempt)
        sums[attempt.order_id] += attempt.amount_minor
    refunds = _refunds(orders)
    row = partial(_row, receipts=receipts, references=references, attempts=attempts, refunds=refunds, sums=sums)
    return [row(order) for order in orders]


def _row(
    order: ProductOrder,
    *,
    receipts: dict[int, Receipt],
    references: dict[int, str],
    attempts: dict[int, PaymentAttempt],
    refunds: dict[int, list[Back]],
    sums: dict[int, int],
) -> Paid:
    return Paid(
        order=order,
        when=vars(order)["when"],
        receipt=receipts.get(order.pk),
        attempt=attempts[order.pk],
        operator_reference=references.get(order.pk, ""),
        refunds=refunds[order.pk],
        amount_minor=sums[order.pk],
    )


def _refunds(orders: Iterable[ProductOrder]) -> dict[int, list[Back]]:
    found: dict[int, list[Back]] = defaultdict(list)
    for one in with_notes(Refund.objects.filter(attempt__order__in=orders)):
        found[one.attempt.order_id].append(Back.of(one))
    return found
