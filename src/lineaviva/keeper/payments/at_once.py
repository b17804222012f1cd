"""What ways to pay have in common that ask nobody outside: there is no page, nothing to be asked about, no list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from lineaviva.keeper.payments.ports import Asked, Begun, Bill, Hint, Movement, RefundStatus, Return, Status, Urls
from lineaviva.kernel.errors import InvalidInput, NeedsPerson


class NobodyOutside:
    """For adapters that speak `ports.AtOnce`: all that is left of PaymentProvider."""

    # Longer than a process may take that was killed between writing the attempt and settling it.
    lifetime = timedelta(minutes=10)
    polled = False
    reconciles = False

    @property
    def configured(self) -> bool:
        return True

    def begin(self, bill: Bill, urls: Urls) -> Begun:
        raise NeedsPerson(f"{bill.key} is paid at once and has no page.")

    def fetch(self, reference: str) -> Status:
        return Status("open", key=reference)

    def close(self, reference: str) -> Status:
        return Status("expired", reason="not_paid_in_time", key=reference)

    def refund(self, back: Return) -> RefundStatus:
        raise NeedsPerson(f"{back.key} is given back at once, by nobody outside.")

    def listing(self, day: date, asked: Iterable[Asked]) -> Iterable[Movement]:
        return ()

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
        raise InvalidInput("Nobody sends webhooks about this way to pay.", code="webhook_unknown", status=404)
