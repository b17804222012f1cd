"""Why a date is what it is, as facts that a page can say in its reader's language.

A `Reason` is its English sentence and also carries `code` and `params` (whole numbers, dates, names), from which a page
builds the sentence in another language. TEMPLATES is the whole list of codes.
"""

from __future__ import annotations

from datetime import date
from typing import Any

Param = str | int | date

TEMPLATES = {
    # What the count starts from.
    "no_event": "No event that extends this {operator} line is on record, so there is nothing to count from.",
    "counted_from": "Counted in calendar months from {last_event}, the last event that extends the line.",
    # The three dates.
    "full_service": "{operator}: full service for {months} months, until {on}.",
    "full_service_days": "{operator}: full service for {months} months and {days} days, until {on}.",
    "receive_only": "After that it only receives, until {months} months from the event: {on}.",
    "receive_only_days": "After that it only receives, until {months} months and {days} days from the event: {on}.",
    "no_such_phase": "{operator} has no receive-only phase: the line is off when full service ends.",
    "number_kept": "The number is kept until {months} months from the event: {on}.",
    "number_kept_days": "The number is kept until {months} months and {days} days from the event: {on}.",
    "no_limit_stated": "{operator} is said to give the number back later too; until when is not stated.",
    # What is not known.
    "full_service_unknown": "How long a {operator} line has full service is not known.",
    "receive_only_unknown": "How long a {operator} line still receives after full service is not known.",
    "number_kept_unknown": "Until when {operator} keeps the number is not known.",
    "waits_for_full_service": "Not counted, since the end of full service is not known.",
    "what_follows_unknown": "Full service ended on {on}; what {operator} does next is not known.",
    # What else a holder should know.
    "sources_disagree": "Sources disagree on this date; the earliest warns, others go as far as {on}.",
    "law_suspension": "By the numbering plan a line may not be limited before {months} months have passed: {on}.",
    "law_number": "By the numbering plan a number may be taken back only after {months} months without dealings: {on}.",
    "recovery_until": "Once it is off, one way to have it back ends on {on}: {way}.",
    "maybe_recoverable": "Other sources keep the number until {on}: it is worth asking {operator}.",
}


class Reason(str):
    """One sentence in English, with the facts it was made from."""

    code: str
    params: dict[str, Param]

    def __new__(cls, code: str, **params: Param) -> Reason:
        made = super().__new__(cls, TEMPLATES[code].format(**params))
        made.code = code
        made.params = params
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.code, self.params)

    @property
    def text(self) -> str:
        return str(self)


def _again(code: str, params: dict[str, Param]) -> Reason:
    return Reason(code, **params)
