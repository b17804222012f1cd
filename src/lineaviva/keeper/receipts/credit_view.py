"""A credit note in its own language, in the shape of a receipt, so that the same page of paper sets it."""

from __future__ import annotations

from typing import cast

from django.utils.translation import gettext as _
from django.utils.translation import override

from lineaviva.keeper.receipts.facts import CreditFacts
from lineaviva.keeper.receipts.models import CreditNote
from lineaviva.keeper.receipts.rules import shown_phone
from lineaviva.keeper.receipts.view import LOCALES, ReceiptView, Row, Section, filled, method, moment
from lineaviva.kernel.money import Money


def credit_view(note: CreditNote, *, own: bool | None = None) -> ReceiptView:
    """The credit note in the language of its receipt; `own` as for `receipt_view`."""
    language = note.language if note.language in LOCALES else "en"
    facts = cast(CreditFacts, note.facts if own is None else {**note.facts, "own": own})
    with override(language):
        return _view(note, facts, language)


def _view(note: CreditNote, facts: CreditFacts, language: str) -> ReceiptView:
    issued = moment(note.issued_at.isoformat(), language)
    phone = shown_phone(facts["msisdn"], own=facts["own"])
    amount = Money(facts["amount_minor"], facts["currency"]).format(language)
    line = [Row(_("Name of the line"), facts["label"]), Row(_("Number"), phone)]
    return ReceiptView(
        language=language,
        title=_("Credit note"),
        number=note.full_number,
        issued=issued,
        issuer=facts["issuer"],
        operator=facts["operator_name"],
        operator_slug=facts["operator"],
        label=facts["label"],
        phone=phone,
        headline=_("Given back"),
        valid_label=_("Amount given back"),
        valid_until=amount,
        sections=[
            Section("line", _("What was renewed"), filled([*line, Row(_("Operator"), facts["operator_name"])])),
            _money(facts, amount, language),
            _way_back(facts, language),
            _receipt(facts, language),
        ],
        moves_titles=("", "", ""),
        moves=[],
        notes=[
            _(
                "This credit note takes back so much of the receipt that it names; the renewal stays. It is not an "
                "invoice."
            )
        ],
        proof_words=_("Scan to see the renewal that this credit note belongs to."),
        proof_url=facts["proof_url"],
        document=[
            Row(_("Credit note number"), note.full_number, strong=True),
            Row(_("Issued on"), issued),
            Row(_("Issued by"), facts["issuer"]),
        ],
    )


def _money(facts: CreditFacts, amount: str, language: str) -> Section:
    paid = Money(facts["total_minor"], facts["currency"]).format(language)
    return Section("amount", _("Amount"), [Row(_("Total paid"), paid), Row(_("Given back"), amount, strong=True)])


def _way_back(facts: CreditFacts, language: str) -> Section:
    rows = [
        Row(_("Given back by"), method(facts["payment_method"])),
        Row(_("Given back on"), moment(facts["refunded_at"], language)),
        Row(_("Refund reference"), facts["refund_reference"]),
    ]
    return Section("payment", _("Given back"), filled(rows))


def _receipt(facts: CreditFacts, language: str) -> Section:
    """Where the template has the operator's part."""
    rows = [
        Row(_("Receipt number"), facts["receipt"]),
        Row(_("Issued on"), moment(facts["receipt_issued_at"], language)),
        Row(_("Order code"), facts["order"]),
    ]
    return Section("activation", _("Receipt"), rows)
