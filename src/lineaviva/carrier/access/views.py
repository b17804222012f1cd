"""The token endpoint: OAuth 2.0 client credentials (RFC 6749, section 4.4), and nothing else of OAuth."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from math import ceil
from urllib.parse import unquote_plus

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from lineaviva.carrier.access import rules
from lineaviva.carrier.access.actions import token_issue
from lineaviva.carrier.access.models import Client
from lineaviva.carrier.access.queries import client_by_secret
from lineaviva.kernel import agenda, clock
from lineaviva.kernel.errors import Conflict

_FORM = "application/x-www-form-urlencoded"
_NOT_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}
# A token lasts for an hour: whoever needs this many a minute asks for one with every call.
PER_MINUTE, BURST = 60, 120


class Refused(Exception):
    """An error by RFC 6749, section 5.2. `code` is one of its words."""

    def __init__(self, code: str, description: str, status: int = 400, **headers: str) -> None:
        super().__init__(description)
        self.code, self.description, self.status, self.headers = code, description, status, headers


@csrf_exempt
def token(request: HttpRequest) -> HttpResponse:
    """POST grant_type=client_credentials [scope], the client named by HTTP Basic or in the form."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        return _granted(request)
    except Refused as refused:
        body = {"error": refused.code, "error_description": refused.description}
        return JsonResponse(body, status=refused.status, headers={**_NOT_KEPT, **refused.headers})


def _granted(request: HttpRequest) -> HttpResponse:
    form = _form(request)
    client = _client(request, form)
    if form.get("grant_type") != "client_credentials":
        code = "unsupported_grant_type" if form.get("grant_type") else "invalid_request"
        raise Refused(code, "grant_type is client_credentials.")
    scopes = _scopes(client, form.get("scope", ""))
    now = clock.now()
    wait = agenda.limits.take(f"token {client.pk}", per_minute=PER_MINUTE, burst=BURST, now=now)
    if wait > timedelta(0):
        seconds = str(ceil(wait.total_seconds()))
        raise Refused("invalid_request", "Use a token until it expires.", 429, **{"Retry-After": seconds})
    answer = {
        "access_token": _issued(client, scopes, now),
        "token_type": "Bearer",
        "expires_in": int(rules.TOKEN_LIFE.total_seconds()),
        "scope": rules.spelled(client.operator, scopes),
    }
    return JsonResponse(answer, headers=_NOT_KEPT)


def _form(request: HttpRequest) -> dict[str, str]:
    """The form's fields; empty ones are as if they were not there."""
    if request.content_type != _FORM:
        raise Refused("invalid_request", f"Send {_FORM}.")
    if any(len(values) > 1 for _, values in request.POST.lists()):
        raise Refused("invalid_request", "A field is there twice.")
    return {name: str(value) for name, value in request.POST.items() if value}


def _client(request: HttpRequest, form: dict[str, str]) -> Client:
    header = request.headers.get("Authorization", "")
    if header and "client_secret" in form:
        raise Refused("invalid_request", "Name the client once: in the header or in the form.")
    named = _basic(header) if header else (form.get("client_id", ""), form.get("client_secret", ""))
    client = client_by_secret(*named)
    if client is None:
        raise _unknown_client()
    return client


def _unknown_client() -> Refused:
    challenge = {"WWW-Authenticate": 'Basic realm="oauth2"'}
    return Refused("invalid_client", "There is no such client, or its secret is another.", 401, **challenge)


def _issued(client: Client, scopes: list[str], now: datetime) -> str:
    try:
        return token_issue(client=client, scopes=scopes, now=now)
    except Conflict:
        raise _unknown_client() from None


def _basic(header: str) -> tuple[str, str]:
    """Id and secret of an Authorization header, each form-encoded (RFC 6749, section 2.3.1); empty if it is another."""
    kind, _, encoded = header.partition(" ")
    try:
        plain = base64.b64decode(encoded.strip(), validate=True).decode() if kind.lower() == "basic" else ""
    except (binascii.Error, ValueError):
        plain = ""
    client_id, _, secret = plain.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)


def _scopes(client: Client, asked: str) -> list[str]:
    """What is asked for, or everything that the client may do."""
    may = client.scopes.split()
    if not asked:
        return may
    wanted = set(asked.split(" "))
    if wanted - {f"{client.operator}:{scope}" for scope in may}:
        raise Refused("invalid_scope", f"This client may have: {rules.spelled(client.operator, may)}.")
    return [scope for scope in may if f"{client.operator}:{scope}" in wanted]
