"""Signed links that open one line's renewal without a password, for 48 hours."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.signing import BadSignature, Signer

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.models import Line
from lineaviva.kernel.errors import InvalidInput

LIFE = timedelta(hours=48)
_SALT = "lineaviva.reminders.renewal"


def renewal_link(*, line: Line, user: User, now: datetime) -> str:
    """The path /r/<signed>/ that opens the renewal of this line as this user until `now` + 48 h.

    It names the line and the person and nothing else; whoever reads it must still ask whether that person may pay for
    that line (lines.queries.line_for).
    """
    until = int((now + LIFE).timestamp())
    return f"/r/{Signer(salt=_SALT).sign_object([line.pk, user.pk, until])}/"


def renewal_link_read(token: str, now: datetime) -> tuple[int, int]:
    """Line id and user id of a signed link. InvalidInput with code link_invalid or link_expired."""
    try:
        line_id, user_id, until = Signer(salt=_SALT).unsign_object(token)
    except (BadSignature, ValueError, TypeError):
        raise InvalidInput("This link is not one of ours, or it was cut short.", code="link_invalid") from None
    if now.timestamp() >= until:
        raise InvalidInput("This link was valid for 48 hours and has ended.", code="link_expired")
    return int(line_id), int(user_id)
