"""The one write that only the settings page makes."""

from __future__ import annotations

from django.db import transaction

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.rules import text_checked

NAME_MOST = 120


@transaction.atomic
def name_set(*, user: User, name: str) -> None:
    """Keep the name that `user` wants to be called by. InvalidInput (text_invalid, text_too_long)."""
    text = text_checked(name, field="name", longest=NAME_MOST)
    User.objects.filter(pk=user.pk).update(name=text)
    user.name = text
