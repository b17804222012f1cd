"""Orders that are active, made by the same actions as in life; only the operator's answer is written by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from lineaviva.keeper.activation.actions import activation_begin, activation_succeed
from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.activation.ports import Result
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import cash_confirm, payment_begin
from lineaviva.keeper.receipts.models import Receipt
from tests import factories
from tests.conftest import NOON
from tests.keeper.orders import factories as orders


def paid_order(*, now: datetime = NOON, **facts: Any) -> ProductOrder:
    """An order whose cash a clerk has confirmed ten minutes after it was placed."""
    order = orders.order(now=now, **facts)
    payment_begin(order=order, provider="cash", now=now)
    return cash_confirm(code=order.code, clerk=factories.clerk(now=now), now=now + timedelta(minutes=10))


def active_order(*, now: datetime = NOON, **facts: Any) -> ProductOrder:
    """The same, confirmed by the operator a minute later."""
    order = paid_order(now=now, **facts)
    activation = activation_begin(order=order, now=now)
    assert activation is not None
    result = Result("succeeded", operator_reference="TIM-0000012345")
    activation_succeed(activation=activation, result=result, now=now + timedelta(minutes=11))
    Activation.objects.update(look_at=None)
    order.refresh_from_db()
    return order


@pytest.fixture
def order(db: None, now: datetime) -> ProductOrder:
    """Anna's TIM line "Mamma", topped up with 5 EUR, in Italian."""
    line = factories.line(label="Mamma", msisdn="+393471234567", last_topup=None, now=now)
    return active_order(line=line, now=now)


def receipt_like(receipt: Receipt, **facts: Any) -> Receipt:
    """An unsaved copy with other facts or another language."""
    language = facts.pop("language", receipt.language)
    return Receipt(
        issuer=receipt.issuer,
        year=receipt.year,
        number=receipt.number,
        language=language,
        facts={**receipt.facts, **facts},
        proof_token=receipt.proof_token,
        issued_at=receipt.issued_at,
    )
