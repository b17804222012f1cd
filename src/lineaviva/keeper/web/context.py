"""What every template may use."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from lineaviva.keeper.accounts.models import Language, User
from lineaviva.keeper.web import address, locales
from lineaviva.kernel import clock


class Tab(NamedTuple):
    url: str
    word: str
    icon: str
    here: bool


class Tongue(NamedTuple):
    code: str
    name: str
    lang: str
    here: bool


def page(request: HttpRequest) -> dict[str, Any]:
    """`tabs` (signed in only), `tongues`, `language`, `html_lang`, `now`, `today`, `address`."""
    now = clock.now()
    language = locales.language()
    return {
        "tabs": _tabs(request),
        "tongues": [Tongue(c.value, c.label, locales.HTML_LANG[c.value], c.value == language) for c in Language],
        "language": language,
        "html_lang": locales.HTML_LANG[language],
        "now": now,
        "today": clock.rome_date(now),
        # Asked only where it is shown: a request for no host of ours gets a page, too.
        "address": SimpleLazyObject(lambda: address.of(request)),
    }


def _tabs(request: HttpRequest) -> list[Tab]:
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return []
    places = [("home", _("Lines"), "lines"), ("receipts", _("Receipts"), "receipt")]
    if user.role in {"clerk", "operations"}:
        places.append(("counter", _("Counter"), "counter"))
    places.append(("settings", _("Settings"), "settings"))
    here = request.path
    return [Tab(reverse(name), word, icon, _is_here(reverse(name), here)) for name, word, icon in places]


def _is_here(place: str, path: str) -> bool:
    if place == "/":
        return path == "/" or path.startswith("/lines/")
    return path.startswith(place)
