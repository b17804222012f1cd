"""The sentence that a reader sees for a refusal, chosen by its code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from lineaviva.keeper.orders.errors import LimitReached
from lineaviva.keeper.orders.rules import Reached
from lineaviva.keeper.payments.errors import VelocityReached
from lineaviva.keeper.payments.ports import providers
from lineaviva.keeper.payments.velocity import Full
from lineaviva.keeper.till.errors import CountDiffers
from lineaviva.keeper.web import locales
from lineaviva.keeper.web.address import WrongAddress
from lineaviva.kernel.errors import LineavivaError

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# Codes whose English sentence names details (what was typed, a row, a file) that pages do not need.
SENTENCES: Mapping[str, _StrPromise] = {
    "msisdn_invalid": _("This is not an Italian mobile number. Write it as on the SIM's card: 347 123 4567."),
    "msisdn_foreign": _("This is not an Italian number. It begins with +39, or with 3 without it."),
    "msisdn_fixed_line": _("This is a fixed line or a service number. Only mobile numbers are kept here."),
    "iccid_invalid": _("This is not an ICCID: it has 18 to 20 digits and stands on the SIM card, beginning with 89."),
    "eid_invalid": _("This is not an EID: it has 32 digits; a phone shows it after dialling *#06#."),
    "email_invalid": _("This is not an e-mail address."),
    "language_unknown": _("This is not one of our languages."),
    "operator_unknown": _("We do not know this operator."),
    "line_unknown": _("There is no such line here."),
    "line_exists": _("This number is on the list already."),
    "line_twice": _("This number stands in the file twice."),
    "not_holder": _("Only its holder may change a line."),
    "share_with_self": _("The holder has every right already."),
    "share_unknown": _("The line is not shared with this address."),
    "right_unknown": _("Choose what the other person may do."),
    "eid_on_sim": _("Only an eSIM has an EID. Choose eSIM above, or leave it empty."),
    "sim_type_unknown": _("It is a SIM card (physical) or an eSIM (esim)."),
    "yes_no_invalid": _("Write yes or no."),
    "date_invalid": _("This is not a day. Write it as 2026-03-31 or 31/03/2026."),
    "date_in_future": _("This day lies too far ahead."),
    "date_too_early": _("This day lies too far back."),
    "text_invalid": _("This text holds characters that cannot be shown."),
    "text_too_long": _("This text is too long."),
    "number_mangled": _(
        "A spreadsheet cut this number short. Set its column to text there and write the number again."
    ),
    "holder_missing": _("This line names no holder."),
    "holder_not_you": _("You can only bring lines of your own."),
    "import_raced": _("Lines were added meanwhile. Nothing was imported; try again."),
    "file_empty": _("The file is empty."),
    "file_not_utf8": _("The file cannot be read. Save it as CSV UTF-8."),
    "file_broken": _("The quotation marks in the file do not match."),
    "columns_unknown": _("The first row has columns that we do not know. The known ones stand below."),
    "columns_missing": _("The first row lacks the column msisdn or operator."),
    "columns_twice": _("The first row has a column twice."),
    "cells_surplus": _("This row has more cells than the first one."),
    "need_invalid": _("Write whole numbers only."),
    "link_unknown": _("This sign-in link is not one of ours."),
    "link_used": _("This sign-in link was used already; each works once."),
    "link_invalid": _("This link is not one of ours, or it was cut short."),
    "link_expired": _("This link is no longer valid."),
    "account_inactive": _("This account is switched off."),
    "role_needed": _("This page is for staff."),
    "order_unknown": _("There is no order with this code."),
    "receipt_unknown": _("There is no such receipt, or not for you."),
    "provider_unknown": _("There is no such way to pay."),
    "offering_unknown": _("The operator does not sell this any more."),
    "amount_invalid": _("Write the amount like 12.50."),
    "given_too_little": _("That is less than it costs."),
    "given_too_much": _("Nobody hands over that much. Look at what you typed."),
    "pieces_invalid": _("There are no such notes or coins, or not so many."),
    "too_many": _("That was too often. Wait a minute and try again."),
    "too_large": _("This file is too large."),
}
_BY_STATUS: Mapping[int, _StrPromise] = {
    400: _("That did not work with what was sent. Nothing was changed."),
    403: _("You may not do this. Nothing was changed."),
    404: _("There is nothing here, or not for you."),
    409: _("This cannot be done any more: something changed in the meantime. Look again at how it stands."),
    413: SENTENCES["too_large"],
    429: SENTENCES["too_many"],
    500: _("Something went wrong on our side. Try again in a minute; nothing was lost."),
}


def sentence(error: LineavivaError) -> str:
    """One plain sentence in the reader's language: by code, else the error's own where translated, else by status."""
    if isinstance(error, LimitReached):
        return _limit(error.reached)
    if isinstance(error, VelocityReached):
        return _velocity(error.full)
    if isinstance(error, WrongAddress):
        said = gettext("This is not our address, and nothing was charged here. Open our own: %(address)s")
        return said % {"address": settings.PUBLIC_URL}
    if isinstance(error, CountDiffers):
        return _count(error)
    if error.code in SENTENCES:
        return str(SENTENCES[error.code])
    translated = gettext(error.message)
    if translated != error.message or _is_marked(error.message):
        return translated
    return by_status(error.status)


def _limit(reached: Reached) -> str:
    """The limit with its amount, and what can be done."""
    sentences = {
        "first": gettext(
            "As long as nothing has arrived at this number by way of us, at most %(most)s can be ordered for it."
            " Choose a smaller amount first: a mistyped number then costs little."
        ),
        "day": gettext("At most %(most)s within 24 hours can be ordered for one number."),
        "week": gettext("At most %(most)s within 7 days can be ordered for one number."),
    }
    said = sentences[reached.which] % {"most": locales.money(reached.most)}
    if reached.until is None:
        return said
    return f"{said} {gettext('There is room for this amount from %(at)s on.') % {'at': locales.moment(reached.until)}}"


def _count(error: CountDiffers) -> str:
    """What was counted and what has to be there, each as an amount."""
    sums = {"counted": locales.money(error.counted.minor), "expected": locales.money(error.expected.minor)}
    if error.which == "moved":
        return gettext("Money came or went while you counted: now %(expected)s have to be there. Count again.") % sums
    return gettext("You counted %(counted)s, and %(expected)s have to be there. Count again, or say why.") % sums


def _velocity(full: Full) -> str:
    """What is too much, from when on it is not, and what can be done at once."""
    sentences = {
        ("account", "day"): gettext(
            "At most %(most)s within 24 hours can be paid by card or PayPal from one account. Nothing was charged."
        ),
        ("account", "week"): gettext(
            "At most %(most)s within 7 days can be paid by card or PayPal from one account. Nothing was charged."
        ),
        ("card", "day"): gettext("At most %(most)s within 24 hours can be paid with one card. Nothing was charged."),
        ("card", "week"): gettext("At most %(most)s within 7 days can be paid with one card. Nothing was charged."),
        ("account", "begun"): gettext("%(most)s payments were begun within an hour. Wait a little."),
        ("card", "new_numbers"): gettext(
            "One card can pay for at most %(most)s new numbers within 24 hours. Nothing was charged."
        ),
    }
    declined = gettext("%(most)s payments were declined within an hour. Nothing was charged.")
    most = locales.money(full.most) if full.which in {"day", "week"} else full.most
    said = [sentences.get((full.whose, full.which), declined) % {"most": most}]
    if full.until is not None:
        said.append(gettext("You can pay this way again from %(at)s on.") % {"at": locales.moment(full.until)})
    if "cash" in providers():
        said.append(gettext("In a shop you can pay the order at once."))
    return " ".join(said)


def by_status(status: int) -> str:
    return str(_BY_STATUS.get(status, _BY_STATUS[400]))


def _is_marked(message: str) -> bool:
    """English readers get the message itself where the other languages have a translation of it."""
    from django.utils.translation import override

    with override("it"):
        return gettext(message) != message
