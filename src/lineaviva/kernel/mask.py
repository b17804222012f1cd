"""What may be shown of a number or a key in logs, audit entries and to people other than its holder."""

from __future__ import annotations

import re

_SHOWN = 4
# Longer than this, so that the last four do not give away most of a short value.
_LONG_ENOUGH = 8

# Codes and keys first: their digits would otherwise be taken for phone numbers and the rest left readable.
_SECRETS = re.compile(
    r"""(?ix)
    \b lpa: \S+                                             # eSIM activation code
    | \b 1\$ [^\s$]+ \$ \S*                                  # the same without its prefix
    | \b (?:sk|rk|pk|whsec)_ [\w]+                           # keys of a payment provider
    | \b (?:bearer|basic) \s+ [\w.~+/=-]+                    # Authorization header
    | (?<=://) [^\s/@]+ (?=@)                                # user:password in a URL
    | (?<=[?&;\s"'{]) (?:token|key|secret|password|code|signature) ["']? \s* [=:] \s* ["']? [^\s&"',;}]+
    """
)
_DIGITS = re.compile(r"\+?\d(?:[\s./-]?\d){6,}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2})?")


def masked(text: str) -> str:
    """The last four characters after an ellipsis: "…1234". Nothing but the ellipsis when `text` is short."""
    plain = re.sub(r"[\s-]", "", text)
    return f"…{plain[-_SHOWN:]}" if len(plain) >= _LONG_ENOUGH else "…"


def scrubbed(text: str, limit: int = 500) -> str:
    """Free text, such as an exception's, made fit for a log: numbers masked, keys and codes out, cut at `limit`."""
    # What is not to be written as text at all would make the row or the log line that holds it unwritable.
    plain = text.replace("\0", "").encode("utf-8", "replace").decode()
    return _DIGITS.sub(_mask_digits, _SECRETS.sub("…", plain))[:limit]


def _mask_digits(found: re.Match[str]) -> str:
    return found.group() if _DATE.fullmatch(found.group()) else masked(found.group())
