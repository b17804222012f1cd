"""What allauth asks of us: the language and the moment of a sign-up, and a subject without a site name."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.utils.translation import get_language

from lineaviva.keeper.accounts import rules
from lineaviva.keeper.accounts.models import User
from lineaviva.kernel import clock


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no type marker
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return True

    def new_user(self, request: HttpRequest) -> User:
        """Keeps the language in which the sign-up page was read, so that the first e-mail already speaks it."""
        language = rules.language_of(get_language()) or rules.DEFAULT_LANGUAGE
        return User(language=language, date_joined=clock.now())

    def format_email_subject(self, subject: Any) -> str:
        return f"Lineaviva: {subject}"
