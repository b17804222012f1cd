"""Whether a page stands at our own address: nobody is to pay on a copy of it, or where others can read along."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from ipaddress import ip_address
from typing import Any, Literal, TypeVar, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from lineaviva.kernel.errors import NotAllowed

View = TypeVar("View", bound=Callable[..., HttpResponse])
# right: ours, over HTTPS or on this very machine. plain: without HTTPS. wrong: another host than ours.
State = Literal["right", "plain", "wrong"]


class WrongAddress(NotAllowed):
    """Somebody is about to pay at an address that is not ours. Nothing was charged."""

    code = "address_wrong"


@dataclass(frozen=True)
class Address:
    """Where the reader is. `home` is where they should be."""

    state: State
    home: str

    @property
    def packed(self) -> str:
        """`home`, so that whoever serves a copy of the page under another name does not change it by the way."""
        return b64encode(self.home.encode()).decode()

    @property
    def safer(self) -> bool:
        """Whether `home` is better than where the reader is."""
        return self.state == "wrong" or self.home.startswith("https://")


def of(request: HttpRequest) -> Address:
    here, home = _name(request.get_host()), _name(urlsplit(settings.PUBLIC_URL).netloc)
    return Address(_state(here, home, secure=request.is_secure()), settings.PUBLIC_URL)


def _state(here: str, home: str, *, secure: bool) -> State:
    if here == "localhost" or _is_loopback(here):
        return "right"
    if here != home:
        return "wrong"
    return "right" if secure else "plain"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _name(netloc: str) -> str:
    """The host alone, as browsers send it: a proxy may keep the port to itself."""
    name = (urlsplit(f"//{netloc}").hostname or "").rstrip(".")
    try:
        return name.encode("idna").decode()
    except UnicodeError:
        return name


def needed(view: View) -> View:
    """What is sent to `view` counts only from a page at our own address. WrongAddress."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST" and of(request).state == "wrong":
            raise WrongAddress("This is not our address. Nothing was charged.")
        return view(request, *args, **kwargs)

    return cast(View, inner)
