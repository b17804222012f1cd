"""Receipts: the list, one as a page and as a PDF, sending it again, and the public proof."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from lineaviva.keeper.orders.queries import orders_for
from lineaviva.keeper.receipts import pdf, queries
from lineaviva.keeper.receipts.actions import receipt_resend
from lineaviva.keeper.receipts.links import qr_svg
from lineaviva.keeper.receipts.models import Receipt
from lineaviva.keeper.web import grants, locales, words
from lineaviva.keeper.web.doors import not_too_often, reader
from lineaviva.kernel import clock
from lineaviva.kernel.errors import LineavivaError

MOST = 100


@login_required
@require_safe
def receipts(request: HttpRequest) -> HttpResponse:
    """Of the orders the reader placed and of the lines they hold or pay for; staff, who may see all, get their own."""
    user = reader(request)
    own = Q(order__placed_by=user) | Q(order__line__holder=user)
    shared = Q(order__line__shares__user=user, order__line__shares__right="pay")
    found = queries.receipts_for(user).filter(own | shared).distinct()[:MOST]
    open_orders = orders_for(user).filter(placed_by=user, receipt=None)[:20]
    return render(request, "web/receipts.html", {"receipts": found, "orders": open_orders})


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
    found, own = _receipt(request, code)
    response = HttpResponse(pdf.render(found, own=own), content_type="application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="{found.full_number}.pdf"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


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
