"""Signing in and out, language, and settings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from allauth.account.internal.flows.email_verification import verify_email_indirectly
from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.manage_email import sync_user_email_address
from allauth.account.utils import perform_login
from allauth.account.views import RequestLoginCodeView
from allauth.mfa.totp.views import ActivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView
from django.conf import settings as django_settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_http_methods, require_POST

from lineaviva.keeper.accounts.actions import language_set, one_time_link_use
from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.payments.returning import is_from_saving
from lineaviva.keeper.payments.saving import methods_look
from lineaviva.keeper.wallets.queries import balance_of
from lineaviva.keeper.web import auto_page, doors, grants
from lineaviva.keeper.web.actions import name_set
from lineaviva.keeper.web.doors import not_too_often, reader
from lineaviva.keeper.web.forms import SettingsForm, SignInForm
from lineaviva.kernel import clock
from lineaviva.kernel.errors import LineavivaError

_COOKIE_LIFE = timedelta(days=365)


class SignIn(RequestLoginCodeView):  # type: ignore[misc]  # allauth ships no type marker
    """Asks for the address that a code is sent to; the same form signs a new person up."""

    form_class = SignInForm


sign_in = SignIn.as_view()


class JustProved:
    """Who has just set up a factor has just used it: the recovery codes that follow are shown without asking again."""

    request: HttpRequest

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)  # type: ignore[misc]  # allauth's view stands behind
        record_authentication(self.request, self.request.user, method="mfa", reauthenticated=True)
        return response


class AddAuthenticatorApp(JustProved, ActivateTOTPView):  # type: ignore[misc]  # allauth ships no type marker
    pass


class AddPasskey(JustProved, AddWebAuthnView):  # type: ignore[misc]  # allauth ships no type marker
    pass


add_authenticator_app = AddAuthenticatorApp.as_view()
add_passkey = AddPasskey.as_view()


@not_too_often("sign-in-link", per_minute=10, burst=10)
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_link(request: HttpRequest, token: str) -> HttpResponse:
    """GET only shows a button: mail scanners follow links, and must not use this one up."""
    if request.method != "POST":
        return render(request, "web/sign_in_link.html")
    user = one_time_link_use(token=token, now=clock.now())
    if request.user.is_authenticated and request.user.pk != user.pk:
        request.session.flush()
    grants.drop_all(request)
    # allauth's way in, so that a second step is still asked for where the account has one. The link came by e-mail or
    # from the owner, so the address needs no second proof; without it no passkey could be added.
    sync_user_email_address(user)
    verify_email_indirectly(request, user, user.email)
    response: HttpResponse = perform_login(request, user, email_verification="none", redirect_url="/")
    return response


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Kept with the account of a signed-in reader, and in a cookie for everybody."""
    wanted = request.POST.get("language", "")
    response = redirect(doors.safe_path(request, request.POST.get("next")))
    if isinstance(request.user, User):
        language_set(user=request.user, language=wanted)
    elif wanted not in dict(django_settings.LANGUAGES):
        return response
    return _with_cookie(response, wanted)


def _with_cookie(response: HttpResponse, wanted: str) -> HttpResponse:
    response.set_cookie(
        django_settings.LANGUAGE_COOKIE_NAME,
        wanted,
        max_age=_COOKIE_LIFE,
        samesite="Lax",
        httponly=True,
        secure=django_settings.SESSION_COOKIE_SECURE,
    )
    return response


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest) -> HttpResponse:
    user = reader(request)
    form = SettingsForm(
        request.POST if request.method == "POST" else None, initial={"name": user.name, "language": user.language}
    )
    if request.method == "POST" and form.is_valid():
        try:
            name_set(user=user, name=form.cleaned_data["name"])
            language_set(user=user, language=form.cleaned_data["language"])
        except LineavivaError as error:
            form.refuse(error)
        else:
            with override(user.language):
                messages.success(request, _("Saved."))
            return _with_cookie(redirect("settings"), user.language)
    said = request.GET
    if is_from_saving(holder_id=user.pk, card=said.get("card", ""), sign=said.get("sign", "")):
        methods_look(holder=user, now=clock.now())
    facts = {"form": form, "saved": auto_page.saved_of(user), "balance": balance_of(user)}
    return render(request, "web/settings.html", facts, status=400 if form.errors else 200)
