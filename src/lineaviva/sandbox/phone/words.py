"""What an SM-DP+'s subject and reason codes mean for the person who holds the phone (SGP.22 5.2.6)."""

from __future__ import annotations

_ASK = "ask the operator for a new activation code"
_WRONG_CODE = "the confirmation code is wrong; look at the operator's letter and try again"

_MEANINGS: dict[tuple[str, str], str] = {
    ("8.1", "4.8"): "the operator's server sees no room for the profile; delete one on this phone first",
    ("8.1", "6.1"): "the operator's server does not accept this phone's signature; make the phone anew",
    ("8.1.1", "3.8"): f"this profile is kept for another phone; use that phone, or {_ASK}",
    ("8.1.2", "6.1"): "the operator's server does not know the maker of this phone's chip; it trusts another issuer",
    ("8.1.2", "6.3"): "the certificate of the maker of this phone's chip has ended; make the phone anew",
    ("8.1.3", "6.1"): "the operator's server does not accept this phone's certificate; make the phone anew",
    ("8.1.3", "6.3"): "this phone's certificate has ended; make the phone anew",
    ("8.2", "1.2"): f"this profile has been downloaded already, or was withdrawn; {_ASK}",
    ("8.2", "3.7"): f"this profile was bound to another download and cannot be bound again; {_ASK}",
    ("8.2.5", "4.3"): "the operator has no profile that fits this phone; ask the operator",
    ("8.2.6", "3.8"): f"the server does not know this activation code, or it has been used; {_ASK}",
    ("8.2.7", "2.2"): "the operator asks for a confirmation code; give it with --confirmation-code",
    ("8.2.7", "3.8"): _WRONG_CODE,
    ("8.2.7", "6.4"): f"a wrong confirmation code was given too often and the profile is blocked; {_ASK}",
    ("8.8", "3.10"): "the server does not recognise its own identity in the phone's answer; tell the operator",
    ("8.8.1", "3.8"): "the server does not go by this name; check the activation code",
    ("8.8.2", "3.1"): "the server has no certificate that this phone's chip accepts",
    ("8.8.3", "3.1"): "the server does not speak this phone's version of the standard",
    ("8.8.4", "3.7"): "the server's own certificate does not lead to an issuer that this phone's chip accepts",
    ("8.8.5", "3.8"): "the download was cancelled",
    ("8.8.5", "4.10"): f"the time in which this profile could be downloaded is over; {_ASK}",
    ("8.8.5", "6.4"): f"this profile was begun too often without being finished and is blocked; {_ASK}",
    ("8.10.1", "3.9"): "the server no longer knows this download, which took too long; start it again",
    ("8.11.1", "3.9"): "the server does not know the issuer of this phone's certificates",
}


def meaning(subject: str, reason: str, message: str = "") -> str:
    """One sentence with both codes; the server's own `message` only where we have no words for its codes."""
    known = _MEANINGS.get((subject, reason))
    codes = f" ({subject}/{reason})" if subject or reason else ""
    if known:
        return f"The operator refuses: {known}{codes}."
    told = " ".join(message.split())[:200]
    return f"The operator refuses{f', saying: {told}' if told else ' without saying why'}{codes}."
