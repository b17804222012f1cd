"""The signed link of a message: it opens one profile's page without a password, for 14 days."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.signing import BadSignature, Signer

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.delivery import errors
from lineaviva.keeper.delivery.models import Delivery

LIFE = timedelta(days=14)
_SALT = "lineaviva.delivery.install"


def install_link(*, delivery: Delivery, user: User, now: datetime) -> str:
    """The path /e/<signed>/ that opens this profile's page as this user until `now` + 14 days.

    It names the profile and the person and nothing else; whoever reads it must still ask whether that person may see
    it (queries.delivery_for, queries.may_see_code).
    """
    until = int((now + LIFE).timestamp())
    return f"/e/{Signer(salt=_SALT).sign_object([delivery.pk, user.pk, until])}/"


def install_link_read(token: str, now: datetime) -> tuple[int, int]:
    """Delivery id and user id of a signed link. InvalidInput with code link_invalid or link_expired."""
    try:
        delivery_id, user_id, until = Signer(salt=_SALT).unsign_object(token)
    except (BadSignature, ValueError, TypeError):
        raise errors.link_invalid() from None
    if now.timestamp() >= until:
        raise errors.link_expired()
    return int(delivery_id), int(user_id)
