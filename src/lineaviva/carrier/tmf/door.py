"""Who may come in, and for whom this door speaks: by the bearer token of `carrier/access`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings
from django.http import HttpRequest
from ninja.security import HttpBearer

from lineaviva.carrier.access.queries import caller_by_token
from lineaviva.carrier.access.rules import SCOPES, Caller
from lineaviva.kernel import clock
from lineaviva.kernel.errors import NotAllowed

_READS = {"GET", "HEAD"}
_caller: ContextVar[Caller | None] = ContextVar("lineaviva_tmf_caller", default=None)


class OAuth(HttpBearer):
    """Lets in whose token has the scope for the API: `read` for GET and HEAD, `write` for all else.

    A token may be of any operator, unless this process serves one only (LINEAVIVA_CARRIER_OPERATOR).
    """

    openapi_type = "oauth2"
    openapi_flows = {
        "clientCredentials": {
            "tokenUrl": "/oauth2/token",
            "scopes": {f"{{operator}}:{scope}": scope.replace(".", ", ") for scope in SCOPES},
        }
    }

    def __init__(self, read: str, write: str) -> None:
        super().__init__()
        self.openapi_security_schema.pop("scheme")  # that belongs to the type `http`
        self._read, self._write = read, write

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        """The caller, or None. Raises NotAllowed (operator_elsewhere, insufficient_scope)."""
        caller = caller_by_token(token, clock.now())
        if caller is None:
            return None
        served = settings.CARRIER_OPERATOR
        if served and caller.operator != served:
            raise NotAllowed("Your operator is not served at this address.", code="operator_elsewhere")
        scope = self._read if request.method in _READS else self._write
        if scope not in caller.scopes:
            raise NotAllowed(f"This needs the scope {caller.operator}:{scope}.", code="insufficient_scope")
        _caller.set(caller)
        return caller


def scoped(api: str) -> OAuth:
    """The door of an API: `catalog`, `order`, `inventory` or `balance`."""
    return OAuth(f"{api}.read", f"{api}.write")


@contextmanager
def one_request() -> Iterator[None]:
    """Nobody is known before and after a request: the next one on this thread begins anew."""
    before = _caller.set(None)
    try:
        yield
    finally:
        _caller.reset(before)


def caller() -> Caller:
    """Who the present request comes from. RuntimeError outside of one that was let in."""
    found = _caller.get()
    if found is None:
        raise RuntimeError("nobody was let in")
    return found


def operator() -> str:
    """The slug of the operator whose client the present request comes from."""
    return caller().operator


def requester() -> str:
    """The client's id: references are its own, and nobody else's collide with them."""
    return caller().client_id
