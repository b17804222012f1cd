"""Profiles bought at eSIM Go, a reseller: each order costs money, has no reference of ours, and gives its code at once.

So an order is never sent again before it is known what became of it. The eSIM that came of it gets our reference
(`customerRef`), by which it is found; one that has none may be from the order whose answer was lost, and then a person
has to say whose it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from django.conf import settings

from lineaviva.keeper.delivery.esimgo import wire
from lineaviva.keeper.delivery.esimgo.documents import Esim, esim, esims_of, order_body
from lineaviva.keeper.delivery.ports import Cancelled, Ordered, ProfileRequest, Released, Seen
from lineaviva.kernel.errors import AdapterError, NeedsPerson, Temporary, Unknown

_A_PAGE, _MOST_PAGES = 100, 20
# An order that went well has its eSIM named within seconds; older eSIMs than this are of other business.
_NAMED_WITHIN, _MAY_BE_OURS = timedelta(minutes=10), timedelta(days=30)


class EsimGoGateway:
    name = "esimgo"
    follows = False
    idempotent = False

    def serves(self, operator: str) -> bool:
        return bool(settings.ESIMGO_KEY) and operator in settings.ESIMGO_BUNDLES

    def order(self, request: ProfileRequest) -> Ordered:
        try:
            answer = wire.call("POST", "/orders", json=order_body(settings.ESIMGO_BUNDLES[request.operator]))
        except wire.Lost as lost:
            raise Unknown(request.reference, str(lost)) from lost
        bought = _bought(request, answer)
        try:
            wire.call("PUT", "/esims", json={"iccid": bought.iccid, "customerRef": request.reference})
        except (AdapterError, wire.Lost):
            pass  # it is in our hands now: the name is for the case that it falls out of them
        return Ordered(bought.iccid, bought.code)

    def release(self, request: ProfileRequest, iccid: str) -> Released:
        """Nothing is held back there: the code again."""
        for found in esims_of(_ask("/esims/assignments", iccid=iccid).json):
            if found.iccid == iccid and found.code is not None:
                return Released(found.code)
        raise NeedsPerson(f"eSIM Go gives no activation code for {request.reference}. Look there what became of it.")

    def cancel(self, request: ProfileRequest, iccid: str) -> Cancelled:
        """The bundle is taken off the eSIM and comes back to us, unless its use has begun."""
        bundle = quote(settings.ESIMGO_BUNDLES[request.operator], safe="")
        try:
            answer = wire.call("DELETE", f"/esims/{iccid}/bundles/{bundle}")
        except wire.Lost as lost:
            raise Temporary(f"eSIM Go: {lost}") from lost
        return "cancelled" if answer.status in (200, 204, 404) else "too_late"

    def look(self, request: ProfileRequest, iccid: str) -> Seen | None:
        """By its ICCID, else by our reference."""
        if not iccid:
            return self._find(request)
        answer = _ask(f"/esims/{iccid}")
        found = esim(answer.json)
        return found.seen if found is not None else None

    def _find(self, request: ProfileRequest) -> Seen | None:
        """What became of an order whose answer was lost; "none" only where nothing there can be of it."""
        doubtful = False
        for found, age in _listed():
            if found is None:
                return None  # too many to look through
            if found.reference == request.reference:
                return found.seen
            if not found.reference and age is not None and age < _NAMED_WITHIN:
                raise Temporary("eSIM Go has a new eSIM that is not named yet", timedelta(minutes=1))
            doubtful = doubtful or (not found.reference and (age is None or age < _MAY_BE_OURS))
        return None if doubtful else Seen("none")


def _bought(request: ProfileRequest, answer: wire.Answer) -> Esim:
    """The eSIM of an order that was carried out."""
    document = answer.json if isinstance(answer.json, dict) else {}
    number = document.get("orderReference")
    if answer.status >= 400 or document.get("valid") is False:
        raise NeedsPerson(f"eSIM Go refuses the order ({answer.status}): {answer.said or 'it does not say why'}.")
    if not isinstance(number, str) or not number:
        raise Unknown(request.reference, "eSIM Go's answer names no order")
    found = esims_of(document) or _assigned(number)
    if found and found[0].code is not None:
        return found[0]
    raise NeedsPerson(
        f"eSIM Go took order {number} and gives no eSIM for it. When it is there, name it {request.reference} there."
    )


def _assigned(number: str) -> list[Esim]:
    try:
        return esims_of(_ask("/esims/assignments", reference=number).json)
    except AdapterError:
        return []


def _ask(path: str, **params: str | int) -> wire.Answer:
    try:
        return wire.call("GET", path, params=params)
    except wire.Lost as lost:
        raise Temporary(f"eSIM Go: {lost}") from lost


def _listed() -> Iterator[tuple[Esim | None, timedelta | None]]:
    """Every eSIM of ours there with its age by their clock; (None, None) where there are too many to look through."""
    page = pages = 1
    while page <= pages:
        if page > _MOST_PAGES:
            yield None, None
        answer = _ask("/esims", page=page, perPage=_A_PAGE)
        document: Any = answer.json if isinstance(answer.json, dict) else None
        if answer.status != 200 or document is None or not isinstance(document.get("esims"), list):
            raise Temporary(f"eSIM Go answered {answer.status} when asked for our eSIMs")
        for found in esims_of(document):
            yield found, _age(found, answer.date)
        pages = document["pageCount"] if isinstance(document.get("pageCount"), int) else 1
        page += 1


def _age(found: Esim, date: str) -> timedelta | None:
    try:
        now: datetime = parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return None
    return now - found.assigned_at if found.assigned_at and now.tzinfo else None
