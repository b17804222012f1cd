"""What a person has paid beforehand: the balance, what moved it, and a voucher to add to it."""

from __future__ import annotations

import math

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from lineaviva.keeper.wallets.errors import TooManyGuesses
from lineaviva.keeper.wallets.queries import balance_of, movements_of
from lineaviva.keeper.wallets.vouchers import voucher_redeem
from lineaviva.keeper.web import address, locales
from lineaviva.keeper.web.doors import reader, safe_path
from lineaviva.keeper.web.forms import VoucherForm
from lineaviva.kernel import clock
from lineaviva.kernel.errors import LineavivaError

_SHOWN = 200


@login_required
@address.needed
@require_http_methods(["GET", "HEAD", "POST"])
def wallet(request: HttpRequest) -> HttpResponse:
    """POST redeems a voucher and goes to `next`: who is paying comes back to where they were."""
    user = reader(request)
    back = safe_path(request, request.POST.get("next") or request.GET.get("next"), default="")
    form = VoucherForm(request.POST if request.method == "POST" else None)
    wait = 0
    if request.method == "POST" and form.is_valid():
        try:
            comes_from = get_adapter(request).get_client_ip(request)
            found = voucher_redeem(pin=form.cleaned_data["pin"], user=user, address=comes_from, now=clock.now())
        except LineavivaError as error:
            wait = math.ceil(error.wait.total_seconds()) if isinstance(error, TooManyGuesses) else 0
            form.refuse(error)
        else:
            amounts = {
                "amount": locales.money(found.amount_minor, found.currency),
                "balance": locales.money(balance_of(user).minor),
            }
            messages.success(request, _("The voucher's %(amount)s are in your balance: %(balance)s.") % amounts)
            return redirect(back or "wallet")
    facts = {"form": form, "back": back, "balance": balance_of(user), "movements": movements_of(user)[:_SHOWN]}
    status = 429 if wait else 400 if form.errors else 200
    response = render(request, "web/wallet.html", facts, status=status)
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response
