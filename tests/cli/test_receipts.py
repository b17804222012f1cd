"""`lineaviva receipts`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from lineaviva.cli.receipts import app
from lineaviva.keeper.receipts.actions import credit_note_issue, receipt_issue
from lineaviva.keeper.receipts.models import CreditNote, Receipt, ReceiptMail
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import Conflict, InvalidInput, NotFound
from lineaviva.kernel.mask import masked
from tests import factories
from tests.cli.in_process import Done, run
from tests.keeper.books.conftest import Purse
from tests.keeper.receipts.conftest import active_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def receipt(now: datetime) -> Receipt:
    line = factories.line(label="Mamma [bold]", msisdn="+393471234567", now=now)
    return receipt_issue(order=active_order(line=line, language="en", now=now), now=now)


def receipts(*words: str) -> Done:
    return run(app, *words)


def test_list(receipt: Receipt) -> None:
    (found,) = receipts("list", "--json").json["receipts"]

    assert found == {
        "number": "LV-2026-000001",
        "issued_at": "2026-11-22T11:00:00+00:00",
        "label": "Mamma [bold]",
        "line": "…4567",
        "operator": "tim",
        "total_minor": 500,
        "currency": "EUR",
        "order": receipt.facts["order"],
    }
    assert receipts("list", "--year", "2025", "--json").json == {"receipts": []}
    assert "Mamma [bold] …4567" in receipts("list").out


def test_show_masks_the_number(receipt: Receipt) -> None:
    shown = receipts("show", "lv-2026-1", "--json").json

    rows = {row["label"]: row["value"] for row in shown["rows"]}
    assert (rows["Number"], rows["Total paid"]) == ("••• 4567", "€5.00")
    assert shown["mails"] == [{"to": "anna@example.org", "state": "open", "sent_at": None}]
    text = receipts("show", "LV-2026-000001").out
    assert "No VAT is shown" in text
    assert "123 4567" not in text


def test_pdf(receipt: Receipt, tmp_path: Path) -> None:
    path = tmp_path / "receipt.pdf"

    said = receipts("pdf", "LV-2026-000001", "-o", str(path), "--json").json

    assert said == {"number": "LV-2026-000001", "file": str(path), "bytes": path.stat().st_size}
    assert path.read_bytes()[:5] == b"%PDF-"
    assert receipts("pdf", "LV-2026-000001", "-o", "-").bytes == path.read_bytes()


def test_a_file_is_not_overwritten_unasked(receipt: Receipt, tmp_path: Path) -> None:
    path = tmp_path / "receipt.pdf"
    path.write_text("precious")

    done = receipts("pdf", "LV-2026-000001", "-o", str(path))

    assert isinstance(done.error, Conflict)
    assert path.read_text() == "precious"
    assert receipts("pdf", "LV-2026-000001", "-o", str(path), "--yes").code == 0
    assert path.read_bytes()[:5] == b"%PDF-"


def test_a_place_that_is_not_there(receipt: Receipt, tmp_path: Path) -> None:
    done = receipts("pdf", "LV-2026-000001", "-o", str(tmp_path / "no" / "where.pdf"))

    assert isinstance(done.error, InvalidInput)
    assert done.error.message.endswith("cannot be written: No such file or directory.")


def test_resend(receipt: Receipt, now: datetime) -> None:
    agenda.run_due(now)

    said = receipts("resend", "LV-2026-000001", "--json").json

    assert said == {"number": "LV-2026-000001", "to": "anna@example.org", "state": "open"}
    assert ReceiptMail.objects.count() == 2


@pytest.mark.parametrize("command", ["show", "pdf", "resend"])
@pytest.mark.parametrize("number", ["LV-2026-000002", "XX-2026-000001", "1", "LV-2026-000001x"])
def test_a_number_that_was_never_given(command: str, number: str, receipt: Receipt) -> None:
    done = receipts(command, number)

    assert isinstance(done.error, NotFound)
    assert done.error.code == "receipt_unknown"
    assert ReceiptMail.objects.count() == 1


# --- credit notes -------------------------------------------------------------------------------------------------


@pytest.fixture
def note(now: datetime) -> CreditNote:
    purse = Purse(now).pay().activate().ask_back(120).give_back()
    return credit_note_issue(refund=purse.refund, now=now)


def test_credit_notes(note: CreditNote) -> None:
    (found,) = receipts("credit-notes", "--json").json["credit_notes"]
    assert found == {
        **{"number": "LV-NC-2026-000001", "issued_at": "2026-11-22T11:00:00+00:00", "receipt": "LV-2026-000001"},
        **{"amount_minor": 120, "currency": "EUR", "order": note.facts["order"]},
        **{"refund_reference": note.facts["refund_reference"], "line": masked(note.facts["msisdn"])},
    }
    assert "1.20 EUR" in receipts("credit-notes", "--year", "2026").out
    assert receipts("credit-notes", "--year", "2025").out == "No credit notes yet.\n"


def test_show_a_credit_note(note: CreditNote) -> None:
    shown = receipts("show", "lv-nc-2026-1", "--json").json
    assert (shown["number"], shown["language"], len(shown["mails"])) == ("LV-NC-2026-000001", "it", 1)
    assert {"label": "Numero della ricevuta", "value": "LV-2026-000001"} in shown["rows"]
    assert len(receipts("show", "LV-2026-000001", "--json").json["mails"]) == 1
    assert isinstance(receipts("show", "LV-NC-2026-000002").error, NotFound)


def test_the_pdf_of_a_credit_note(note: CreditNote, tmp_path: Path) -> None:
    path = tmp_path / "note.pdf"
    assert receipts("pdf", note.full_number, "-o", str(path)).code == 0
    assert path.read_bytes().startswith(b"%PDF")
