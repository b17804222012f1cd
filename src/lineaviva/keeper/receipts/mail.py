"""The e-mail that carries a receipt. The phone number in it is masked: mail passes through many hands."""

from __future__ import annotations

from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import override

from lineaviva.keeper.receipts.models import Receipt, ReceiptMail
from lineaviva.keeper.receipts.pdf import render
from lineaviva.keeper.receipts.view import ReceiptView, receipt_view
from lineaviva.keeper.reminders.ports import Message
from lineaviva.kernel.mask import masked


def message(mail: ReceiptMail) -> Message:
    """The message of this row; sent again after a crash it carries the same Message-ID."""
    receipt = mail.receipt
    view = receipt_view(receipt)
    with override(view.language):
        subject = _("Receipt %(number)s: %(line)s renewed") % {"number": view.number, "line": _line(receipt, view)}
        paragraphs = _paragraphs(receipt, view)
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
        attachments=[(f"{view.number}.pdf", "application/pdf", render(receipt, view=view))],
    )


def _line(receipt: Receipt, view: ReceiptView) -> str:
    short = f"{view.operator} {masked(receipt.facts['msisdn'])}"
    return f"{view.label} ({short})" if view.label else short


def _paragraphs(receipt: Receipt, view: ReceiptView) -> list[str]:
    paragraphs = [_("%(line)s is renewed.") % {"line": _line(receipt, view)}]
    if receipt.facts["dates_after"].get("full_service_until"):
        paragraphs[0] += " " + _("Calls, SMS and data work until %(date)s.") % {"date": view.valid_until}
    paid = next(row.value for row in view.section("amount").rows if row.strong)
    paragraphs.append(_("Paid: %(total)s. Receipt number: %(number)s.") % {"total": paid, "number": view.number})
    paragraphs.append(_("The receipt is attached as a PDF."))
    return paragraphs
