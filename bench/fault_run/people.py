"""What workers, holders and clerks do, each in a process that may be killed at any moment and goes on when begun again.

Nothing is remembered but what the database has: a person who lost the page opens it again and looks.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx

from lineaviva.kernel import clock
from lineaviva.kernel.errors import LineavivaError
from lineaviva.sandbox import person

WAYS = ("stripe", "paypal", "cash")
CLERK = "chen@lineaviva.test"
_CARDS = [person.SUCCESS, person.THREE_D_SECURE, person.THREE_D_SECURE, person.DECLINED]
_PAYERS = ["success", "success", "pending", "declined"]
_OFTEN = 0.2  # how often people do what they should not: forget, click twice, refuse at their bank
_ANOTHER_WAY = 0.03  # how often, each time that they look, they give up one way to pay and choose another
# What a person sees where a page does not come, or has nothing to fill in (any more).
_NO_PAGE = (httpx.HTTPError, StopIteration, IndexError)


def logged(log: str, task: Callable[..., None], *args: Any) -> None:
    """`task` with what it prints in a file."""
    with open(log, "ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    task(*args)


def work() -> None:
    """What `lineaviva worker` does."""
    from lineaviva.kernel import agenda

    agenda.Worker(threads=8).run_forever()


def renew_all(number: int, of: int) -> None:
    """Every `of`-th line is renewed by this person: ordered, and paid in one way or another, until it is paid."""
    chance = random.Random()
    while waiting := _waiting(number, of):
        for line in waiting:
            with suppress(LineavivaError):  # a sentence on the page: they look again a little later
                _next_act(line, chance)
        time.sleep(0.2)


def _waiting(number: int, of: int) -> list[Any]:
    from lineaviva.keeper.lines.models import Line
    from lineaviva.keeper.orders.models import ProductOrder

    lines = Line.objects.filter(label__startswith="Line ").select_related("holder").order_by("pk")
    paid = ProductOrder.objects.exclude(state="placed").values("line")
    return [line for line in lines.exclude(pk__in=paid) if line.pk % of == number]


def _order(line: Any) -> Any:
    from lineaviva.keeper.orders.models import ProductOrder

    return ProductOrder.objects.filter(line=line).order_by("-pk").first()


def _next_act(line: Any, chance: random.Random) -> None:
    order = _order(line) or _place(line)
    way = chance.choice(WAYS) if chance.random() < _ANOTHER_WAY else WAYS[line.pk % 3]
    {"stripe": _pay_by_card, "paypal": _pay_at_paypal, "cash": _pay_cash}[way](order, chance)


def _place(line: Any) -> Any:
    from lineaviva.keeper.catalogue.actions import quote_make
    from lineaviva.keeper.catalogue.queries import cheapest_keepalive
    from lineaviva.keeper.orders.actions import order_place

    now = clock.now()
    offer = cheapest_keepalive(line=line, now=now)
    if offer is None:
        raise SystemExit(f"Nothing on sale keeps the {line.operator} line.")
    quote = quote_make(line=line, offering=offer.offering, by=line.holder, now=now)
    return order_place(quote=quote, by=line.holder, language="it", now=now)


def _begin(order: Any, way: str) -> Any:
    from lineaviva.keeper.payments.actions import payment_begin

    return payment_begin(order=order, provider=way, now=clock.now())


def _pay_by_card(order: Any, chance: random.Random) -> None:
    attempt = _begin(order, "stripe")
    if attempt.redirect_url:
        with suppress(*_NO_PAGE):
            person.pay(attempt.redirect_url, card=chance.choice(_CARDS), approve=chance.random() > _OFTEN)


def _pay_at_paypal(order: Any, chance: random.Random) -> None:
    attempt = _begin(order, "paypal")
    if attempt.redirect_url:
        with suppress(*_NO_PAGE):
            person.approve(attempt.redirect_url, payer=chance.choice(_PAYERS))


def _pay_cash(order: Any, chance: random.Random) -> None:
    from lineaviva.keeper.payments.actions import cash_confirm

    _begin(order, "cash")
    if chance.random() < _OFTEN:
        return  # they do not come to the shop today
    for _ in range(2 if chance.random() < _OFTEN else 1):
        cash_confirm(code=order.code, clerk=clerk(), now=clock.now())


def clerk() -> Any:
    from lineaviva.keeper.accounts.models import User

    return User.objects.get(email=CLERK)


def give_cash_back() -> None:
    """A clerk works the stuck list for ever: cash of orders that were refused goes back over the counter."""
    chance = random.Random()
    while True:
        cash_back_once(chance)
        time.sleep(0.5)


def cash_back_once(chance: random.Random) -> None:
    from lineaviva.keeper.payments.models import Refund
    from lineaviva.keeper.payments.refunding import refund_confirm

    waiting = Refund.objects.filter(attempt__provider="cash", state="requested").exclude(stuck_reason="")
    for refund in waiting.select_related("attempt__order"):
        for _ in range(2 if chance.random() < _OFTEN else 1):
            with suppress(LineavivaError):
                refund_confirm(code=refund.attempt.order.code, clerk=clerk(), now=clock.now())
