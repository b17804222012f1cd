"""The project's error kinds: one for bad input and refused acts, four for what an adapter can meet outside."""

from __future__ import annotations

from datetime import timedelta


class LineavivaError(Exception):
    """A refusal that a person can act on.

    `code` is stable and names the fact (`msisdn_invalid`); pages choose the reader's text by it. `message` is one plain
    English sentence. `field` is the input it is about, where there is one. `status` is the HTTP status that fits.
    """

    code = "error"
    status = 400

    def __init__(
        self, message: str, *, code: str | None = None, field: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code or type(self).code
        self.status = status or type(self).status


class InvalidInput(LineavivaError):
    """A value from outside is not what its field takes."""

    code = "invalid_input"


class NotFound(LineavivaError):
    """What was asked for does not exist, or not for this reader."""

    code = "not_found"
    status = 404


class NotAllowed(LineavivaError):
    """The person is known and may not do this."""

    code = "not_allowed"
    status = 403


class Conflict(LineavivaError):
    """The row is not in a state in which this can be done."""

    code = "conflict"
    status = 409


class AdapterError(Exception):
    """What went wrong outside; one of the four kinds below."""


class Temporary(AdapterError):
    """Nothing was done outside and it may work later: look again after `retry_after`, or by the usual back-off."""

    def __init__(self, reason: str, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class Permanent(AdapterError):
    """The other side said no; asking again gives the same answer."""

    def __init__(self, reason: str, code: str = "refused") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class NeedsPerson(AdapterError):
    """Only a person can go on; `what` says what to do."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Unknown(AdapterError):
    """The answer was lost: the work may or may not be done. `reference` is ours, to ask about it."""

    def __init__(self, reference: str, reason: str = "the answer was lost") -> None:
        super().__init__(f"{reference}: {reason}")
        self.reference = reference
        self.reason = reason
