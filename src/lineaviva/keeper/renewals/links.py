"""Signed links that stop one automatic renewal without a password."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.signing import BadSignature, Signer

from lineaviva.keeper.renewals.models import AutoRenewal
from lineaviva.kernel.errors import InvalidInput

# Longer than any notice: who finds the message late may still stop what comes next.
LIFE = timedelta(days=60)
_SALT = "lineaviva.renewals.stop"


def stop_link(*, auto: AutoRenewal, now: datetime) -> str:
    """The path /auto/stop/<signed>/ of the page with the one button that stops it, until `now` + 60 days."""
    until = int((now + LIFE).timestamp())
    return f"/auto/stop/{Signer(salt=_SALT).sign_object([auto.pk, until])}/"


def stop_link_read(token: str, now: datetime) -> int:
    """The id of the automatic renewal. InvalidInput with code link_invalid or link_expired."""
    try:
        auto_id, until = Signer(salt=_SALT).unsign_object(token)
    except (BadSignature, ValueError, TypeError):
        raise InvalidInput("This link is not one of ours, or it was cut short.", code="link_invalid") from None
    if now.timestamp() >= until:
        raise InvalidInput("This link was valid for 60 days and has ended.", code="link_expired")
    return int(auto_id)
