"""Receipts as list, page and PDF; sending one again; the public proof."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO

import pytest
from django.test import Client
from pypdf import PdfReader

from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.receipts.models import Receipt, ReceiptMail
from lineaviva.keeper.receipts.queries import receipt_view
from lineaviva.kernel.clock import FrozenClock
from tests.web.conftest import Browser, words


def path(receipt: Receipt, what: str = "receipt/") -> str:
    return f"/orders/{receipt.order.code}/{what}"


def test_the_list_is_empty_at_first(page: Client) -> None:
    assert "No receipts yet." in words(page.get("/receipts/"))


def test_the_list_has_receipts_and_what_has_none(receipt: Receipt, page: Client) -> None:
    text = words(page.get("/receipts/"))
    assert f"Mum …4567 Sun 22 Nov 2026 12:00 · {receipt.full_number} €5.00" in text
    assert "Orders without a receipt" not in text


def test_an_order_without_a_receipt_is_listed(order: ProductOrder, page: Client) -> None:
    text = words(page.get("/receipts/"))
    assert "Orders without a receipt Mum …4567" in text
    assert "Waiting for payment" in text


def test_the_page_shows_what_the_pdf_shows(receipt: Receipt, page: Client) -> None:
    text = words(page.get(path(receipt)))
    for row in receipt_view(receipt).rows:
        assert row.label in text
    for part in (receipt.full_number, "347 123 4567", "TIM-0000012345", "Mum"):
        assert part in text


def test_it_stays_in_the_language_of_the_order(receipt: Receipt, page: Client) -> None:
    Receipt.objects.update(language="zh-hans")
    response = page.get(path(receipt))
    assert '<article class="panel stack" lang="zh-Hans">' in response.content.decode()
    assert "收据" in words(response)
    assert "Download (PDF)" in words(response)


def test_the_pdf_is_downloaded(receipt: Receipt, page: Client) -> None:
    response = page.get(path(receipt, "receipt.pdf"))
    assert response.headers["Content-Type"] == "application/pdf"
    assert response.headers["Content-Disposition"] == f'attachment; filename="{receipt.full_number}.pdf"'
    assert response.headers["Cache-Control"] == "private, no-store"
    assert receipt.full_number in PdfReader(BytesIO(response.content)).pages[0].extract_text()


@pytest.mark.parametrize("what", ["receipt/", "receipt.pdf"])
def test_an_order_without_receipt_has_none(what: str, order: ProductOrder, page: Client) -> None:
    response = page.get(f"/orders/{order.code}/{what}")
    assert response.status_code == 404
    assert "There is no such receipt, or not for you." in words(response)


def test_it_is_sent_again(receipt: Receipt, page: Client) -> None:
    ReceiptMail.objects.update(state="sent")
    response = page.post(path(receipt, "receipt/send/"), follow=True)
    assert "It is on its way to anna@example.org." in words(response)
    assert ReceiptMail.objects.filter(state="open").count() == 1


def test_but_not_ten_times(receipt: Receipt, page: Client) -> None:
    for _ in range(3):
        ReceiptMail.objects.update(state="sent")
        page.post(path(receipt, "receipt/send/"))
    ReceiptMail.objects.update(state="sent")
    response = page.post(path(receipt, "receipt/send/"), follow=True)
    assert "That was too often." in words(response)
    assert ReceiptMail.objects.count() == 4


@pytest.mark.parametrize("token", ["x", "A" * 24, "A" * 500, "%F0%9F%98%80"])
def test_a_proof_of_nothing(token: str, receipt: Receipt, browser: Browser) -> None:
    assert browser().get(f"/proof/{token}/").status_code == 404


def test_proofs_are_not_tried_one_after_the_other(receipt: Receipt, browser: Browser, clock: FrozenClock) -> None:
    guesser = browser(accept_language="en")
    answers = [guesser.get(f"/proof/{n}/").status_code for n in range(31)]
    assert answers == [404] * 30 + [429]
    response = guesser.get(f"/proof/{receipt.proof_token}/")
    assert response.status_code == 429
    assert "That was too often. Wait a minute and try again." in words(response)
    clock.advance(timedelta(minutes=1))
    assert guesser.get(f"/proof/{receipt.proof_token}/").status_code == 200
