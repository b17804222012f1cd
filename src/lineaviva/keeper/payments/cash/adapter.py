"""Cash over a counter: the order's code is the bill, and a clerk's word is the only news there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from lineaviva.keeper.payments.ports import Asked, Begun, Bill, Hint, Movement, RefundStatus, Return, Status, Urls
from lineaviva.kernel.errors import InvalidInput, NeedsPerson


class CashProvider:
    configured = True
    lifetime = timedelta(hours=48)
    polled = False
    reconciles = False

    def begin(self, bill: Bill, urls: Urls) -> Begun:
        return Begun(reference=bill.key)

    def fetch(self, reference: str) -> Status:
        return Status("open", key=reference)

    def close(self, reference: str) -> Status:
        return Status("expired", reason="not_paid_in_time", key=reference)

    def refund(self, back: Return) -> RefundStatus:
        command = f"lineaviva orders confirm-refund {back.order_code} --clerk E-MAIL"
        raise NeedsPerson(f"Give {back.amount} in cash back for order {back.order_code}, then confirm it: {command}")

    def listing(self, day: date, asked: Iterable[Asked]) -> Iterable[Movement]:
        return ()

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
        raise InvalidInput("Cash sends no webhooks.", code="webhook_unknown", status=404)
