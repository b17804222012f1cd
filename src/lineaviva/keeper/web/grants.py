"""What the link in a message opens without a sign-in, for 48 hours, in this browser.

A reminder's link opens the renewal of one line, an eSIM message's link the page of one profile. A grant lives in the
session. It names what it opens and the person in whose name it was sent, and it opens nothing else: not the list, not
the line's page, not other orders.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, TypedDict, TypeVar, cast

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.delivery import errors
from lineaviva.keeper.delivery.models import Delivery
from lineaviva.keeper.delivery.queries import delivery_by_code, delivery_for
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.lines.queries import line_for
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.orders.queries import order_by_code, order_for
from lineaviva.kernel import clock
from lineaviva.kernel.errors import NotFound

View = TypeVar("View", bound=Callable[..., HttpResponse])
_KEY, _PROFILES = "grants", "profile_grants"
LIFE = timedelta(hours=48)


class ProfileGrant(TypedDict):
    user: int
    until: float


class Grant(ProfileGrant):
    orders: list[str]


@dataclass(frozen=True)
class Payer:
    """Who renews or installs: signed in, or let in by the link of a message (`granted`)."""

    user: User
    granted: bool

    @property
    def signed_in(self) -> User | None:
        """Whose own money may be spent: a link in a message may be forwarded."""
        return None if self.granted else self.user


def give(request: HttpRequest, *, line_id: int, user_id: int, now: datetime) -> None:
    kept = {key: grant for key, grant in _all(request).items() if grant["until"] > now.timestamp()}
    before = kept.get(str(line_id))
    orders = before["orders"] if before and before["user"] == user_id else []
    kept[str(line_id)] = {"user": user_id, "until": (now + LIFE).timestamp(), "orders": orders}
    request.session[_KEY] = kept


def note_order(request: HttpRequest, order: ProductOrder) -> None:
    """The one who ordered by a grant may follow that order, too."""
    grants = _all(request)
    grant = grants[str(order.line_id)]
    grant["orders"] = sorted({*grant["orders"], order.code})
    request.session[_KEY] = grants


def knows(request: HttpRequest, order: ProductOrder) -> bool:
    """Whether the order was placed by the grant for its line, in this browser."""
    grant = _all(request).get(str(order.line_id))
    return grant is not None and order.code in grant["orders"]


def give_profile(request: HttpRequest, *, delivery_id: int, user_id: int, now: datetime) -> None:
    kept = {key: grant for key, grant in _profiles(request).items() if grant["until"] > now.timestamp()}
    kept[str(delivery_id)] = {"user": user_id, "until": (now + LIFE).timestamp()}
    request.session[_PROFILES] = kept


def reader_and_delivery(request: HttpRequest, code: str, now: datetime) -> tuple[Payer, Delivery]:
    """Who may see this profile's page here, and the profile. NotFound for everybody else.

    Its holder's link goes before another person's own right: on a phone that two share, it was sent to be opened.
    """
    delivery = delivery_by_code(code)
    signed_in = request.user if isinstance(request.user, User) else None
    grant = _profiles(request).get(str(delivery.pk))
    if signed_in is None or (grant is not None and signed_in.pk != delivery.line.holder_id):
        user = _granted(grant, now)
        if user is not None:
            return Payer(user, granted=True), delivery_for(user=user, code=code)
    if signed_in is None:
        raise errors.unknown()
    return Payer(signed_in, granted=False), delivery_for(user=signed_in, code=code)


def payer_and_line(request: HttpRequest, line_id: int, now: datetime) -> tuple[Payer, Line]:
    """Who may renew this line here, and the line. NotFound for everybody else."""
    if isinstance(request.user, User):
        try:
            return Payer(request.user, granted=False), line_for(user=request.user, line_id=line_id, right="pay")
        except NotFound:
            if str(line_id) not in _all(request):
                raise
    user = _granted_user(request, str(line_id), now)
    return Payer(user, granted=True), line_for(user=user, line_id=line_id, right="pay")


def payer_and_order(request: HttpRequest, code: str, now: datetime) -> tuple[Payer, ProductOrder]:
    """Who may see this order here, and the order. NotFound for everybody else."""
    if isinstance(request.user, User):
        try:
            return Payer(request.user, granted=False), order_for(user=request.user, code=code)
        except NotFound:
            if not _all(request):
                raise
    order = order_by_code(code)
    grant = _all(request).get(str(order.line_id))
    if grant is None or order.code not in grant["orders"]:
        raise NotFound("There is no order with this code.", code="order_unknown")
    return Payer(_granted_user(request, str(order.line_id), now), granted=True), order


def needed(view: View) -> View:
    """For pages that open to a signed-in reader or by a message's link; anybody else is asked to sign in."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated and not has_any(request, clock.now()):
            if request.headers.get("HX-Request"):
                # A page that looks again by itself: all of it must give way, not the part that asked.
                return HttpResponse(status=204, headers={"HX-Refresh": "true"})
            return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")
        return view(request, *args, **kwargs)

    return cast(View, inner)


def has_any(request: HttpRequest, now: datetime) -> bool:
    grants = [*_all(request).values(), *_profiles(request).values()]
    return any(grant["until"] > now.timestamp() for grant in grants)


def drop_all(request: HttpRequest) -> None:
    request.session.pop(_KEY, None)
    request.session.pop(_PROFILES, None)


def _granted_user(request: HttpRequest, line_id: str, now: datetime) -> User:
    user = _granted(_all(request).get(line_id), now)
    if user is None:
        raise NotFound("There is no line here with this number.", code="line_unknown")
    return user


def _granted(grant: ProfileGrant | None, now: datetime) -> User | None:
    if grant is None or grant["until"] <= now.timestamp():
        return None
    return User.objects.filter(pk=grant["user"], is_active=True).first()


def _all(request: HttpRequest) -> dict[str, Grant]:
    found: dict[str, Grant] = request.session.get(_KEY, {})
    return found


def _profiles(request: HttpRequest) -> dict[str, ProfileGrant]:
    found: dict[str, ProfileGrant] = request.session.get(_PROFILES, {})
    return found
