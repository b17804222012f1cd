"""What an activation code becomes for a phone: links that open its eSIM page, a QR code, what is typed in by hand.

Apple's link works from iOS 17.4 on (eSIM Go's API, "appleInstallUrl") and in the system's browser only; Apple's page
support.apple.com/HT212780 tells of scanning and typing, not of this address. Android's has the same shape, and no page
of Google tells of it: offer it, never alone. Each carries the whole code percent-encoded, so that `$` and `:` come
through a mail program unharmed.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote

import segno

from lineaviva.kernel.activation_code import ActivationCode

APPLE: Final = "https://esimsetup.apple.com"
ANDROID: Final = "https://esimsetup.android.com"
# What a QR code writes in 5.5 bits a character instead of 8 (ISO/IEC 18004, table 5).
_ALPHANUMERIC: Final = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
_QUIET_ZONE = 4  # modules; what the standard asks for, and what a dark page would take away


@dataclass(frozen=True, slots=True)
class Install:
    """The ways to one profile. Whoever reads any of them has the line: none of it shows in a repr, and so in no log."""

    lpa: str = field(repr=False)
    """The whole code with its prefix, to copy and to scan."""
    address: str
    """The server's name, what phones call "SM-DP+ address" where a code is typed in."""
    matching_id: str = field(repr=False)
    """What the same form calls "activation code"; empty where the server knows the phone by its EID."""
    needs_confirmation: bool
    apple: str = field(repr=False)
    android: str = field(repr=False)
    pretend: str = field(default="", repr=False)
    """The sandbox's phone, where there is one."""


def install_of(code: ActivationCode, pretend_base: str = "") -> Install:
    """The ways to install `code`. `pretend_base`: what stands before `/esim_qrcode_provisioning` for one more phone."""
    return Install(
        lpa=str(code),
        address=code.host,
        matching_id=code.matching_id,
        needs_confirmation=code.needs_confirmation,
        apple=_link(APPLE, code),
        android=_link(ANDROID, code),
        pretend=_link(pretend_base, code) if pretend_base else "",
    )


def qr_text(code: ActivationCode) -> str:
    """What the QR code says: the host in capitals, where that lets the smaller alphabet do.

    Host names have no case (and SGP.22 compares the address without it); the other parts have, and stay as they are.
    """
    capitals = str(replace(code, host=code.host.upper()))
    return capitals if set(capitals) <= _ALPHANUMERIC else str(code)


def qr_svg(code: ActivationCode, *, border: int = _QUIET_ZONE) -> str:
    """The QR code as an SVG element to put into a page, the same bytes each time."""
    out = io.BytesIO()
    _qr(code).save(out, kind="svg", border=border, xmldecl=False, omitsize=True, dark="#12201a", light="#fff")
    return out.getvalue().decode()


def qr_png(code: ActivationCode, *, scale: int = 8) -> bytes:
    """The QR code as a picture for mail, `scale` pixels a module."""
    out = io.BytesIO()
    _qr(code).save(out, kind="png", border=_QUIET_ZONE, scale=scale)
    return out.getvalue()


def _qr(code: ActivationCode) -> segno.QRCode:
    return segno.make(qr_text(code), error="m", micro=False)


def _link(base: str, code: ActivationCode) -> str:
    return f"{base.rstrip('/')}/esim_qrcode_provisioning?carddata={quote(str(code), safe='')}"
