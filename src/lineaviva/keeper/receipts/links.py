"""The address of a receipt's public proof page, and its QR code."""

from __future__ import annotations

import io
import secrets

import segno
from django.conf import settings


def proof_token() -> str:
    """24 characters that nobody can guess (144 bits)."""
    return secrets.token_urlsafe(18)


def proof_url(token: str) -> str:
    return f"{settings.PUBLIC_URL}/proof/{token}/"


def qr_svg(url: str) -> str:
    """The QR code of `url` as an SVG without a frame of its own, the same bytes each time."""
    out = io.BytesIO()
    code = segno.make(url, error="m", micro=False)
    code.save(out, kind="svg", border=0, xmldecl=False, omitsize=True, dark="#12201a")
    return out.getvalue().decode()
