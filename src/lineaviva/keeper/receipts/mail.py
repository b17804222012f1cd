"""The e-mail that carries a receipt. The phone number in it is masked: mail passes through many hands."""

from __future__ import annotations

from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import override

from lineaviva.keeper.receipts.credit_view import credit_view
from lineaviva.keeper.receipts.models import Receipt, ReceiptMail
from lineaviva.keeper.receipts.pdf import render
from lineaviva.keeper.receipts.view import ReceiptView, receipt_view
from lineaviva.keeper.reminders.ports import Message
from lineaviva.kernel.mask import masked


def message(mail: ReceiptMail) -> Message:
    """The message of this row; sent again after a crash it carries the same Message-ID."""
    note, receipt = mail.credit_note, mail.receipt
    document, view = (note, credit_view(note)) if note else (receipt, receipt_view(receipt))
    with override(view.language):
        line = _line(receipt, view)
        subject, paragraphs = _given_back(view, line) if note else _renewed(receipt, view, line)
        checked = _("Anybody who has this address can check that the renewal is real:")
    page = {
        "language": view.language,
        "subject": subject,
        "paragraphs": paragraphs,
        "checked": checked,
        "link": view.proof_url,
        "issuer": view.issuer,
    }
    return Message(
        to=mail.to,
        subject=subject,
        text="\n\n".join([*paragraphs, f"{checked}\n{view.proof_url}", view.issuer]) + "\n",
        html=render_to_string("receipts/email.html", page),
        message_id=f"receipt-{mail.pk}-{view.number.lower()}",
        language=view.language,
        attachments=[(f"{view.number}.pdf", "application/pdf", render(document, view=view))],
    )


def _line(receipt: Receipt, view: ReceiptView) -> str:
    short = f"{view.operator} {masked(receipt.facts['msisdn'])}"
    return f"{view.label} ({short})" if view.label else short


def _renewed(receipt: Receipt, view: ReceiptView, line: str) -> tuple[str, list[str]]:
    """Subject and paragraphs of a receipt."""
    paragraphs = [_("%(line)s is renewed.") % {"line": line}]
    if receipt.facts["dates_after"].get("full_service_until"):
        paragraphs[0] += " " + _("Calls, SMS and data work until %(date)s.") % {"date": view.valid_until}
    facts = {"total": _total(view), "number": view.number}
    paragraphs.append(_("Paid: %(total)s. Receipt number: %(number)s.") % facts)
    paragraphs.append(_("The receipt is attached as a PDF."))
    return _("Receipt %(number)s: %(line)s renewed") % {"number": view.number, "line": line}, paragraphs


def _given_back(view: ReceiptView, line: str) -> tuple[str, list[str]]:
    """Subject and paragraphs of a credit note."""
    facts = {
        "amount": _total(view),
        "line": line,
        "number": view.number,
        "receipt": view.section("activation").rows[0].value,
    }
    paragraphs = [
        _("%(amount)s was given back for %(line)s. The line stays renewed.") % facts,
        _("Credit note number: %(number)s, for receipt %(receipt)s.") % facts,
        _("The credit note is attached as a PDF."),
    ]
    return _("Credit note %(number)s: %(amount)s given back") % facts, paragraphs


def _total(view: ReceiptView) -> str:
    return next(row.value for row in view.section("amount").rows if row.strong)
