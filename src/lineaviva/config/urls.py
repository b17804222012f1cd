"""The keeper's addresses."""

from __future__ import annotations

from allauth.account import views as allauth_account
from django.urls import include, path
from django.views.generic import RedirectView

from lineaviva.keeper.web.views import (
    account,
    auto,
    counter,
    errors,
    es2plus,
    esim,
    home,
    lines,
    orders,
    receipts,
    renew,
    shell,
    till,
    transfer,
    wallet,
    webhooks,
)
from lineaviva.kernel.agenda.exposition import metrics

_TO_SIGN_IN = RedirectView.as_view(pattern_name="account_login")
_TO_SETTINGS = RedirectView.as_view(pattern_name="settings")

# allauth's own list, without its pages about passwords: nobody has one.
_ACCOUNT = [
    path("login/", account.sign_in, name="account_login"),
    path("login/code/", account.sign_in, name="account_request_login_code"),
    path("login/code/confirm/", allauth_account.confirm_login_code, name="account_confirm_login_code"),
    path("logout/", allauth_account.logout, name="account_logout"),
    path("inactive/", allauth_account.account_inactive, name="account_inactive"),
    path("reauthenticate/", allauth_account.reauthenticate, name="account_reauthenticate"),
    path("confirm-email/", allauth_account.email_verification_sent, name="account_email_verification_sent"),
    path("signup/", _TO_SIGN_IN, name="account_signup"),
    path("email/", _TO_SETTINGS, name="account_email"),
    path("password/change/", _TO_SETTINGS, name="account_change_password"),
    path("password/set/", _TO_SETTINGS, name="account_set_password"),
    path("password/reset/", _TO_SIGN_IN, name="account_reset_password"),
    path("2fa/totp/activate/", account.add_authenticator_app, name="mfa_activate_totp"),
    path("2fa/webauthn/add/", account.add_passkey, name="mfa_add_webauthn"),
    path("2fa/", include("allauth.mfa.urls")),
]

_LINE = [
    path("", lines.line_page, name="line"),
    path("edit/", lines.line_edit, name="line_edit"),
    path("topped-up/", lines.line_topped_up, name="line_topped_up"),
    path("share/", lines.line_share, name="line_share"),
    path("unshare/", lines.line_unshare, name="line_unshare"),
    path("remove/", lines.line_remove, name="line_remove"),
    path("restore/", lines.line_restore, name="line_restore"),
    path("renew/", renew.renew, name="renew"),
    path("compare/", renew.compare_page, name="compare"),
    path("auto/", auto.auto, name="auto"),
]

_ORDER = [
    path("", orders.order, name="order"),
    path("pay/", orders.order_pay, name="order_pay"),
    path("cancel/", orders.order_cancel_view, name="order_cancel"),
    path("receipt/", receipts.receipt, name="receipt"),
    path("receipt/send/", receipts.receipt_send, name="receipt_send"),
    path("receipt.pdf", receipts.receipt_pdf, name="receipt_pdf"),
    path("credit-notes/<str:number>.pdf", receipts.credit_note_pdf, name="credit_note_pdf"),
]

_ESIM = [
    path("", esim.esim, name="esim"),
    path("resend/", esim.esim_resend, name="esim_resend"),
    path("replace/", esim.esim_replace, name="esim_replace"),
    path("installed/", esim.esim_installed, name="esim_installed"),
]

urlpatterns = [
    path("", home.home, name="home"),
    path("lines/add/", lines.line_add, name="line_add"),
    path("lines/import/", transfer.line_import, name="line_import"),
    path("lines/export/", transfer.line_export, name="line_export"),
    path("lines/<int:line_id>/", include(_LINE)),
    path("orders/<slug:code>/", include(_ORDER)),
    path("esim/<slug:code>/", include(_ESIM)),
    path("e/<str:token>/", esim.install_link, name="install_link"),
    path("receipts/", receipts.receipts, name="receipts"),
    path("receipts/receipts.zip", receipts.receipts_zip, name="receipts_zip"),
    path("proof/<str:token>/", receipts.proof, name="proof"),
    path("r/<str:token>/", renew.reminder_link, name="reminder_link"),
    path("sign-in/<str:token>/", account.sign_in_link, name="sign_in_link"),
    path("language/", account.language, name="language"),
    path("settings/", account.settings, name="settings"),
    path("settings/wallet/", wallet.wallet, name="wallet"),
    path("settings/cards/add/", auto.card_add, name="card_add"),
    path("settings/cards/<int:method_id>/remove/", auto.card_remove, name="card_remove"),
    path("auto/stop/<str:token>/", auto.stop_by_link, name="auto_stop"),
    path("counter/", counter.counter, name="counter"),
    path("counter/day/", till.day, name="till"),
    path("counter/day/<int:day_id>/", till.day_closed, name="till_day"),
    path("counter/cancellations/", till.cancellations, name="till_cancellations"),
    path("account/", include(_ACCOUNT)),
    path("webhooks/<slug:source>", webhooks.webhook, name="webhook"),
    path(
        "es2plus/<slug:operator>/<str:token>/gsma/rsp2/es2plus/handleDownloadProgressInfo",
        es2plus.progress,
        name="es2plus_progress",
    ),
    path("healthz", shell.healthz, name="healthz"),
    path("metrics", metrics, name="metrics"),
    path("manifest.webmanifest", shell.manifest, name="manifest"),
    path("sw.js", shell.service_worker, name="service_worker"),
    path("offline/", shell.offline, name="offline"),
]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.server_error
