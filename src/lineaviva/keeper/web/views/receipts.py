"""Receipts: the list, one as a page and as a PDF, sending it again, and the public proof."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.orders.queries import orders_for
from lineaviva.keeper.payments.models import AttemptState
from lineaviva.keeper.receipts import archive, errors, paid, pdf, queries
from lineaviva.keeper.receipts.actions import receipt_resend
from lineaviva.keeper.receipts.links import qr_svg
from lineaviva.keeper.receipts.models import CreditNote, Receipt
from lineaviva.keeper.web import grants, locales, paid_page, words
from lineaviva.keeper.web.doors import not_too_often, reader
from lineaviva.kernel import clock
from lineaviva.kernel.errors import LineavivaError

_UNPAID_SHOWN = 20


@login_required
@require_safe
def receipts(request: HttpRequest) -> HttpResponse:
    """Everything ever paid for the orders that the reader placed and the lines they hold or pay for, and its sums."""
    user = reader(request)
    wanted = paid_page.wanted(request.GET)
    found = paid.search(user, wanted)
    pages = Paginator(found, paid_page.ON_A_PAGE)
    shown = pages.get_page(request.GET.get("page"))
    with_receipt = _receipts_of(found).count() if pages.count else 0
    facts = {
        "rows": paid_page.rows(list(shown.object_list)),
        "shown": shown,
        "count": pages.count,
        "totals": paid.totals(found) if pages.count else [],
        "wanted": wanted,
        "asked": paid_page.asked(wanted),
        "lines": paid_page.lines_paid(user),
        "years": paid.years(user),
        "with_receipt": with_receipt,
        "zip_most": archive.MOST,
        "unpaid": [] if wanted or shown.number > 1 else _unpaid(user),
    }
    return render(request, "web/receipts.html", facts)


def _receipts_of(found: QuerySet[ProductOrder]) -> QuerySet[Receipt]:
    return queries.receipts().filter(order__in=found.order_by().values("pk"))


def _unpaid(user: User) -> list[ProductOrder]:
    """Orders for which no money ever came, newest first."""
    mine = orders_for(user).filter(placed_by=user).exclude(attempts__state=AttemptState.SUCCEEDED)
    return list(mine[:_UNPAID_SHOWN])


@not_too_often("receipts-zip", per_minute=2, burst=3)
@login_required
@require_safe
def receipts_zip(request: HttpRequest) -> StreamingHttpResponse:
    """The receipts of all that was found, with their credit notes, as one ZIP.

    Refused where there are none, or too many for one file.
    """
    user = reader(request)
    found = list(_receipts_of(paid.search(user, paid_page.wanted(request.GET)))[: archive.MOST + 1])
    if not found:
        raise errors.unknown()
    if len(found) > archive.MOST:
        raise errors.too_many_at_once()
    notes = queries.credit_notes().filter(receipt__in=[one.pk for one in found])
    files = [(one, one.order.line.holder_id == user.pk) for one in found]
    pieces = archive.archive([*files, *((note, note.receipt.order.line.holder_id == user.pk) for note in notes)])
    response = StreamingHttpResponse(pieces, content_type="application/zip")
    response.headers["Content-Disposition"] = 'attachment; filename="lineaviva.zip"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


@grants.needed
@require_safe
def receipt(request: HttpRequest, code: str) -> HttpResponse:
    found, own = _receipt(request, code)
    facts = {
        "receipt": found,
        "receipt_lang": locales.HTML_LANG.get(found.language, found.language),
        "view": queries.receipt_view(found, own=own),
        # Drawn by our own program from our own address; nothing of it was typed in by anybody.
        "qr": mark_safe(qr_svg(found.facts["proof_url"])),  # noqa: S308
    }
    return render(request, "web/receipt.html", facts)


@grants.needed
@require_safe
def receipt_pdf(request: HttpRequest, code: str) -> HttpResponse:
    return _pdf(*_receipt(request, code))


def _pdf(found: Receipt | CreditNote, own: bool) -> HttpResponse:
    response = HttpResponse(pdf.render(found, own=own), content_type="application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="{found.full_number}.pdf"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


@grants.needed
@require_safe
def credit_note_pdf(request: HttpRequest, code: str, number: str) -> HttpResponse:
    """The credit note of this order with this number. NotFound for one of another order."""
    found, own = _receipt(request, code)
    note = queries.credit_note_by_number(number)
    if note.receipt_id != found.pk:
        raise errors.unknown()
    return _pdf(note, own)


@grants.needed
@require_POST
def receipt_send(request: HttpRequest, code: str) -> HttpResponse:
    found, _own = _receipt(request, code)
    try:
        mail = receipt_resend(receipt=found, now=clock.now())
        messages.success(request, _("It is on its way to %(email)s.") % {"email": mail.to})
    except LineavivaError as error:
        messages.error(request, words.sentence(error))
    return redirect("receipt", found.order.code)


def _receipt(request: HttpRequest, code: str) -> tuple[Receipt, bool]:
    """For whoever may see the order: signed in, or let in by a reminder's link to this very order.

    And whether the reader holds the line and is signed in: only then the whole phone number is shown.
    """
    payer, order = grants.payer_and_order(request, code, clock.now())
    own = order.line.holder_id == payer.user.pk and not payer.granted
    return queries.receipt_for(user=payer.user, code=order.code), own


@not_too_often("proof", per_minute=30, burst=30)
@require_safe
def proof(request: HttpRequest, token: str) -> HttpResponse:
    """Public: label, last four digits and date, and nothing else."""
    return render(request, "web/proof.html", {"proof": queries.proof(token)})
