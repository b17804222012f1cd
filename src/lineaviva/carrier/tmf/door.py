"""Who may come in, and for whom this door speaks."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.http import HttpRequest
from ninja.security import HttpBearer

# One agreed token, one requester. Several of them will each have their own references.
REQUESTER = "partner"


class BearerToken(HttpBearer):
    def authenticate(self, request: HttpRequest, token: str) -> str | None:
        """The requester's name, or None. Without a configured token nobody comes in."""
        agreed = settings.TMF_TOKEN.encode()
        fits = secrets.compare_digest(token.encode("utf-8", "surrogateescape"), agreed)
        return REQUESTER if agreed and fits else None


def operator() -> str:
    """The slug of the operator whose carrier side this process is."""
    return settings.CARRIER_OPERATOR
