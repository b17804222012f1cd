"""Pure decisions about people: languages, roles, and how a one-time link is kept."""

from __future__ import annotations

import hashlib
from datetime import datetime

LANGUAGES = ("zh-hans", "zh-hant", "it", "en")
DEFAULT_LANGUAGE = "zh-hans"
ROLES = ("holder", "clerk", "agent", "operations")
STAFF = frozenset({"clerk", "agent", "operations"})

# zh-hant is read in Taiwan, Hong Kong and Macao; every other Chinese is taken as simplified.
_TRADITIONAL = frozenset({"zh-hant", "zh-tw", "zh-hk", "zh-mo"})


def language_of(tag: str | None) -> str | None:
    """The language of ours that a browser's or a person's language tag stands for; None when it is none of the four."""
    code = (tag or "").strip().lower().replace("_", "-")
    if any(code == known or code.startswith(known + "-") for known in _TRADITIONAL):
        return "zh-hant"
    base = code.split("-", 1)[0]
    return {"zh": "zh-hans", "it": "it", "en": "en"}.get(base)


def token_hash(token: str, *, purpose: str = "sign-in") -> str:
    """What is stored of a one-time token: 64 hex digits, useless for anything but `purpose`."""
    return hashlib.sha256(f"{purpose}:{token}".encode()).hexdigest()


def link_refusal(*, expires_at: datetime, used_at: datetime | None, is_active: bool, now: datetime) -> str | None:
    """The code of the reason why a one-time link cannot be used at `now`, or None when it can."""
    if used_at is not None:
        return "link_used"
    if now >= expires_at:
        return "link_expired"
    return None if is_active else "account_inactive"
