"""Writes about people: accounts, one-time links, roles, and the list of what staff did."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from lineaviva.keeper.accounts import rules
from lineaviva.keeper.accounts.models import AuditEntry, OneTimeLink, User
from lineaviva.kernel.errors import InvalidInput, NotAllowed

LINK_LIFE = timedelta(hours=24)
# Dead links are kept this long, so that a late click is told "used" or "expired" rather than "unknown".
LINK_MEMORY = timedelta(days=30)

_LINK_REFUSALS = {
    "link_used": "This sign-in link was already used; each works once.",
    "link_expired": "This sign-in link is no longer valid.",
    "account_inactive": "This account is switched off.",
}


def email_checked(email: str, *, field: str = "email") -> str:
    """The address in lower case. InvalidInput (email_invalid) when it is none."""
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError:
        raise InvalidInput(f"{email!r} is not an e-mail address.", code="email_invalid", field=field) from None
    if len(address) > 254:
        raise InvalidInput("An e-mail address has at most 254 characters.", code="email_invalid", field=field)
    return address


def _language_checked(language: str) -> str:
    if language not in rules.LANGUAGES:
        raise InvalidInput(
            f"{language!r} is not one of {', '.join(rules.LANGUAGES)}.", code="language_unknown", field="language"
        )
    return language


def _role_checked(role: str) -> str:
    if role not in rules.ROLES:
        raise InvalidInput(f"{role!r} is not one of {', '.join(rules.ROLES)}.", code="role_unknown", field="role")
    return role


def user_get_or_create(
    *,
    email: str,
    language: str = rules.DEFAULT_LANGUAGE,
    role: str = "holder",
    name: str = "",
    now: datetime,
) -> User:
    """The account with this address, left as it is; a new one with this language and role when there is none."""
    address = email_checked(email)
    fields = {"language": _language_checked(language), "role": _role_checked(role), "name": name.strip()[:120]}
    found = User.objects.filter(email=address).first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            user = User.objects.create_user(address, date_joined=now, **fields)
            EmailAddress.objects.create(**_address_of(user))
            return user
    except IntegrityError:  # somebody else made it between the two statements
        return User.objects.get(email=address)


@transaction.atomic
def users_get_or_create(*, emails: Iterable[str], language: str, now: datetime) -> dict[str, User]:
    """Accounts for many addresses that `email_checked` gave, by address; a few statements for every 500."""
    wanted = sorted(set(emails))
    known = set(_by_email(wanted))
    fresh = [
        User(email=email, language=language, date_joined=now, password=make_password(None))
        for email in wanted
        if email not in known
    ]
    User.objects.bulk_create(fresh, batch_size=500, ignore_conflicts=True)
    found = _by_email(wanted)
    EmailAddress.objects.bulk_create(
        [EmailAddress(**_address_of(found[user.email])) for user in fresh], batch_size=500, ignore_conflicts=True
    )
    return found


def _address_of(user: User) -> dict[str, Any]:
    """allauth's row for the address; without it a first sign-in by code asks for a second code."""
    return {"user": user, "email": user.email, "primary": True, "verified": False}


def _by_email(emails: list[str]) -> dict[str, User]:
    found: dict[str, User] = {}
    for start in range(0, len(emails), 500):  # SQLite takes only so many parameters in one statement
        found.update((user.email, user) for user in User.objects.filter(email__in=emails[start : start + 500]))
    return found


def language_set(*, user: User, language: str) -> None:
    """Keep the language that `user` reads. InvalidInput (language_unknown) when it is none of the four."""
    User.objects.filter(pk=user.pk).update(language=_language_checked(language))
    user.language = language


@transaction.atomic
def role_set(*, user: User, role: str, by: User | None, now: datetime) -> User:
    """Give `user` another role, and audit it; only operations, or the owner at the command line (`by` None), may."""
    _role_checked(role)
    if by is not None and by.role != "operations":
        raise NotAllowed("Only operations may change roles.", code="role_needed")
    locked = User.objects.select_for_update().get(pk=user.pk)
    before, locked.role = locked.role, role
    if before != role:
        locked.save(update_fields=["role"])
        audit(actor=by, act="role_set", subject=f"user:{user.pk}", detail={"from": before, "to": role}, now=now)
    user.role = role
    return locked


@transaction.atomic
def one_time_link_create(*, user: User, now: datetime, valid_for: timedelta = LINK_LIFE) -> str:
    """The path /sign-in/<token>/ of a link that signs `user` in once before `now + valid_for`. Only its hash is kept.

    A page that uses it must ask for a click first (mail scanners follow links), and must still ask for a second factor
    where the account has one.
    """
    OneTimeLink.objects.filter(user=user, expires_at__lt=now - LINK_MEMORY).delete()
    token = secrets.token_urlsafe(32)
    OneTimeLink.objects.create(
        token_hash=rules.token_hash(token), user=user, created_at=now, expires_at=now + valid_for
    )
    return f"/sign-in/{token}/"


@transaction.atomic
def one_time_link_use(*, token: str, now: datetime) -> User:
    """The account that `token` signs in; from now on it signs in nobody.

    InvalidInput with code link_unknown, link_used, link_expired or account_inactive.
    """
    link = (
        OneTimeLink.objects.select_for_update(of=("self",))
        .select_related("user")
        .filter(token_hash=rules.token_hash(token))
        .first()
    )
    if link is None:
        raise InvalidInput("This sign-in link is not one of ours.", code="link_unknown")
    refusal = rules.link_refusal(
        expires_at=link.expires_at, used_at=link.used_at, is_active=link.user.is_active, now=now
    )
    if refusal:
        raise InvalidInput(_LINK_REFUSALS[refusal], code=refusal)
    link.used_at = now
    link.save(update_fields=["used_at"])
    return link.user


def audit(
    *, actor: User | None, act: str, subject: str, detail: dict[str, Any] | None = None, now: datetime
) -> AuditEntry:
    """Write down one changing act. `actor` None is the owner at the command line; `subject` is kind:id, as line:17.

    Call it inside the transaction of the act itself, so that neither is kept without the other.
    """
    return AuditEntry.objects.create(at=now, actor=actor, act=act, subject=subject, detail=detail or {})
