"""The language of the reader, the headers of every page, and a page for every refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.crypto import salted_hmac

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.accounts.rules import DEFAULT_LANGUAGE, LANGUAGES, language_of
from lineaviva.keeper.web import locales, ways
from lineaviva.kernel.errors import LineavivaError

Handler = Callable[[HttpRequest], HttpResponse]
# Doors for programs: they have no reader, and must cost no look at a session.
_PROGRAMS = ("/webhooks/", "/healthz", "/static/")


class HolderLanguageMiddleware:
    """Speaks the signed-in reader's language; a stranger's by cookie, then by what the browser asks for."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        _speak(request, language_of_stranger(request))
        response = self.get_response(request)
        response.headers.setdefault("Content-Language", locales.HTML_LANG[locales.language()])
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        translation.deactivate()
        return response

    def process_view(self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any) -> None:
        """Only now is it known who reads: authentication stands after this middleware."""
        if not request.path.startswith(_PROGRAMS) and isinstance(request.user, User):
            _speak(request, request.user.language)


def _speak(request: HttpRequest, language: str) -> None:
    translation.activate(language)
    request.LANGUAGE_CODE = language


def language_of_stranger(request: HttpRequest) -> str:
    cookie = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    if cookie in LANGUAGES:
        return cookie
    for tag in _asked_for(request.headers.get("Accept-Language", "")):
        if found := language_of(tag):
            return found
    return "en" if request.headers.get("Accept-Language") else DEFAULT_LANGUAGE


def _asked_for(header: str) -> list[str]:
    """The tags of an Accept-Language header, most wanted first; what cannot be read counts nothing."""
    wanted: list[tuple[float, str]] = []
    for part in header[:500].split(",")[:20]:
        tag, _, quality = part.strip().partition(";q=")
        try:
            wanted.append((float(quality or 1), tag))
        except ValueError:
            continue
    return [tag for quality, tag in sorted(wanted, key=lambda pair: -pair[0]) if quality > 0]


class PageMiddleware:
    """Puts the security headers on what our pages answer, and turns a refusal into a page in the reader's language."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.policy = content_security_policy()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self.policy)
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            # Pages hold numbers and codes of one reader: nothing between may keep them, nor the browser after sign-out.
            response.headers.setdefault("Cache-Control", "private, no-store")
            response.headers.setdefault("X-Lineaviva-Reader", reader_mark(request))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, LineavivaError):
            return None
        from lineaviva.keeper.web.views.errors import refusal  # its templates need the URLs, which need the views

        return refusal(request, exception)


def reader_mark(request: HttpRequest) -> str:
    """Tells one reader from another without saying who; empty for nobody. The service worker keys its copy by it."""
    user = getattr(request, "user", AnonymousUser())
    return salted_hmac("lineaviva.reader", str(user.pk)).hexdigest()[:16] if user.is_authenticated else ""


def content_security_policy() -> str:
    """Nothing but our own files; forms may lead to the payment providers' pages, and nobody may frame us."""
    parts = {
        "default-src": "'self'",
        "img-src": "'self' data:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "form-action": " ".join(["'self'", *ways.origins()]),
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items())
