"""The settings of payment providers, read from the environment; settings.py has them as they are."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

from lineaviva.config import env

OWNER_PAYS = env.yes(
    "LINEAVIVA_OWNER_PAYS",
    False,
    "The owner has an account of their own at operators or an aggregator, which is charged for what they order.",
)
OWNER_PAYS_FOR = [
    email.lower()
    for email in env.words(
        "LINEAVIVA_OWNER_PAYS_FOR", "", "E-mails, by comma, of others than operations whom that account pays for."
    )
]
VOUCHER_KEY = env.secret(
    "LINEAVIVA_VOUCHER_KEY",
    "",
    "Key under which PINs of vouchers are kept; empty: made of the key that signs links. A new key knows none of them.",
)

STRIPE_API_KEY = env.secret("LINEAVIVA_STRIPE_API_KEY", "", "Stripe's secret key; empty switches card payment off.")
STRIPE_WEBHOOK_SECRET = env.secret("LINEAVIVA_STRIPE_WEBHOOK_SECRET", "", "Signing secret of the Stripe webhook.")
STRIPE_API_BASE = env.text(
    "LINEAVIVA_STRIPE_API_BASE", "https://api.stripe.com", "Stripe's address; the sandbox sets its own."
)
STRIPE_METHODS = env.text(
    "LINEAVIVA_STRIPE_METHODS",
    "card",
    "Ways to pay on Stripe's page: card, or auto for all that the account's dashboard switches on.",
)
if STRIPE_METHODS not in {"card", "auto"}:
    raise ImproperlyConfigured(f"LINEAVIVA_STRIPE_METHODS is card or auto, not {STRIPE_METHODS!r}.")

PAYMENT_LIMITS = env.text(
    "LINEAVIVA_PAYMENT_LIMITS", "", "A TOML file of your own in place of keeper/payments/velocity.toml."
)

PAYPAL_CLIENT_ID = env.text(
    "LINEAVIVA_PAYPAL_CLIENT_ID", "", "Client id of the app at PayPal; empty switches PayPal off."
)
PAYPAL_SECRET = env.secret("LINEAVIVA_PAYPAL_SECRET", "", "The app's secret at PayPal.")
PAYPAL_WEBHOOK_ID = env.text(
    "LINEAVIVA_PAYPAL_WEBHOOK_ID", "", "Id that PayPal gave the webhook; without it payments are noticed by asking."
)
PAYPAL_API_BASE = env.text(
    "LINEAVIVA_PAYPAL_API_BASE",
    "https://api-m.paypal.com",
    "PayPal's address; https://api-m.sandbox.paypal.com for its test accounts.",
).rstrip("/")
