"""Issuing, numbering and sending receipts."""

from __future__ import annotations

import smtplib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from pytest_django import Settings

from lineaviva.keeper.lines.actions import line_share
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.receipts.actions import receipt_issue, receipt_resend
from lineaviva.keeper.receipts.models import Receipt, ReceiptCounter, ReceiptMail
from lineaviva.keeper.receipts.queries import Proof, proof, receipt_by_number, receipt_for, receipts_for
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import FrozenClock
from lineaviva.kernel.errors import Conflict, NotFound
from tests import factories
from tests.conftest import NOON
from tests.keeper.orders import factories as orders
from tests.keeper.receipts.conftest import active_order, paid_order
from tests.keeper.together import together

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


# --- what is frozen -----------------------------------------------------------------------------------------------


def test_the_facts_of_a_renewal(order: ProductOrder, now: datetime, settings: Settings) -> None:
    settings.RECEIPT_ISSUER_NAME = "Lineaviva S.r.l., Prato"
    settings.PUBLIC_URL = "https://lineaviva.example"

    receipt = receipt_issue(order=order, now=now)

    assert receipt.full_number == "LV-2026-000001"
    assert (receipt.language, receipt.issued_at) == ("it", now)
    assert receipt.facts == {
        "issuer": "Lineaviva S.r.l., Prato",
        "label": "Mamma",
        "msisdn": "+393471234567",
        "last_four": "4567",
        "own": True,
        "operator": "tim",
        "operator_name": "TIM",
        "kind": "topup",
        "offering_id": "topup-5",
        "offering": "TIM 5 €",
        "price_minor": 500,
        "discount_minor": 0,
        "promotion": "",
        "total_minor": 500,
        "currency": "EUR",
        "payment_method": "cash",
        "payment_reference": f"pay:{order.code}:1",
        "order": order.code,
        "activation_reference": f"LV-{order.code}",
        "operator_reference": "TIM-0000012345",
        "dates_before": {"full_service_until": None, "receive_only_until": None, "number_kept_until": None},
        "dates_after": {
            "full_service_until": "2027-11-22",
            "receive_only_until": "2027-12-22",
            "number_kept_until": "2028-11-22",
        },
        "paid_at": "2026-11-22T11:10:00+00:00",
        "active_at": "2026-11-22T11:11:00+00:00",
        "tax": "single_stage",
        "proof_url": f"https://lineaviva.example/proof/{receipt.proof_token}/",
    }


def test_what_was_issued_stays_whatever_happens_later(order: ProductOrder, now: datetime) -> None:
    facts = receipt_issue(order=order, now=now).facts

    order.line.label, order.offering.name, order.offering.price_minor = "Nonna", "Other", 1
    order.line.save()
    order.offering.save()

    assert receipt_issue(order=order, now=now + MINUTE).facts == facts


def test_only_of_a_topup_is_the_tax_certain(now: datetime) -> None:
    order = active_order(now=now)
    order.offering.kind = "plan"
    order.offering.save()

    assert receipt_issue(order=order, now=now).facts["tax"] == ""


def test_the_counted_attempt_is_the_one_that_paid(order: ProductOrder, now: datetime) -> None:
    paying = order.attempts.get()
    order.attempts.create(
        number=2,
        provider="stripe",
        state="succeeded",
        surplus=True,
        amount_minor=500,
        idempotency_key="surplus",
        charge_ref="ch_surplus",
        created_at=now,
        expires_at=now,
    )

    assert receipt_issue(order=order, now=now).facts["payment_reference"] == paying.charge_ref


# --- once, and not too early --------------------------------------------------------------------------------------


def test_one_order_has_one_receipt_and_one_mail(order: ProductOrder, now: datetime) -> None:
    first = receipt_issue(order=order, now=now)

    assert receipt_issue(order=order, now=now + MINUTE) == first
    assert (Receipt.objects.count(), ReceiptMail.objects.count()) == (1, 1)
    assert ReceiptCounter.objects.get().last == 1


@pytest.mark.parametrize("state", ["placed", "paid"])
def test_not_before_the_line_is_active(state: str, now: datetime) -> None:
    order = orders.order(now=now) if state == "placed" else paid_order(now=now)
    assert order.state == state

    with pytest.raises(Conflict) as refusal:
        receipt_issue(order=order, now=now)

    assert refusal.value.code == "order_not_active"
    assert (Receipt.objects.count(), ReceiptMail.objects.count(), ReceiptCounter.objects.count()) == (0, 0, 0)


# --- numbers ------------------------------------------------------------------------------------------------------


def numbers() -> list[str]:
    return [receipt.full_number for receipt in Receipt.objects.order_by("issuer", "year", "number")]


def test_each_issuer_and_year_counts_from_one(now: datetime, settings: Settings) -> None:
    silvester = datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC)
    for at, issuer in [(NOON, "LV"), (silvester, "LV"), (silvester + timedelta(seconds=1), "LV"), (NOON, "XX")]:
        settings.RECEIPT_ISSUER = issuer
        receipt_issue(order=active_order(now=now), now=at)

    assert numbers() == ["LV-2026-000001", "LV-2026-000002", "LV-2027-000001", "XX-2026-000001"]


def test_a_transaction_that_fails_leaves_no_gap(now: datetime) -> None:
    first, broken, last = (active_order(now=now) for _ in range(3))
    receipt_issue(order=first, now=now)

    @transaction.atomic
    def issue_and_break() -> None:
        receipt_issue(order=broken, now=now)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        issue_and_break()

    receipt_issue(order=last, now=now)
    assert numbers() == ["LV-2026-000001", "LV-2026-000002"]
    assert Receipt.objects.filter(order=broken).count() == 0


@pytest.mark.django_db(transaction=True)
def test_no_gap_and_no_double_when_many_issue_at_once(now: datetime) -> None:
    waiting = [active_order(now=now) for _ in range(12)]
    # Every order is issued by two threads, and each third transaction breaks after it took its number.
    todo = [*waiting, *waiting]

    def issue() -> None:
        for _ in range(4):
            order = todo.pop()
            try:
                with transaction.atomic():
                    receipt_issue(order=order, now=now)
                    if order.pk % 3 == 0:
                        raise ZeroDivisionError
            except ZeroDivisionError:
                continue

    together(6, issue)

    good = [order for order in waiting if order.pk % 3]
    assert numbers() == [f"LV-2026-{n:06d}" for n in range(1, len(good) + 1)]
    assert ReceiptCounter.objects.get().last == len(good)
    assert set(Receipt.objects.values_list("order_id", flat=True)) == {order.pk for order in good}


# --- who gets it --------------------------------------------------------------------------------------------------


def test_a_payer_gets_the_receipt_without_the_whole_number(now: datetime) -> None:
    line = factories.line(msisdn="+393471234567", now=now)
    bo = factories.holder("bo@example.org", now=now)
    line_share(line=line, with_email="bo@example.org", right="pay", by=line.holder, now=now)

    receipt = receipt_issue(order=active_order(line=line, by=bo, now=now), now=now)

    assert receipt.facts["own"] is False
    assert receipt.mails.get().to == "bo@example.org"


def test_what_a_clerk_orders_belongs_to_the_holder(now: datetime) -> None:
    line = factories.line(now=now)

    receipt = receipt_issue(order=active_order(line=line, by=factories.clerk(now=now), now=now), now=now)

    assert receipt.facts["own"] is True
    assert receipt.mails.get().to == "anna@example.org"


@pytest.mark.parametrize(
    ("who", "sees"),
    [("anna@example.org", True), ("bo@example.org", True), ("chen@example.org", True), ("eve@example.org", False)],
)
def test_who_may_see_a_receipt(who: str, sees: bool, order: ProductOrder, now: datetime) -> None:
    factories.holder("bo@example.org", now=now)
    line_share(line=order.line, with_email="bo@example.org", right="pay", by=order.line.holder, now=now)
    receipt = receipt_issue(order=order, now=now)
    role = "clerk" if who.startswith("chen") else "holder"
    user = factories.holder(who, role=role, now=now)

    assert list(receipts_for(user)) == ([receipt] if sees else [])
    if sees:
        assert receipt_for(user=user, code=order.code) == receipt
    else:
        with pytest.raises(NotFound):
            receipt_for(user=user, code=order.code)


def test_an_order_without_a_receipt(now: datetime) -> None:
    order = paid_order(now=now)

    with pytest.raises(NotFound) as refusal:
        receipt_for(user=order.placed_by, code=order.code)

    assert refusal.value.code == "receipt_unknown"


def test_by_number(order: ProductOrder, now: datetime) -> None:
    receipt = receipt_issue(order=order, now=now)

    assert receipt_by_number("lv-2026-1") == receipt
    for other in ("LV-2026-2", "LV-2025-1", "XX-2026-1"):
        with pytest.raises(NotFound):
            receipt_by_number(other)


# --- the public proof ---------------------------------------------------------------------------------------------


def test_a_stranger_with_the_code_learns_label_four_digits_and_dates(order: ProductOrder, now: datetime) -> None:
    receipt = receipt_issue(order=order, now=now)

    found = proof(receipt.proof_token)

    assert found == Proof(label="Mamma", last_four="4567", on=date(2026, 11, 22), valid_until=date(2027, 11, 22))


@pytest.mark.parametrize("token", ["", "x", "LV-2026-000001", "%", "../x"])
def test_a_token_that_was_never_given(token: str, order: ProductOrder, now: datetime) -> None:
    receipt_issue(order=order, now=now)

    with pytest.raises(NotFound):
        proof(token)


def test_tokens_cannot_be_guessed(now: datetime) -> None:
    tokens = {receipt_issue(order=active_order(now=now), now=now).proof_token for _ in range(3)}

    assert [len(token) for token in tokens] == [24, 24, 24]  # 18 random bytes


# --- the agenda and the e-mail ------------------------------------------------------------------------------------


def test_an_active_order_gets_its_receipt_by_mail(
    order: ProductOrder, clock: FrozenClock, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    clock.advance(12 * MINUTE)

    agenda.run_due(clock.now())

    receipt = Receipt.objects.get(order=order)
    order.refresh_from_db()
    assert order.look_at is None
    (letter,) = mailoutbox
    assert letter.to == ["anna@example.org"]
    assert letter.subject == "Ricevuta LV-2026-000001: Mamma (TIM …4567) rinnovata"
    assert "22 novembre 2027" in str(letter.body)
    assert "Pagato: 5,00\xa0€. Numero della ricevuta: LV-2026-000001." in str(letter.body)
    assert receipt.facts["proof_url"] in str(letter.body)
    assert "3471234567" not in str(letter.message()).replace(" ", "").split("JVBERi0")[0]  # before the PDF
    name, content, kind = letter.attachments[0]
    assert (name, kind, bytes(content)[:5]) == ("LV-2026-000001.pdf", "application/pdf", b"%PDF-")
    mail = receipt.mails.get()
    assert (mail.state, mail.sent_at, mail.look_at) == ("sent", clock.now(), None)


SUBJECTS = {
    "zh-hans": "收据 LV-2026-000001：Mamma (TIM（意大利电信） …4567) 已续期",
    "zh-hant": "收據 LV-2026-000001：Mamma (TIM（義大利電信） …4567) 已續期",
    "it": "Ricevuta LV-2026-000001: Mamma (TIM …4567) rinnovata",
    "en": "Receipt LV-2026-000001: Mamma (TIM …4567) renewed",
}
BODIES = {"zh-hans": "已付：€5.00", "zh-hant": "已付：€5.00", "it": "Pagato: 5,00", "en": "Paid: €5.00"}


@pytest.mark.parametrize("language", SUBJECTS)
def test_the_mail_speaks_the_language_of_the_order(
    language: str, now: datetime, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    line = factories.line(label="Mamma", msisdn="+393471234567", now=now)
    receipt_issue(order=active_order(line=line, language=language, now=now), now=now)

    agenda.run_due(now)

    (letter,) = mailoutbox
    assert letter.subject == SUBJECTS[language]
    assert BODIES[language] in str(letter.body)
    (html, kind) = letter.alternatives[0]
    assert kind == "text/html"
    assert f'<html lang="{language}">' in str(html)


def test_a_label_cannot_write_into_the_mail(now: datetime, mailoutbox: list[EmailMultiAlternatives]) -> None:
    line = factories.line(label='<b onclick="x">&amp;', now=now)
    receipt_issue(order=active_order(line=line, language="en", now=now), now=now)

    agenda.run_due(now)

    html = str(mailoutbox[0].alternatives[0][0])
    assert "<b onclick" not in html
    assert "&lt;b onclick=&quot;x&quot;&gt;&amp;amp;" in html


def test_a_mail_that_cannot_be_sent_waits(
    order: ProductOrder,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
    mailoutbox: list[EmailMultiAlternatives],
) -> None:
    real = EmailMultiAlternatives.send

    def down(*_: Any, **__: Any) -> None:
        raise smtplib.SMTPServerDisconnected

    monkeypatch.setattr(EmailMultiAlternatives, "send", down)
    receipt = receipt_issue(order=order, now=clock.now())
    agenda.run_due(clock.now())
    assert (receipt.mails.get().state, receipt.mails.get().stuck_reason) == ("open", "")

    monkeypatch.setattr(EmailMultiAlternatives, "send", real)
    clock.advance(timedelta(hours=1))
    agenda.run_due(clock.now())

    assert receipt.mails.get().state == "sent"
    assert len(mailoutbox) == 1


def test_a_worker_that_dies_after_sending_sends_the_same_message_again(
    order: ProductOrder, now: datetime, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    from lineaviva.keeper.receipts.agenda import mail_send

    mail = receipt_issue(order=order, now=now).mails.get()

    mail_send(mail, now)
    mail_send(mail, now)

    first, second = (letter.extra_headers["Message-ID"] for letter in mailoutbox)
    assert first == second
    assert bytes(mailoutbox[0].attachments[0][1]) == bytes(mailoutbox[1].attachments[0][1])


# --- once more ----------------------------------------------------------------------------------------------------


def sent_receipt(order: ProductOrder, now: datetime) -> Receipt:
    receipt = receipt_issue(order=order, now=now)
    agenda.run_due(now)
    assert receipt.mails.get().state == "sent"
    return receipt


def test_it_is_sent_once_more_when_asked(
    order: ProductOrder, now: datetime, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    receipt = sent_receipt(order, now)

    receipt_resend(receipt=receipt, now=now)
    agenda.run_due(now)

    assert [letter.to for letter in mailoutbox] == [["anna@example.org"]] * 2
    assert mailoutbox[0].extra_headers["Message-ID"] != mailoutbox[1].extra_headers["Message-ID"]


def test_asked_twice_before_it_went_out_it_goes_out_once(order: ProductOrder, now: datetime) -> None:
    receipt = receipt_issue(order=order, now=now)

    assert receipt_resend(receipt=receipt, now=now) == receipt_resend(receipt=receipt, now=now)
    assert receipt.mails.count() == 1


def test_it_is_not_sent_again_and_again(order: ProductOrder, clock: FrozenClock) -> None:
    receipt = sent_receipt(order, clock.now())
    for _ in range(3):
        receipt_resend(receipt=receipt, now=clock.now())
        agenda.run_due(clock.now())

    with pytest.raises(Conflict) as refusal:
        receipt_resend(receipt=receipt, now=clock.now())

    assert (refusal.value.code, refusal.value.status) == ("too_many", 429)
    assert "10 minutes" in refusal.value.message
    assert receipt.mails.count() == 4
    clock.advance(timedelta(minutes=10))
    receipt_resend(receipt=receipt, now=clock.now())
    assert receipt.mails.count() == 5


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_send_it_once(now: datetime) -> None:
    receipt = sent_receipt(active_order(now=now), now)

    together(4, lambda: receipt_resend(receipt=receipt, now=now))

    assert receipt.mails.filter(state="open").count() == 1
