"""The address of a receipt's public proof page, and its QR code."""

from __future__ import annotations

import io
import secrets

import segno
from django.conf import settings

_MASK = 3


def proof_token() -> str:
    """24 characters that nobody can guess (144 bits)."""
    return secrets.token_urlsafe(18)


def proof_url(token: str) -> str:
    return f"{settings.PUBLIC_URL}/proof/{token}/"


def qr_svg(url: str, *, border: int = 2) -> str:
    """The QR code of `url` as an SVG, the same bytes each time.

    `border` is its white edge in modules; on a dark page it cannot be read without one.
    """
    out = io.BytesIO()
    # Every reader takes every mask; to find the one of the eight that looks best is most of the work.
    code = segno.make(url, error="m", micro=False, mask=_MASK)
    code.save(out, kind="svg", border=border, xmldecl=False, omitsize=True, dark="#12201a", light="#fff")
    return out.getvalue().decode()
