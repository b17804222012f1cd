"""Who may come in, and how often."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar, cast

from allauth.account.adapter import get_adapter
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.http import url_has_allowed_host_and_scheme

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.accounts.queries import require_role
from lineaviva.kernel import clock
from lineaviva.kernel.agenda import limits
from lineaviva.kernel.errors import LineavivaError, NotAllowed

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


class TooMany(LineavivaError):
    """The same address knocked too often."""

    code = "too_many"
    status = 429

    def __init__(self, message: str, *, until: datetime | None = None) -> None:
        super().__init__(message)
        self.until = until


def reader(request: HttpRequest) -> User:
    """The signed-in reader of a page that only such readers reach."""
    if not isinstance(request.user, User):
        raise NotAllowed("Sign in first.", code="sign_in_first")
    return request.user


def for_roles(*roles: str) -> Callable[[View], View]:
    """Only for signed-in staff with one of `roles`; anybody else is refused, a stranger is asked to sign in."""

    def decorate(view: View) -> View:
        @login_required
        @wraps(view)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            require_role(reader(request), *roles)
            return view(request, *args, **kwargs)

        return cast(View, inner)

    return decorate


def not_too_often(name: str, *, per_minute: int, burst: int) -> Callable[[View], View]:
    """At most `burst` at once and `per_minute` on, from one address; TooMany beyond."""

    def decorate(view: View) -> View:
        @wraps(view)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            # By allauth's settings, which also say how many proxies stand in front.
            key = f"{name}:{get_adapter(request).get_client_ip(request)}"
            now = clock.now()
            if wait := limits.take(key, per_minute=per_minute, burst=burst, now=now):
                raise TooMany("That was too often. Wait a minute and try again.", until=now + wait)
            return view(request, *args, **kwargs)

        return cast(View, inner)

    return decorate


def safe_path(request: HttpRequest, target: str | None, default: str = "/") -> str:
    """`target` where it is a path of ours, else `default`: nobody is sent to another site by a link of ours."""
    if target and target.startswith("/") and url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        return target
    return default
