"""`lineaviva receipts`."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lineaviva.cli.receipts import app
from lineaviva.keeper.receipts.actions import receipt_issue
from lineaviva.keeper.receipts.models import Receipt, ReceiptMail
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import Conflict, InvalidInput, NotFound
from tests import factories
from tests.keeper.receipts.conftest import active_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def receipt(now: datetime) -> Receipt:
    line = factories.line(label="Mamma [bold]", msisdn="+393471234567", now=now)
    return receipt_issue(order=active_order(line=line, language="en", now=now), now=now)


def run(*words: str) -> Any:
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "160"})


def test_list(receipt: Receipt) -> None:
    (found,) = json.loads(run("list", "--json").stdout)["receipts"]

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
    assert json.loads(run("list", "--year", "2025", "--json").stdout) == {"receipts": []}
    assert "Mamma [bold] …4567" in run("list").stdout


def test_show_masks_the_number(receipt: Receipt) -> None:
    shown = json.loads(run("show", "lv-2026-1", "--json").stdout)

    rows = {row["label"]: row["value"] for row in shown["rows"]}
    assert (rows["Number"], rows["Total paid"]) == ("••• 4567", "€5.00")
    assert shown["mails"] == [{"to": "anna@example.org", "state": "open", "sent_at": None}]
    text = run("show", "LV-2026-000001").stdout
    assert "No VAT is shown" in text
    assert "123 4567" not in text


def test_pdf(receipt: Receipt, tmp_path: Path) -> None:
    path = tmp_path / "receipt.pdf"

    said = json.loads(run("pdf", "LV-2026-000001", "-o", str(path), "--json").stdout)

    assert said == {"number": "LV-2026-000001", "file": str(path), "bytes": path.stat().st_size}
    assert path.read_bytes()[:5] == b"%PDF-"
    assert run("pdf", "LV-2026-000001", "-o", "-").stdout_bytes == path.read_bytes()


def test_a_file_is_not_overwritten_unasked(receipt: Receipt, tmp_path: Path) -> None:
    path = tmp_path / "receipt.pdf"
    path.write_text("precious")

    done = run("pdf", "LV-2026-000001", "-o", str(path))

    assert isinstance(done.exception, Conflict)
    assert path.read_text() == "precious"
    assert run("pdf", "LV-2026-000001", "-o", str(path), "--yes").exit_code == 0
    assert path.read_bytes()[:5] == b"%PDF-"


def test_a_place_that_is_not_there(receipt: Receipt, tmp_path: Path) -> None:
    done = run("pdf", "LV-2026-000001", "-o", str(tmp_path / "no" / "where.pdf"))

    assert isinstance(done.exception, InvalidInput)
    assert done.exception.message.endswith("cannot be written: No such file or directory.")


def test_resend(receipt: Receipt, now: datetime) -> None:
    agenda.run_due(now)

    said = json.loads(run("resend", "LV-2026-000001", "--json").stdout)

    assert said == {"number": "LV-2026-000001", "to": "anna@example.org", "state": "open"}
    assert ReceiptMail.objects.count() == 2


@pytest.mark.parametrize("command", ["show", "pdf", "resend"])
@pytest.mark.parametrize("number", ["LV-2026-000002", "XX-2026-000001", "1", "LV-2026-000001x"])
def test_a_number_that_was_never_given(command: str, number: str, receipt: Receipt) -> None:
    done = run(command, number)

    assert isinstance(done.exception, NotFound)
    assert done.exception.code == "receipt_unknown"
    assert ReceiptMail.objects.count() == 1
