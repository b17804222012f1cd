"""Everything ever paid: found, summed up, and taken along; one receipt as page and PDF; the public proof."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from django.test import Client
from pypdf import PdfReader

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.activation.actions import activation_begin, activation_fail
from lineaviva.keeper.activation.ports import Result
from lineaviva.keeper.lines.actions import line_change, line_share
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import cash_confirm, payment_begin, payment_settle
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.payments.ports import RefundStatus, Status
from lineaviva.keeper.payments.refunding import refund_request, refund_settle
from lineaviva.keeper.receipts import archive
from lineaviva.keeper.receipts.actions import credit_note_issue, receipt_issue
from lineaviva.keeper.receipts.models import Receipt, ReceiptMail
from lineaviva.keeper.receipts.queries import receipt_view
from lineaviva.kernel.clock import FrozenClock
from lineaviva.kernel.money import Money
from tests import factories
from tests.keeper.orders import factories as orders
from tests.web.conftest import Browser, active, paid, words


def path(receipt: Receipt, what: str = "receipt/") -> str:
    return f"/orders/{receipt.order.code}/{what}"


def test_the_list_is_empty_at_first(page: Client) -> None:
    assert "No receipts yet." in words(page.get("/receipts/"))


def test_the_list_has_receipts_and_what_has_none(receipt: Receipt, page: Client) -> None:
    text = words(page.get("/receipts/"))
    assert f"Mum …4567 Sun 22 Nov 2026 12:00 · {receipt.full_number} €5.00" in text
    assert "Orders that were not paid" not in text


def test_an_order_without_a_receipt_is_listed(order: ProductOrder, page: Client) -> None:
    text = words(page.get("/receipts/"))
    assert "Orders that were not paid Mum …4567" in text
    assert "Waiting for payment" in text


# --- everything ever paid -----------------------------------------------------------------------------------------

MARCH = datetime(2025, 3, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def dads(anna: User, receipt: Receipt) -> Receipt:
    """Beside Mum's of 22 November 2026, a receipt of 10 EUR for Dad's line, of March 2025."""
    line = factories.line(holder=anna, label="Dad", msisdn="+393209998877", last_topup=None)
    order = active(orders.order(line=line, price=1000, language="en", now=MARCH), MARCH)
    PaymentAttempt.objects.filter(order=order).update(charge_ref="pi_3Dad")
    return receipt_issue(order=order, now=MARCH + timedelta(seconds=30))


@pytest.fixture
def refused(anna: User, offers: Any, now: datetime) -> ProductOrder:
    """An order that the operator refused; its 5 EUR are on their way back."""
    line = factories.line(holder=anna, label="Aunt", msisdn="+393334445566")
    order = paid(orders.order(line=line, language="en"), now)
    activation = activation_begin(order=order, now=now)
    assert activation is not None
    activation_fail(activation=activation, result=Result("failed", reason="blocked"), now=now)
    return order


def labels(page: Client, /, **query: object) -> list[str]:
    """The lines whose payments are shown, in the order of the page."""
    html = page.get("/receipts/", query).content.decode()
    return re.findall(r'<span class="label">(\w+) …', html)


def sums(page: Client, /, **query: object) -> dict[str, str]:
    html = page.get("/receipts/", query).content.decode()
    return dict(re.findall(r"<div><dt>([^<]+)</dt><dd>([^<]+)</dd></div>", html))


def test_each_payment_has_what_proves_it(receipt: Receipt, page: Client) -> None:
    code = receipt.order.code
    text = words(page.get("/receipts/"))
    assert "What proves it Product TIM 5 € · TIM Full service until 4 Dec 2026 → 22 Nov 2027" in text
    assert "Operator's reference TIM-0000012345 Paid by cash in a shop" in text
    assert f"Payment reference pay:{code}:1 Order code {code[:4]} {code[4:]}" in text
    html = page.get("/receipts/").content.decode()
    assert all(f'href="{path(receipt, what)}"' in html for what in ("", "receipt/", "receipt.pdf"))


def test_the_newest_comes_first_and_all_is_summed_up(dads: Receipt, page: Client) -> None:
    assert labels(page) == ["Mum", "Dad"]
    assert sums(page) == {"Payments": "2", "Paid": "€15.00"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("dad", ["Dad"], id="label"),
        pytest.param("8877", ["Dad"], id="last four digits"),
        pytest.param("320 999 8877", ["Dad"], id="number as it is written"),
        pytest.param("+39 347 1234567", ["Mum"], id="number with its prefix"),
        pytest.param("LV-2025-000001", ["Dad"], id="receipt number"),
        pytest.param("lv-2026-1", ["Mum"], id="receipt number in short"),
        pytest.param("000001", ["Mum", "Dad"], id="the end of a receipt number"),
        pytest.param("3Dad", ["Dad"], id="payment reference"),
        pytest.param("tim-0000012345", ["Mum", "Dad"], id="operator's reference"),
        pytest.param("  ", ["Mum", "Dad"], id="nothing but spaces"),
        pytest.param("grandma", [], id="nobody"),
        pytest.param("9", [], id="one digit is no number"),
        pytest.param("LV-99999999999-1", [], id="no year"),
        pytest.param("%", [], id="a sign that a database might take for anything"),
        pytest.param("'; drop", [], id="no sentence of a database"),
        pytest.param("\x00", ["Mum", "Dad"], id="nothing at all"),
        pytest.param("٣٤٥", [], id="digits of another script"),
    ],
)
def test_it_is_found_again_by_what_one_remembers(text: str, found: list[str], dads: Receipt, page: Client) -> None:
    assert labels(page, q=text) == found


def test_it_is_found_by_its_order_code_however_that_is_typed(dads: Receipt, page: Client) -> None:
    code = dads.order.code
    for typed in (code, code.lower(), f"{code[:4]}-{code[4:]}", code[1:7]):
        assert "Dad" in labels(page, q=typed)
    assert labels(page, q=f"{code[:4]} {code[4:]}") == ["Dad"]


def test_by_line_and_by_year_with_their_sums(dads: Receipt, page: Client) -> None:
    assert labels(page, line=dads.order.line_id) == ["Dad"]
    assert labels(page, year=2026) == ["Mum"]
    assert sums(page, year=2025) == {"Payments": "1", "Paid": "€10.00"}
    assert labels(page, year=2026, line=dads.order.line_id) == []
    html = page.get("/receipts/", {"year": 2025}).content.decode()
    assert re.findall(r"<option(?: selected)?>(\d+)</option>", html) == ["2026", "2025"]
    assert "<option selected>2025</option>" in html


def test_a_year_is_that_of_rome(receipt: Receipt, page: Client) -> None:
    """Half past midnight in Rome is still the old year in Greenwich."""
    ProductOrder.objects.update(paid_at=datetime(2026, 12, 31, 23, 30, tzinfo=UTC))
    assert (labels(page, year=2027), labels(page, year=2026)) == (["Mum"], [])


@pytest.mark.parametrize("query", [{"line": "x"}, {"year": "9" * 30}, {"year": "-1"}, {"line": "٣"}, {"page": "x"}])
def test_what_makes_no_sense_asks_for_nothing(query: dict[str, str], receipt: Receipt, page: Client) -> None:
    assert labels(page, **query) == ["Mum"]


def test_nothing_found_says_so_and_leads_back(receipt: Receipt, page: Client) -> None:
    response = page.get("/receipts/", {"q": "<b>grandma</b>"})
    assert "Nothing was found. Look for less, or for all years and lines. Show all" in words(response)
    assert "<b>grandma" not in response.content.decode()
    assert "No receipts yet." not in words(response)


def test_money_that_goes_back_is_told_with_date_and_reference(
    receipt: Receipt, refused: ProductOrder, page: Client, now: datetime
) -> None:
    text = words(page.get("/receipts/"))
    assert "Not activated, money goes back On its way back €5.00" in text
    assert "On its way back €5.00 Sun 22 Nov 2026 12:00" in text
    assert sums(page) == {"Payments": "2", "Paid": "€10.00"}
    Refund.objects.update(state="succeeded", provider_ref="re_77", finished_at=now + timedelta(hours=1))
    PaymentAttempt.objects.filter(order=refused).update(provider="stripe")
    ProductOrder.objects.filter(pk=refused.pk).update(state="refunded")
    assert "Given back €5.00 Sun 22 Nov 2026 13:00 re_77" in words(page.get("/receipts/"))
    assert sums(page) == {"Payments": "2", "Paid": "€10.00", "Given back": "€5.00"}
    assert labels(page, q="re_77") == ["Aunt"]
    assert "Given back €5.00 Sun 22 Nov 2026 13:00 re_77" in words(page.get(f"/orders/{refused.code}/"))


def test_a_part_that_operations_gave_back_stands_beside_what_was_paid(
    receipt: Receipt, dora: User, page: Client, now: datetime
) -> None:
    attempt = PaymentAttempt.objects.get()
    refund = refund_request(attempt=attempt, reason="kind", amount=Money(300), by=dora, now=now)
    refund_settle(refund=refund, status=RefundStatus("succeeded", "clerk:1"), now=now)
    assert sums(page) == {"Payments": "1", "Paid": "€5.00", "Given back": "€3.00"}
    text = words(page.get("/receipts/"))
    assert f"{receipt.full_number} Given back €3.00 €5.00" in text
    assert "Given back €3.00 Sun 22 Nov 2026 12:00 by hand" in text
    assert "Given back €3.00" in words(page.get(path(receipt, "")))


def test_a_credit_note_stands_beside_its_refund_and_goes_along(
    receipt: Receipt, dads: Receipt, dora: User, page: Client, browser: Browser, eve: User, now: datetime
) -> None:
    attempt = PaymentAttempt.objects.get(order=receipt.order)
    refund = refund_request(attempt=attempt, reason="kind", amount=Money(300), by=dora, now=now)
    refund = refund_settle(refund=refund, status=RefundStatus("succeeded", "clerk:1"), now=now)
    note = credit_note_issue(refund=refund, now=now)
    found = path(receipt, f"credit-notes/{note.full_number}.pdf")
    for listed in ("/receipts/", path(receipt, "")):
        html = page.get(listed).content.decode()
        assert f'<a href="{found}">Credit note <span class="nowrap">{note.full_number}</span></a>' in html
    response = page.get(found)
    assert response.headers["Content-Disposition"] == f'attachment; filename="{note.full_number}.pdf"'
    assert note.full_number in PdfReader(BytesIO(response.content)).pages[0].extract_text()
    assert labels(page, q=note.full_number.lower()) == ["Mum"]
    names = list(zipped(page.get("/receipts/receipts.zip", {"year": 2026})))
    assert names == [f"{receipt.full_number}.pdf", f"{note.full_number}.pdf"]
    assert page.get(path(dads, f"credit-notes/{note.full_number}.pdf")).status_code == 404
    assert page.get(path(receipt, f"credit-notes/{receipt.full_number}.pdf")).status_code == 404
    assert browser(eve).get(found).status_code == 404


def test_what_a_clerk_gave_back_names_no_clerk(refused: ProductOrder, page: Client, now: datetime) -> None:
    Refund.objects.update(state="succeeded", provider_ref="clerk:7", finished_at=now)
    text = words(page.get("/receipts/"))
    assert "Given back €5.00 Sun 22 Nov 2026 12:00 by hand" in text
    assert "clerk:" not in text


def test_what_went_back_to_a_balance_went_by_nobodys_hand(refused: ProductOrder, page: Client, now: datetime) -> None:
    PaymentAttempt.objects.filter(order=refused).update(provider="wallet")
    Refund.objects.update(state="succeeded", provider_ref="refund:pay", finished_at=now)
    text = words(page.get("/receipts/"))
    assert "Given back €5.00 Sun 22 Nov 2026 12:00" in text
    assert "by hand" not in text


def test_paid_twice_both_are_shown_and_one_is_back(order: ProductOrder, page: Client, now: datetime) -> None:
    card = payment_begin(order=order, provider="cash", now=now)
    PaymentAttempt.objects.filter(pk=card.pk).update(provider="stripe", state="expired")
    payment_begin(order=order, provider="cash", now=now)
    cash_confirm(code=order.code, clerk=factories.clerk(), now=now)
    payment_settle(attempt=card, status=Status("succeeded", Money(500), "ch_late"), now=now)
    Refund.objects.update(state="succeeded", provider_ref="re_1", finished_at=now)
    assert sums(page) == {"Payments": "1", "Paid": "€10.00", "Given back": "€5.00"}
    assert "Paid, being activated Given back €5.00 €10.00" in words(page.get("/receipts/"))
    assert "Paid by cash in a shop" in words(page.get(f"/orders/{order.code}/"))


def test_a_label_then_and_a_label_now_both_find_it(receipt: Receipt, mum: Line, anna: User, page: Client) -> None:
    line_change(line=mum, by=anna, now=receipt.issued_at, label="Mother")
    assert labels(page) == labels(page, q="Mother") == labels(page, q="Mum") == ["Mum"]


def test_who_pays_for_it_does_not_find_out_the_number_by_trying(
    receipt: Receipt, mum: Line, anna: User, bo: User, browser: Browser, now: datetime
) -> None:
    line_share(line=mum, with_email=bo.email, right="pay", by=anna, now=now)
    assert labels(browser(bo), q="4567") == ["Mum"]
    assert labels(browser(bo), q="34567") == labels(browser(bo), q="3471234567") == []


def test_many_payments_stand_on_several_pages(
    receipt: Receipt, page: Client, monkeypatch: pytest.MonkeyPatch, dads: Receipt, refused: ProductOrder
) -> None:
    monkeypatch.setattr("lineaviva.keeper.web.paid_page.ON_A_PAGE", 2)
    assert [labels(page, page=n) for n in (1, 2, 9)] == [["Aunt", "Mum"], ["Dad"], ["Dad"]]
    html = page.get("/receipts/", {"q": "a", "year": 2026, "page": 1}).content.decode()
    assert "page=2" not in html
    assert 'href="?page=2"' in page.get("/receipts/").content.decode()
    assert sums(page, page=2)["Payments"] == "3"


def test_more_payments_ask_the_database_no_more(
    dads: Receipt, refused: ProductOrder, page: Client, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(17):
        page.get("/receipts/")


# --- all as one file ----------------------------------------------------------------------------------------------


def zipped(response: Any) -> dict[str, str]:
    """The texts of the PDFs in a ZIP by their names."""
    assert response.headers["Content-Type"] == "application/zip"
    with ZipFile(BytesIO(b"".join(response.streaming_content))) as packed:
        assert packed.testzip() is None
        return {name: PdfReader(packed.open(name)).pages[0].extract_text() for name in packed.namelist()}


def test_all_that_was_found_comes_as_one_file(dads: Receipt, receipt: Receipt, page: Client) -> None:
    assert "2 receipts in one file (ZIP)" in words(page.get("/receipts/"))
    response = page.get("/receipts/receipts.zip")
    assert response.headers["Content-Disposition"] == 'attachment; filename="lineaviva.zip"'
    assert response.headers["Cache-Control"] == "private, no-store"
    found = zipped(response)
    assert list(found) == ["LV-2026-000001.pdf", "LV-2025-000001.pdf"]
    assert "347 123 4567" in found["LV-2026-000001.pdf"]
    assert list(zipped(page.get("/receipts/receipts.zip", {"year": 2025}))) == ["LV-2025-000001.pdf"]


def test_a_file_for_who_pays_has_the_last_four_digits(
    receipt: Receipt, mum: Line, anna: User, bo: User, browser: Browser, now: datetime
) -> None:
    line_share(line=mum, with_email=bo.email, right="pay", by=anna, now=now)
    (text,) = zipped(browser(bo).get("/receipts/receipts.zip")).values()
    assert "4567" in text
    assert "347 123" not in text


def test_a_file_of_nothing_and_a_file_of_too_much(
    dads: Receipt, page: Client, eve: User, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = browser(eve).get("/receipts/receipts.zip")
    assert response.status_code == 404
    monkeypatch.setattr(archive, "MOST", 1)
    response = page.get("/receipts/receipts.zip")
    assert response.status_code == 413
    assert "These are too many receipts for one file." in words(response)
    assert "Up to 1 receipts can be taken in one file: choose a line or a year." in words(page.get("/receipts/"))


def test_files_are_not_asked_for_all_the_time(receipt: Receipt, page: Client) -> None:
    answers = [page.get("/receipts/receipts.zip", {"year": 2020}).status_code for _ in range(4)]
    assert answers == [404, 404, 404, 429]


# --- one of them --------------------------------------------------------------------------------------------------


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
