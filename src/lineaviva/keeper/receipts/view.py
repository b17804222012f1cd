"""A receipt in its own language, formatted once, so that the page and the PDF show the same rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import cast

from babel.dates import format_date
from django.utils.translation import gettext as _
from django.utils.translation import override

from lineaviva.keeper.receipts.facts import Facts
from lineaviva.keeper.receipts.models import Receipt
from lineaviva.keeper.receipts.rules import shown_phone
from lineaviva.kernel.clock import ROME
from lineaviva.kernel.money import Money

LOCALES = {"zh-hans": "zh_Hans_CN", "zh-hant": "zh_Hant_TW", "it": "it_IT", "en": "en_GB"}
DATES = ("full_service_until", "receive_only_until", "number_kept_until")


@dataclass(frozen=True)
class Row:
    label: str
    value: str
    strong: bool = False


@dataclass(frozen=True)
class Section:
    key: str  # line, amount, payment or activation
    title: str
    rows: list[Row]


@dataclass(frozen=True)
class Move:
    """One of the line's three dates before and after the renewal."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class ReceiptView:
    """Everything a receipt shows, as text in `language`."""

    language: str
    title: str
    number: str
    issued: str
    issuer: str
    operator: str
    operator_slug: str
    label: str  # what the holder calls the line
    phone: str
    headline: str
    valid_label: str
    valid_until: str
    sections: list[Section]
    moves_titles: tuple[str, str, str]
    moves: list[Move]
    notes: list[str]
    proof_words: str
    proof_url: str
    document: list[Row] = field(default_factory=list)

    def section(self, key: str) -> Section:
        return next(section for section in self.sections if section.key == key)

    @property
    def rows(self) -> list[Row]:
        """All of it as one list of label and value."""
        dates = [Row(move.label, f"{move.before} → {move.after}") for move in self.moves]
        return [*self.document, *(row for section in self.sections for row in section.rows), *dates]


def receipt_view(receipt: Receipt, *, own: bool | None = None) -> ReceiptView:
    """The receipt in the language it was ordered in.

    `own`: whether its reader holds the line and sees the whole phone number; None: whoever it was issued to.
    """
    language = receipt.language if receipt.language in LOCALES else "en"
    facts = cast(Facts, receipt.facts if own is None else {**receipt.facts, "own": own})
    with override(language):
        return _view(receipt, facts, language)


def _view(receipt: Receipt, facts: Facts, language: str) -> ReceiptView:
    issued = moment(receipt.issued_at.isoformat(), language)
    return ReceiptView(
        language=language,
        title=_("Receipt"),
        number=receipt.full_number,
        issued=issued,
        issuer=facts["issuer"],
        operator=facts["operator_name"],
        operator_slug=facts["operator"],
        label=facts["label"],
        phone=shown_phone(facts["msisdn"], own=facts["own"]),
        headline=_("Renewed"),
        valid_label=_("Calls, SMS and data work until"),
        valid_until=day(facts["dates_after"].get("full_service_until"), language),
        sections=[_line(facts), _money(facts, language), _payment(facts, language), _activation(facts, language)],
        moves_titles=(_("Date"), _("Before"), _("Now")),
        moves=_moves(facts, language),
        notes=_notes(facts),
        proof_words=_(
            "Scan to check that this renewal is real. The page shows the line's label, its last four digits and a "
            "date, nothing else."
        ),
        proof_url=facts["proof_url"],
        document=[
            Row(_("Receipt number"), receipt.full_number, strong=True),
            Row(_("Issued on"), issued),
            Row(_("Issued by"), facts["issuer"]),
        ],
    )


def _line(facts: Facts) -> Section:
    rows = [
        Row(_("Name of the line"), facts["label"]),
        Row(_("Number"), shown_phone(facts["msisdn"], own=facts["own"])),
        Row(_("Operator"), facts["operator_name"]),
    ]
    return Section("line", _("What was renewed"), filled(rows))


def _product(facts: Facts, price: str) -> str:
    """A top-up is named by its amount, as the reader writes amounts; a plan by its own name."""
    topup, plan = _("Top-up"), _("Plan")
    return f"{topup} · {price}" if facts["kind"] == "topup" else f"{plan} · {facts['offering']}"


def _money(facts: Facts, language: str) -> Section:
    def amount(minor: int) -> str:
        return Money(minor, facts["currency"]).format(language)

    rows = [
        Row(_("Product"), _product(facts, amount(facts["price_minor"]))),
        Row(_("Price"), amount(facts["price_minor"])),
    ]
    if facts["discount_minor"]:
        label = (
            _("Discount: %(promotion)s") % {"promotion": facts["promotion"]} if facts["promotion"] else _("Discount")
        )
        rows.append(Row(label, amount(-facts["discount_minor"])))
    return Section("amount", _("Amount"), [*rows, Row(_("Total paid"), amount(facts["total_minor"]), strong=True)])


def _payment(facts: Facts, language: str) -> Section:
    rows = [
        Row(_("Paid with"), method(facts["payment_method"])),
        Row(_("Paid on"), moment(facts["paid_at"], language)),
        Row(_("Charged by the operator"), _charged(facts, language)),
        Row(_("Payment reference"), facts["payment_reference"]),
        Row(_("Order code"), facts["order"]),
    ]
    return Section("payment", _("Payment"), filled(rows))


def _charged(facts: Facts, language: str) -> str:
    """What the owner's own account at the operator paid; empty where another way paid, or nobody told it."""
    if "charged_minor" not in facts:
        return ""
    return Money(facts["charged_minor"], facts["charged_currency"]).format(language)


def method(name: str) -> str:
    """A way to pay as it is called in the language at hand."""
    words = {
        **{"stripe": _("Card"), "cash": _("Cash at the counter"), "paypal": "PayPal"},
        **{"wallet": _("Prepaid balance"), "account": _("Owner's account at the operator")},
        "transfer": _("Bank transfer"),
    }
    return words.get(name, name)


def _activation(facts: Facts, language: str) -> Section:
    rows = [
        Row(_("Active since"), moment(facts["active_at"], language)),
        Row(_("Operator's reference"), facts["operator_reference"]),
        Row(_("Our reference"), facts["activation_reference"]),
    ]
    return Section("activation", _("Activation"), filled(rows))


def filled(rows: list[Row]) -> list[Row]:
    """Those that say something."""
    return [row for row in rows if row.value]


def _moves(facts: Facts, language: str) -> list[Move]:
    labels = dict(
        zip(
            DATES,
            (_("Calls, SMS and data work until"), _("Still receives until"), _("Number is kept until")),
            strict=True,
        )
    )
    before, after = facts["dates_before"], facts["dates_after"]
    return [
        Move(label, day(before.get(name), language), day(after.get(name), language))
        for name, label in labels.items()
        if before.get(name) or after.get(name)
    ]


def _notes(facts: Facts) -> list[str]:
    notes = []
    if facts["tax"] == "single_stage":
        notes.append(
            _(
                "No VAT is shown: VAT on telephone top-ups is paid once, by the operator, and is contained in the "
                "price (art. 74, par. 1, letter d, Presidential Decree 633/1972)."
            )
        )
    notes.append(_("This receipt proves a payment and a renewal; it is not an invoice."))
    return notes


def day(iso: str | None, language: str) -> str:
    """An ISO day as the language writes it out, always with its year; a word for one that is not known."""
    if not iso:
        return _("not known")
    return str(format_date(date.fromisoformat(iso), "long", locale=LOCALES[language]))


def moment(iso: str | None, language: str) -> str:
    """An ISO instant as day and time in Rome; empty where there is none."""
    if not iso:
        return ""
    local = datetime.fromisoformat(iso).astimezone(ROME)
    return f"{format_date(local.date(), 'long', locale=LOCALES[language])} {local:%H:%M}"
