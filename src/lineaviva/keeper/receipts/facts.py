"""What a receipt holds for ever, taken from the rows as they are at the instant of issue."""

from __future__ import annotations

from typing import NotRequired, TypedDict, cast

from lineaviva import rulebook
from lineaviva.keeper.accounts.models import Role
from lineaviva.keeper.activation.queries import activation_of
from lineaviva.keeper.books import vat
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.models import Refund
from lineaviva.keeper.payments.posting import reference_shown, way_back
from lineaviva.keeper.payments.queries import paying_attempt
from lineaviva.keeper.receipts.models import Receipt


class Facts(TypedDict):
    """Amounts are minor units; instants and days are ISO texts; `own`: whoever gets it holds the line."""

    issuer: str
    label: str
    msisdn: str
    last_four: str
    own: bool
    operator: str
    operator_name: str
    kind: str
    offering_id: str
    offering: str
    price_minor: int
    discount_minor: int
    promotion: str
    total_minor: int
    currency: str
    payment_method: str
    payment_reference: str
    order: str
    activation_reference: str
    operator_reference: str
    dates_before: dict[str, str | None]
    dates_after: dict[str, str | None]
    paid_at: str | None
    active_at: str | None
    tax: str
    proof_url: str
    # What the operator or aggregator charged the owner's own account; only where that paid and it was told.
    charged_minor: NotRequired[int]
    charged_currency: NotRequired[str]


def freeze(order: ProductOrder, *, issuer: str, proof_url: str) -> Facts:
    """The facts of an active order."""
    line, quote, offering = order.line, order.quote, order.offering
    operator = rulebook.operator(line.operator)
    attempt = paying_attempt(order)
    activation = activation_of(order)
    facts = Facts(
        issuer=issuer,
        label=line.label,
        msisdn=line.msisdn,
        last_four=line.msisdn[-4:],
        own=recipient_holds_it(order),
        operator=operator.slug,
        operator_name=operator.display_name(order.language),
        kind=offering.kind,
        offering_id=offering.external_id,
        offering=offering.name,
        price_minor=quote.price_minor,
        discount_minor=quote.discount_minor,
        promotion=quote.promotion.name if quote.promotion else "",
        total_minor=order.total_minor,
        currency=order.currency,
        payment_method=attempt.provider if attempt else "",
        payment_reference=(attempt.charge_ref or attempt.provider_ref) if attempt else "",
        order=order.code,
        activation_reference=activation.reference if activation else "",
        operator_reference=activation.operator_reference if activation else "",
        dates_before=order.dates_before,
        dates_after=order.dates_after,
        paid_at=order.paid_at.isoformat() if order.paid_at else None,
        active_at=order.active_at.isoformat() if order.active_at else None,
        # Tax is a property of the product; named only where it is certain how it is taxed.
        tax=vat.printed(offering.kind),
        proof_url=proof_url,
    )
    by_owner = attempt is not None and attempt.provider == "account"
    if by_owner and activation is not None and activation.charged_minor is not None:
        facts["charged_minor"], facts["charged_currency"] = activation.charged_minor, activation.charged_currency
    return facts


class CreditFacts(TypedDict):
    """As `Facts`; `amount_minor` is what was given back of `total_minor`, `receipt` whose number it takes from."""

    issuer: str
    label: str
    msisdn: str
    last_four: str
    own: bool
    operator: str
    operator_name: str
    amount_minor: int
    total_minor: int
    currency: str
    payment_method: str
    refund_reference: str
    refunded_at: str | None
    receipt: str
    receipt_issued_at: str
    order: str
    tax: str
    proof_url: str


def freeze_credit(receipt: Receipt, refund: Refund, *, issuer: str) -> CreditFacts:
    """The facts of a credit note: what the receipt says, and what was given back of it."""
    facts = cast(Facts, receipt.facts)
    return CreditFacts(
        issuer=issuer,
        label=facts["label"],
        msisdn=facts["msisdn"],
        last_four=facts["last_four"],
        own=facts["own"],
        operator=facts["operator"],
        operator_name=facts["operator_name"],
        amount_minor=refund.amount_minor,
        total_minor=facts["total_minor"],
        currency=refund.currency,
        payment_method=way_back(refund, refund.attempt),
        refund_reference=reference_shown(refund),
        refunded_at=refund.finished_at.isoformat() if refund.finished_at else None,
        receipt=receipt.full_number,
        receipt_issued_at=receipt.issued_at.isoformat(),
        order=facts["order"],
        tax=facts["tax"],
        proof_url=facts["proof_url"],
    )


def recipient_holds_it(order: ProductOrder) -> bool:
    """What staff order at a counter belongs to the line's holder; otherwise the receipt goes to whoever paid."""
    payer = order.placed_by
    return payer.role != Role.HOLDER or payer.pk == order.line.holder_id


def recipient(order: ProductOrder) -> str:
    """The address that the receipt goes to."""
    return order.line.holder.email if recipient_holds_it(order) else order.placed_by.email
