"""Reads of payments, and the sum that must always agree."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum

from lineaviva.keeper.accounts.models import Role, User
from lineaviva.keeper.accounts.queries import has_role
from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.payments import errors, rules
from lineaviva.keeper.payments.models import AttemptState, Dispute, PaymentAttempt, Refund, SavedMethod
from lineaviva.kernel.money import Money


def attempts_of(order: ProductOrder) -> QuerySet[PaymentAttempt]:
    """Every try to collect this order's money, in their order."""
    return PaymentAttempt.objects.filter(order=order).order_by("number")


def paying_attempt(order: ProductOrder) -> PaymentAttempt | None:
    """The attempt whose money the order was paid with; what is given back when the order fails."""
    # There is one at most, by a constraint.
    found = PaymentAttempt.objects.filter(order=order, state=AttemptState.SUCCEEDED, surplus=False)
    return next(iter(found), None)


def open_attempt(order: ProductOrder) -> PaymentAttempt | None:
    return attempts_of(order).filter(state=AttemptState.OPEN).first()


def being_paid(line_id: int) -> QuerySet[ProductOrder]:
    """The line's orders that are being paid at this moment, or are paid and not active yet, the oldest first.

    `by_itself` says of each whether automatic renewal pays it, `in_shop` whether a shop waits for its cash.
    """
    attempts = PaymentAttempt.objects.filter(
        order=OuterRef("pk"), state__in=(AttemptState.OPEN, AttemptState.SUCCEEDED)
    )
    begun = attempts.filter(state=AttemptState.OPEN)
    rows = ProductOrder.objects.filter(line=line_id, state__in=(OrderState.PLACED, OrderState.PAID))
    mine = rows.filter(Q(state=OrderState.PAID) | Exists(begun)).select_related("placed_by")
    told = {"by_itself": Exists(attempts.filter(saved__isnull=False)), "in_shop": Exists(begun.filter(provider="cash"))}
    return mine.annotate(**told).order_by("pk")


def refunds_of(order: ProductOrder) -> QuerySet[Refund]:
    return Refund.objects.filter(attempt__order=order).select_related("attempt").order_by("id")


def methods_of(user: User) -> QuerySet[SavedMethod]:
    """The cards that `user` has saved, the newest first; also those that do not work any more."""
    kept = (SavedMethod.State.ACTIVE, SavedMethod.State.BROKEN)
    return SavedMethod.objects.filter(holder=user, state__in=kept).order_by("-saved_at", "-pk")


def method_for(*, user: User, method_id: int) -> SavedMethod:
    """A saved card of `user`. NotFound (method_unknown)."""
    found = methods_of(user).filter(pk=method_id).first()
    if found is None:
        raise errors.method_unknown()
    return found


def owner_pays_for(user: User) -> bool:
    """Whether the owner's own account at operators or aggregators pays for what `user` orders: the owner's people."""
    named = user.is_active and user.email in settings.OWNER_PAYS_FOR
    return bool(settings.OWNER_PAYS) and (named or has_role(user, Role.OPERATIONS))


def disputes(*, every: bool = False) -> QuerySet[Dispute]:
    """What payers dispute, what wants an answer soonest first; `every`: also what is decided."""
    found = Dispute.objects.select_related("attempt__order").order_by(F("answer_by").asc(nulls_last=True), "pk")
    return found if every else found.filter(state__in=Dispute.UNDECIDED)


def dispute_of(attempt: PaymentAttempt) -> Dispute | None:
    """The dispute by which the payer may have this money back, or has it.

    One that is undecided before one lost, and of these one of whose money not all is written down as given back.
    """
    rows = Dispute.objects.filter(attempt=attempt, state__in=(*Dispute.UNDECIDED, Dispute.State.LOST)).order_by("pk")
    found = list(rows)
    undecided = (one for one in found if one.state in Dispute.UNDECIDED)
    lost = (one for one in found if dispute_left(one).minor > 0)
    return next(undecided, None) or next(lost, None) or next(iter(found), None)


def in_dispute(refund: Refund) -> bool:
    """Whether the payer may have this money by a dispute, or has it so and it is not written down yet."""
    found = dispute_of(refund.attempt)
    return found is not None and (found.state in Dispute.UNDECIDED or dispute_left(found).minor > 0)


def dispute_left(dispute: Dispute) -> Money:
    """What the payer has by a dispute that was lost, less what was written down as given back by it."""
    by_it = Refund.objects.filter(attempt=dispute.attempt_id, provider_ref=f"{rules.BY_DISPUTE}{dispute.provider_ref}")
    gone = sum(by_it.values_list("amount_minor", flat=True))
    return Money(dispute.amount_minor - gone, dispute.currency)


def method_disputed(method: SavedMethod) -> bool:
    """Whether its holder disputes a payment at this provider now: then nothing there is charged by itself."""
    theirs = Dispute.objects.filter(provider=method.provider, attempt__order__placed_by=method.holder_id)
    return theirs.filter(state__in=Dispute.UNDECIDED).exists()


def refundable(attempt: PaymentAttempt) -> Money:
    """What has not gone back of an attempt's money yet, nor is on its way back."""
    gone = sum(Refund.objects.filter(attempt=attempt).values_list("amount_minor", flat=True))
    return Money(attempt.amount_minor - gone, attempt.currency)


@dataclass(frozen=True)
class MoneyBalance:
    """All money of one currency, in minor units.

    Each part is counted from its own rows, so that the sum proves something. `delivered` is what is kept for it:
    what operations gave back of it in spite of that counts as refunded.
    """

    collected: int
    refunded: int
    delivered: int
    held: int
    currency: str = "EUR"

    @property
    def balanced(self) -> bool:
        return self.collected == self.refunded + self.delivered + self.held


def money_balance(currency: str = "EUR") -> MoneyBalance:
    """collected: attempts that succeeded. refunded: refunds that succeeded. delivered: orders that are active, less
    what operations gave back of them.

    held: what was collected for an order that is not active (yet), or more than it needed, and has not gone back.
    """
    succeeded = PaymentAttempt.objects.filter(state=AttemptState.SUCCEEDED, currency=currency)
    given_back = Refund.objects.filter(state=Refund.State.SUCCEEDED, currency=currency)
    delivered = ProductOrder.objects.filter(state=OrderState.ACTIVE, currency=currency)
    asked_for = given_back.filter(
        requested_by__isnull=False, attempt__surplus=False, attempt__order__state=OrderState.ACTIVE
    )
    return MoneyBalance(
        collected=_sum(succeeded, "amount_minor"),
        refunded=_sum(given_back, "amount_minor"),
        delivered=_sum(delivered, "total_minor") - _sum(asked_for, "amount_minor"),
        held=_held(succeeded),
        currency=currency,
    )


def _held(succeeded: QuerySet[PaymentAttempt]) -> int:
    """What is left of each attempt whose order is not active; never less than nothing, so that too much is seen."""
    gone = Sum("refunds__amount_minor", filter=Q(refunds__state=Refund.State.SUCCEEDED), default=0)
    here = succeeded.exclude(surplus=False, order__state=OrderState.ACTIVE).annotate(left=F("amount_minor") - gone)
    return _sum(here.filter(left__gt=0), "left")


def _sum(rows: QuerySet[PaymentAttempt] | QuerySet[Refund] | QuerySet[ProductOrder], column: str) -> int:
    return rows.aggregate(total=Sum(column))["total"] or 0
