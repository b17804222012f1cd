"""Reads about people."""

from __future__ import annotations

from django.db.models import QuerySet

from lineaviva.keeper.accounts.models import AuditEntry, User
from lineaviva.kernel.errors import NotAllowed, NotFound


def user_by_email(email: str) -> User:
    """The account with this address, in any case of letters. NotFound (user_unknown) when there is none."""
    try:
        return User.objects.get(email=email.strip().lower())
    except User.DoesNotExist:
        raise NotFound("There is no account with this e-mail address.", code="user_unknown", field="email") from None


def users() -> QuerySet[User]:
    return User.objects.order_by("email")


def has_role(user: User, *roles: str) -> bool:
    return user.is_active and user.role in roles


def require_role(user: User, *roles: str) -> None:
    """NotAllowed (role_needed) unless the active user has one of `roles`."""
    if not has_role(user, *roles):
        raise NotAllowed(f"This needs one of the roles {', '.join(roles)}.", code="role_needed")


def audit_of(subject: str) -> QuerySet[AuditEntry]:
    """What was done to one subject, newest first."""
    return AuditEntry.objects.filter(subject=subject).select_related("actor").order_by("-at", "-id")
