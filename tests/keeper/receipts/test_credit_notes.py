"""What is given back of something delivered has a credit note: once, numbered without a gap, sent by e-mail."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pypdf
import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.db import IntegrityError, transaction

from lineaviva.keeper.books import queries as books
from lineaviva.keeper.payments.models import Refund
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.receipts import actions, pdf
from lineaviva.keeper.receipts.actions import credit_note_issue, receipt_issue, receipt_resend
from lineaviva.keeper.receipts.credit_view import credit_view
from lineaviva.keeper.receipts.models import CreditNote, Receipt, ReceiptCounter, ReceiptMail
from lineaviva.keeper.receipts.queries import credit_note_by_number, credit_note_numbers, credit_notes_for
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import Conflict, NotFound
from tests import factories
from tests.keeper.books.conftest import Purse
from tests.keeper.together import together

LANGUAGES = ("zh-hans", "zh-hant", "it", "en")


def given_back(now: datetime, minor: int = 120, **facts: Any) -> Purse:
    return Purse(now, **facts).pay().activate().ask_back(minor).give_back()


@pytest.fixture
def note(db: None, now: datetime) -> CreditNote:
    """1,20 of 5,00 EUR."""
    return credit_note_issue(refund=given_back(now).refund, now=now)


# --- when there is one --------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_refund_of_what_was_delivered_gets_one_by_itself(now: datetime) -> None:
    purse = given_back(now)
    assert purse.refund.look_at == now
    agenda.run_due(now)
    note = CreditNote.objects.get()
    receipt = Receipt.objects.get(order=purse.order)
    assert (note.full_number, note.receipt, note.refund, note.language) == (
        *("LV-NC-2026-000001", receipt),
        *(purse.refund, receipt.language),
    )
    assert (purse.refund.look_at, purse.refund.stuck_reason, note.issued_at) == (None, "", now)
    assert note.facts == {
        **{"issuer": "Lineaviva", "label": receipt.facts["label"], "msisdn": receipt.facts["msisdn"]},
        **{"last_four": receipt.facts["last_four"], "own": True, "operator": "tim", "operator_name": "TIM"},
        **{"amount_minor": 120, "total_minor": 500, "currency": "EUR", "payment_method": "stripe"},
        **{"refund_reference": f"re_{purse.refund.pk}", "refunded_at": now.isoformat(), "order": purse.order.code},
        **{"receipt": "LV-2026-000001", "receipt_issued_at": now.isoformat(), "tax": "single_stage"},
        "proof_url": receipt.facts["proof_url"],
    }
    agenda.run_due(now + timedelta(days=1))
    assert CreditNote.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "way",
    [
        lambda now: Purse(now).pay().refuse().give_back(),
        lambda now: Purse(now, way="cash").pay().refuse().give_back_by_hand(),
        lambda now: Purse(now).pay().activate(),
    ],
    ids=["not delivered", "cash, not delivered", "nothing given back"],
)
def test_where_there_is_none(now: datetime, way: Callable[[datetime], Purse]) -> None:
    way(now)
    assert not Refund.objects.exclude(look_at=None).exists()
    agenda.run_due(now)
    assert not CreditNote.objects.exists()


@pytest.mark.django_db
def test_none_before_the_money_is_back(now: datetime) -> None:
    refund = Purse(now).pay().activate().ask_back(120).refund
    with pytest.raises(Conflict) as refused:
        credit_note_issue(refund=refund, now=now)
    assert (refused.value.code, CreditNote.objects.exists()) == ("no_credit_note", False)
    assert not ReceiptCounter.objects.filter(series="NC").exists()


@pytest.mark.django_db
def test_each_part_has_its_own(now: datetime) -> None:
    purse = given_back(now, 300).ask_back(200, "more").give_back()
    agenda.run_due(now)
    notes = CreditNote.objects.order_by("number")
    assert [(one.full_number, one.facts["amount_minor"]) for one in notes] == [
        ("LV-NC-2026-000001", 300),
        ("LV-NC-2026-000002", 200),
    ]
    assert credit_note_numbers(Refund.objects.values_list("pk", flat=True)) == {
        one.refund_id: one.full_number for one in notes
    }
    assert sum(one.facts["amount_minor"] for one in notes) == purse.order.total_minor
    assert (books.balances(), disagreement()) == ({}, [])


@pytest.mark.django_db
def test_given_back_by_hand_it_names_no_reference_of_the_bank(now: datetime) -> None:
    purse = Purse(now).pay().activate().ask_back(120).give_back_by_hand()
    agenda.run_due(now)
    facts = CreditNote.objects.get(refund=purse.refund).facts
    assert (facts["payment_method"], facts["refund_reference"]) == ("cash", "")


# --- numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_its_series_is_its_own_and_begins_again_each_year(now: datetime) -> None:
    next_year = now.replace(year=2027)
    for at in (now, now, next_year):
        credit_note_issue(refund=given_back(at).refund, now=at)
    assert [one.full_number for one in CreditNote.objects.order_by("pk")] == [
        *("LV-NC-2026-000001", "LV-NC-2026-000002"),
        "LV-NC-2027-000001",
    ]
    assert [one.full_number for one in Receipt.objects.order_by("pk")] == [
        *("LV-2026-000001", "LV-2026-000002"),
        "LV-2027-000001",
    ]


@pytest.mark.django_db
def test_a_number_whose_note_was_not_written_is_given_again(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    purse = given_back(now)

    def killed(_order: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(actions, "recipient", killed)
        with pytest.raises(KeyboardInterrupt):
            credit_note_issue(refund=purse.refund, now=now)
    assert (CreditNote.objects.count(), Receipt.objects.count()) == (0, 0)
    assert credit_note_issue(refund=purse.refund, now=now).number == 1


@pytest.mark.django_db(transaction=True)
def test_at_once_it_is_one(now: datetime) -> None:
    refunds = [given_back(now).refund for _ in range(2)]
    made = together(4, lambda: [credit_note_issue(refund=refund, now=now).pk for refund in refunds])
    assert all(pks == made[0] for pks in made)
    assert sorted(CreditNote.objects.values_list("number", flat=True)) == [1, 2]
    assert ReceiptCounter.objects.get(series="NC").last == 2


def test_what_the_database_refuses(note: CreditNote, now: datetime) -> None:
    for change in ({"number": 1}, {"number": 2}):
        facts = {"issuer": "LV", "year": 2026, "language": "it", "facts": {}, "issued_at": now, **change}
        with pytest.raises(IntegrityError), transaction.atomic():
            CreditNote.objects.create(receipt=note.receipt, refund=note.refund, **facts)
    assert CreditNote.objects.count() == 1


@pytest.mark.parametrize("typed", ["LV-NC-2026-000001", " lv-nc-2026-1 "])
def test_found_by_its_number(note: CreditNote, typed: str) -> None:
    assert credit_note_by_number(typed) == note


@pytest.mark.parametrize("typed", ["", "LV-2026-000001", "LV-NC-2026-000002", "LV-NC-x-1", "NC-2026-1", "-NC-2026-1"])
def test_not_found(note: CreditNote, typed: str) -> None:
    with pytest.raises(NotFound) as refused:
        credit_note_by_number(typed)
    assert refused.value.code == "receipt_unknown"


def test_who_sees_it(note: CreditNote) -> None:
    assert list(credit_notes_for(factories.anna())) == [note]
    assert list(credit_notes_for(factories.holder("eve@example.org"))) == []


# --- what it shows ------------------------------------------------------------------------------------------------


def test_its_rows(note: CreditNote) -> None:
    note.language = "en"
    view = credit_view(note, own=False)
    assert (view.title, view.number, view.headline, view.valid_until) == (
        *("Credit note", "LV-NC-2026-000001"),
        *("Given back", "€1.20"),
    )
    assert [(row.label, row.value) for row in view.rows] == [
        ("Credit note number", "LV-NC-2026-000001"),
        ("Issued on", "22 November 2026 12:00"),
        ("Issued by", "Lineaviva"),
        ("Number", f"••• {note.facts['last_four']}"),
        ("Operator", "TIM"),
        ("Total paid", "€5.00"),
        ("Given back", "€1.20"),
        ("Given back by", "Card"),
        ("Given back on", "22 November 2026 12:00"),
        ("Refund reference", note.facts["refund_reference"]),
        ("Receipt number", "LV-2026-000001"),
        ("Issued on", "22 November 2026 12:00"),
        ("Order code", note.facts["order"]),
    ]
    assert "not an invoice" in view.notes[0]


def squeezed(text: str) -> str:
    return re.sub(r"[\s\u200b]", "", text)


TITLES = {"it": "Nota di credito", "en": "Credit note", "zh-hans": "退款单", "zh-hant": "退款單"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_its_pdf(note: CreditNote, language: str) -> None:
    note.language = language
    data = pdf.render(note)
    assert data == pdf.render(note)
    pages = pypdf.PdfReader(io.BytesIO(data)).pages
    text = squeezed("".join(page.extract_text() for page in pages))
    view = credit_view(note)
    assert (len(pages), view.title) == (1, TITLES[language])
    for part in (view.title, note.full_number, "LV-2026-000001", view.valid_until, *view.notes, view.proof_words):
        assert squeezed(part) in text
    assert "□" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_of_it_is_left_untranslated(note: CreditNote, language: str) -> None:
    note.language = "en"
    english = credit_view(note)
    note.language = language
    view = credit_view(note)
    same = {row.label for row in view.rows} & {row.label for row in english.rows}
    assert same == ({row.label for row in english.rows} if language == "en" else set())
    assert (view.notes == english.notes) is (language == "en")


# --- its e-mail ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_it_is_sent_with_its_pdf(now: datetime) -> None:
    purse = given_back(now)
    agenda.run_due(now)
    agenda.run_due(now)
    sent = [one for one in mail.outbox if "LV-NC-2026-000001" in str(one.subject)]
    assert len(sent) == 1
    message = sent[0]
    assert isinstance(message, EmailMultiAlternatives)
    assert message.to == ["anna@example.org"]
    assert str(message.subject).startswith("Nota di credito LV-NC-2026-000001: restituiti 1,20")
    for part in ("Il rinnovo resta valido.", "per la ricevuta LV-2026-000001", "/proof/"):
        assert part in str(message.body)
    assert purse.order.line.msisdn not in str(message.body)
    (attached,) = message.attachments
    assert (attached[0], attached[2]) == ("LV-NC-2026-000001.pdf", "application/pdf")
    assert ReceiptMail.objects.filter(state="sent").count() == 2  # the receipt's, and this


def test_the_receipt_can_be_sent_again_while_the_note_waits(note: CreditNote, now: datetime) -> None:
    ReceiptMail.objects.filter(credit_note=None).update(state="sent")
    again = receipt_resend(receipt=note.receipt, now=now)
    assert (again.credit_note, again.state) == (None, "open")
    assert receipt_resend(receipt=note.receipt, now=now) == again
    assert ReceiptMail.objects.filter(state="open").count() == 2


@pytest.mark.django_db
def test_a_receipt_has_the_number_it_would_have_had(now: datetime) -> None:
    credit_note_issue(refund=given_back(now).refund, now=now)
    assert receipt_issue(order=Purse(now).pay().activate().order, now=now).full_number == "LV-2026-000002"
