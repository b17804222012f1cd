"""Many receipts and credit notes as one ZIP file, sent piece by piece: only one PDF at a time is in memory."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator

from lineaviva.keeper.receipts import pdf
from lineaviva.keeper.receipts.models import CreditNote, Receipt
from lineaviva.kernel.clock import ROME

# To set one takes a good part of a second on a slow machine; a year of many lines fits.
MOST = 100


class _Pipe(io.RawIOBase):
    """Where the ZIP is written to; what was written is taken out at once."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        return len(part)

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def archive(documents: Iterable[tuple[Receipt | CreditNote, bool]]) -> Iterator[bytes]:
    """A ZIP with the PDF of each under its number, in pieces.

    With each comes whether its reader holds the line and sees the whole phone number.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w") as packed:
        for document, own in documents:
            issued = document.issued_at.astimezone(ROME)
            entry = zipfile.ZipInfo(f"{document.full_number}.pdf", issued.timetuple()[:6])
            packed.writestr(entry, pdf.render(document, own=own))  # a PDF is compressed already
            yield pipe.take()
    yield pipe.take()
