"""How the phone says no, each in one sentence that tells its holder what to do."""

from __future__ import annotations

from lineaviva.kernel.errors import LineavivaError


class PhoneError(LineavivaError):
    """The phone cannot do this, and nothing on it has changed."""

    code = "phone"
    status = 409


class Unreachable(PhoneError):
    """The server's answer did not come, or was not one of an SM-DP+."""

    code = "smdp_unreachable"


class OperatorRefused(PhoneError):
    """The server said no. `subject` and `reason` are its codes (SGP.22 5.2.6), or empty where it gave none."""

    code = "operator_refused"

    def __init__(self, message: str, *, subject: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.subject, self.reason = subject, reason


class Cheated(PhoneError):
    """What the server sent is not what it must be. `check` names the check that found it."""

    code = "smdp_not_trusted"

    def __init__(self, check: str, message: str) -> None:
        super().__init__(message)
        self.check = check


class ChipRefused(PhoneError):
    """The eUICC said no; `response` is its own answer, for the server, and `check` the check that found it."""

    code = "smdp_not_trusted"

    def __init__(self, check: str, message: str, response: bytes, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.check, self.response = check, response
