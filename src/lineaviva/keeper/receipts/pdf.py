"""The receipt as a PDF: set by typst from a template in this package, with the fonts of this package and no others."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, cast

import typst

from lineaviva import rulebook
from lineaviva.keeper.receipts.credit_view import credit_view
from lineaviva.keeper.receipts.links import qr_svg
from lineaviva.keeper.receipts.models import CreditNote, Receipt
from lineaviva.keeper.receipts.rules import printable
from lineaviva.keeper.receipts.view import ReceiptView, receipt_view
from lineaviva.kernel.clock import ROME
from lineaviva.kernel.errors import NotFound

HERE = Path(__file__).resolve().parent
FONTS = HERE / "fonts"
_LANGUAGES = {"zh-hans": ("zh", "CN"), "zh-hant": ("zh", "TW"), "it": ("it", "IT"), "en": ("en", "GB")}
_one_at_a_time = threading.Lock()


def render(receipt: Receipt | CreditNote, *, own: bool | None = None, view: ReceiptView | None = None) -> bytes:
    """The PDF, the same bytes each time for the same receipt or credit note.

    Characters that no font has are printed as □.

    `own`: whether its reader holds the line and sees the whole phone number; None: whoever it was issued to.
    `view`: the receipt's, where the caller has it already.
    """
    data = document(receipt, view or _view(receipt, own))
    issued = int(receipt.issued_at.timestamp())
    with _one_at_a_time:
        pdf = _compiler().compile(
            format="pdf",
            # As JSON, so that nothing a holder typed is ever read as markup.
            sys_inputs={"receipt": json.dumps(data, ensure_ascii=False)},
            timestamp=issued,
        )
    return cast(bytes, pdf)


def _view(receipt: Receipt | CreditNote, own: bool | None) -> ReceiptView:
    return credit_view(receipt, own=own) if isinstance(receipt, CreditNote) else receipt_view(receipt, own=own)


@cache
def _compiler() -> typst.Compiler:
    """Reads the fonts once; the system's own are not asked, or two machines would print two receipts."""
    return typst.Compiler(
        input=str(HERE / "typst" / "receipt.typ"), root=str(HERE), font_paths=[str(FONTS)], ignore_system_fonts=True
    )


def document(receipt: Receipt | CreditNote, view: ReceiptView) -> dict[str, Any]:
    """What the template gets: the view as plain data, made printable, with the QR code."""
    language, region = _LANGUAGES[view.language]
    issued = receipt.issued_at.astimezone(ROME)
    data = {
        **_texts(view),
        "lang": language,
        "region": region,
        "issued_parts": [issued.year, issued.month, issued.day],
        "colour": _colour(view.operator_slug),
    }
    # After the texts were made printable: an SVG is no text to print.
    return {**_printable(data), "qr": qr_svg(view.proof_url, border=0)}


def _texts(view: ReceiptView) -> dict[str, Any]:
    plain = {
        name: getattr(view, name)
        for name in (
            *("title", "number", "issued", "issuer", "operator", "label", "phone", "headline"),
            *("valid_label", "valid_until", "moves_titles", "notes", "proof_words", "proof_url"),
        )
    }
    return {
        **plain,
        "sections": {section.key: asdict(section) for section in view.sections},
        "moves": [[move.label, move.before, move.after] for move in view.moves],
    }


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return _shown(value)
    if isinstance(value, dict):
        return {name: _printable(inner) for name, inner in value.items()}
    return [_printable(inner) for inner in value] if isinstance(value, list | tuple) else value


@lru_cache(maxsize=2048)
def _shown(text: str) -> str:
    """Most texts of a receipt are the same on each."""
    return printable(text, coverage())


@cache
def coverage() -> frozenset[int]:
    """Every character that one of the fonts has; tools/make_fonts.py writes the list beside them."""
    pairs = (line.split("-") for line in (FONTS / "coverage.txt").read_text(encoding="ascii").split())
    return frozenset(code for first, last in pairs for code in range(int(first, 16), int(last, 16) + 1))


def _colour(operator: str) -> str:
    """The operator's colour, for one thin line; grey for one that left the rulebook."""
    try:
        return rulebook.operator(operator).colour
    except NotFound:
        return "#4f5e57"
