"""Django's settings, read from the environment (docs/settings.md lists them).

One package, several programs: LINEAVIVA_PROGRAM says which rows and pages this process has. `all` is for tests and
for making migrations; keeper and carrier never share a database table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from lineaviva.config import delivery, env, esim, paying, wiring
from lineaviva.kernel.keyfile import key_kept

PROGRAM = env.text("LINEAVIVA_PROGRAM", "keeper", "What this process is: keeper, carrier or provider (the sandbox's).")
HOME = Path(
    env.text("LINEAVIVA_HOME", "var", "Folder of the SQLite database, the secret key and other state.")
).resolve()
DEBUG = False
PACKAGE = Path(__file__).resolve().parent.parent


SECRET_KEY = env.secret(
    "LINEAVIVA_SECRET_KEY", "", "Signs sessions and links; made at the first start when not given."
) or key_kept(HOME / "secret.key")

PUBLIC_URL = env.text(
    "LINEAVIVA_PUBLIC_URL", "http://127.0.0.1:8000", "Address under which people reach the pages."
).rstrip("/")
ALLOWED_HOSTS = env.words("LINEAVIVA_HOSTS", "127.0.0.1,localhost", "Host names that requests may carry, by comma.")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
_SECURE = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _SECURE
SECURE_HSTS_SECONDS = 31_536_000 if _SECURE else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _SECURE else None
ALLAUTH_TRUSTED_PROXY_COUNT = env.number(
    "LINEAVIVA_PROXIES", 0, "How many proxies of yours each request passes; so far X-Forwarded-For is believed."
)
SESSION_COOKIE_NAME = f"lineaviva_{PROGRAM}"
CSRF_COOKIE_NAME = f"lineaviva_{PROGRAM}_csrf"
LANGUAGE_COOKIE_NAME = "lineaviva_language"
X_FRAME_OPTIONS = "DENY"


# --- programs ---------------------------------------------------------------------------------------------------

_DJANGO = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
_KEEPER = [
    "lineaviva.keeper.accounts",
    "lineaviva.keeper.lines",
    "lineaviva.keeper.reminders",
    "lineaviva.keeper.catalogue",
    "lineaviva.keeper.orders",
    "lineaviva.keeper.books",
    "lineaviva.keeper.payments",
    "lineaviva.keeper.wallets",
    "lineaviva.keeper.activation",
    "lineaviva.keeper.delivery",
    "lineaviva.keeper.receipts",
    "lineaviva.keeper.renewals",
    "lineaviva.keeper.till",
    "lineaviva.keeper.web",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
]
_CARRIER = [
    "lineaviva.carrier.subscriptions",
    "lineaviva.carrier.ledger",
    "lineaviva.carrier.catalogue",
    "lineaviva.carrier.nightly",
    "lineaviva.carrier.orders",
    "lineaviva.carrier.access",
    "lineaviva.carrier.hub",
    "lineaviva.carrier.smdp",
    "lineaviva.carrier.tmf",
    "lineaviva.sandbox.carriers",
]
_PROVIDER = [
    "lineaviva.sandbox.provider",
    "lineaviva.sandbox.paypal",
    "lineaviva.sandbox.mail",
    "lineaviva.sandbox.phone",
]
_APPS = {
    "keeper": _DJANGO + _KEEPER,
    "carrier": ["django.contrib.staticfiles", *_CARRIER],
    "provider": ["django.contrib.staticfiles", *_PROVIDER],
    "all": _DJANGO + _KEEPER + _CARRIER + _PROVIDER,
}
if PROGRAM not in _APPS:
    raise ImproperlyConfigured(f"LINEAVIVA_PROGRAM must be keeper, carrier or provider, not {PROGRAM!r}.")
# The pretend bank has no rows on the agenda, and starts sooner without.
INSTALLED_APPS = [*([] if PROGRAM == "provider" else ["lineaviva.kernel.agenda"]), *_APPS[PROGRAM]]
ROOT_URLCONF = {
    "keeper": "lineaviva.config.urls",
    "carrier": "lineaviva.carrier.urls",
    "provider": "lineaviva.sandbox.provider.urls",
    "all": "lineaviva.config.urls",
}[PROGRAM]
WSGI_APPLICATION = "lineaviva.config.wsgi.application"
_HAS_PAGES = PROGRAM in {"keeper", "all"}
if _HAS_PAGES:
    CSRF_FAILURE_VIEW = "lineaviva.keeper.web.views.errors.csrf_failure"

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    *(["django.contrib.sessions.middleware.SessionMiddleware"] if _HAS_PAGES else []),
    *(
        [
            "lineaviva.keeper.web.middleware.HolderLanguageMiddleware",
            "lineaviva.keeper.web.middleware.PageMiddleware",
        ]
        if _HAS_PAGES
        else []
    ),
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    *(
        [
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "allauth.account.middleware.AccountMiddleware",
            "django_htmx.middleware.HtmxMiddleware",
        ]
        if _HAS_PAGES
        else []
    ),
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
if PROGRAM == "carrier":
    # A carrier has no pages: its door speaks TM Forum's APIs only. In the sandbox it also misbehaves as it is told to.
    MIDDLEWARE = [
        "django.middleware.security.SecurityMiddleware",
        "lineaviva.carrier.tmf.middleware.TmfErrorsMiddleware",
        "lineaviva.sandbox.carriers.middleware.FaultsMiddleware",
    ]
if PROGRAM == "provider":
    MIDDLEWARE.insert(0, "lineaviva.sandbox.provider.faults.FaultMiddleware")

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                *(
                    [
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                        "lineaviva.keeper.web.context.page",
                    ]
                    if _HAS_PAGES
                    else []
                ),
            ]
        },
    }
]

# --- database ---------------------------------------------------------------------------------------------------

_URL = env.secret(
    "LINEAVIVA_DATABASE_URL",
    "",
    "postgresql://user:password@host/name; empty means SQLite in LINEAVIVA_HOME.",
)


def database(url: str, sqlite_file: Path) -> dict[str, Any]:
    """One entry of DATABASES for `url`, or for the SQLite file when `url` is empty."""
    found: dict[str, Any] = dict(dj_database_url.parse(url or f"sqlite:///{sqlite_file}"))
    if found["ENGINE"].endswith("sqlite3"):
        # IMMEDIATE: a transaction that reads and then writes must not fail half-way because another one wrote first.
        found["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-65536;"
            ),
        }
    else:
        found["CONN_HEALTH_CHECKS"] = True
        # A host that is gone is noticed by the system, within a minute, also in the middle of a statement. What the URL
        # says counts first. Names of their own, so that whoever looks at the server sees who holds what.
        found["OPTIONS"] = {
            **{"connect_timeout": 5, "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3},
            **{"tcp_user_timeout": 30_000, "application_name": f"lineaviva {PROGRAM}"},
            **found.get("OPTIONS", {}),
        }
        # PgBouncer in transaction mode gives each transaction another connection: nothing may outlive one.
        found["DISABLE_SERVER_SIDE_CURSORS"] = True
    # To open one, also of SQLite, takes about as long as all that a page asks of it.
    found["CONN_MAX_AGE"] = 60
    return found


HOME.mkdir(parents=True, exist_ok=True)
DATABASES: dict[str, dict[str, Any]] = {
    "default": database(_URL, HOME / f"{'lineaviva' if _HAS_PAGES else PROGRAM}.sqlite3")
}
_DIRECT_URL = env.secret(
    "LINEAVIVA_DATABASE_DIRECT_URL",
    "",
    "The same database without the pooler that LINEAVIVA_DATABASE_URL names: to hear of commits, and to migrate.",
)
DATABASE_DIRECT: dict[str, Any] | None = database(_DIRECT_URL, HOME) if _DIRECT_URL else None
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- language and time ------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [
    ("zh-hans", _("Simplified Chinese")),
    ("zh-hant", _("Traditional Chinese")),
    ("it", _("Italian")),
    ("en", _("English")),
]
USE_I18N = USE_TZ = True
TIME_ZONE = "Europe/Rome"

# --- people -----------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_ADAPTER = "lineaviva.keeper.accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _SECURE
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 60
# Rate limits must hold over all processes, so they live in the database.
CACHES = (
    {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}
    if _HAS_PAGES
    else {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
)

# --- the outside ------------------------------------------------------------------------------------------------

EMAIL_HOST = env.text("LINEAVIVA_SMTP_HOST", "127.0.0.1", "SMTP server.")
EMAIL_PORT = env.number("LINEAVIVA_SMTP_PORT", 25, "Its port.")
EMAIL_HOST_USER = env.text("LINEAVIVA_SMTP_USER", "", "User at the SMTP server, where it asks for one.")
EMAIL_HOST_PASSWORD = env.secret("LINEAVIVA_SMTP_PASSWORD", "", "Password at the SMTP server.")
EMAIL_USE_TLS = env.yes("LINEAVIVA_SMTP_STARTTLS", False, "STARTTLS on the SMTP connection.")
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("LINEAVIVA_MAIL_FROM", "Lineaviva <lineaviva@localhost>", "Sender of all e-mail.")

PAYMENT_PROVIDERS = wiring.PAYMENT_PROVIDERS
SAVING_PROVIDERS = wiring.SAVING_PROVIDERS
GATEWAYS = wiring.GATEWAYS
PROFILE_GATEWAYS = wiring.PROFILE_GATEWAYS
CATALOGUE_READERS = wiring.CATALOGUE_READERS
CHANNELS = wiring.CHANNELS

STRIPE_API_KEY, STRIPE_WEBHOOK_SECRET = paying.STRIPE_API_KEY, paying.STRIPE_WEBHOOK_SECRET
STRIPE_API_BASE, STRIPE_METHODS = paying.STRIPE_API_BASE, paying.STRIPE_METHODS
PAYMENT_LIMITS = paying.PAYMENT_LIMITS
PAYPAL_CLIENT_ID, PAYPAL_SECRET = paying.PAYPAL_CLIENT_ID, paying.PAYPAL_SECRET
PAYPAL_WEBHOOK_ID, PAYPAL_API_BASE = paying.PAYPAL_WEBHOOK_ID, paying.PAYPAL_API_BASE

OWNER_PAYS, OWNER_PAYS_FOR = paying.OWNER_PAYS, paying.OWNER_PAYS_FOR
VOUCHER_KEY = paying.VOUCHER_KEY or f"vouchers {SECRET_KEY}"

TMF_URLS = dict(
    pair.split("=", 1)
    for pair in env.words("LINEAVIVA_TMF_URLS", "", "Carrier sides, as tim=http://host:port,vodafone=...")
    if "=" in pair
)
TMF_CLIENTS = {
    operator: (client_id, secret)
    for pair in env.secret(
        "LINEAVIVA_TMF_CLIENTS",
        "",
        "Our OAuth client at each carrier side, as tim=client-id:secret,vodafone=...",
    ).split(",")
    for operator, _eq, client in [pair.strip().partition("=")]
    for client_id, _colon, secret in [client.partition(":")]
    if secret
}
SANDBOX = env.yes(
    "LINEAVIVA_SANDBOX", False, "This process belongs to the pretend outside world (carrier and provider only)."
)
SANDBOX_WEBHOOK_URL = env.text(
    "LINEAVIVA_SANDBOX_WEBHOOK_URL", "", "Where the sandbox's provider sends its webhooks (provider only)."
)
SANDBOX_WEBHOOK_SECRET = env.secret(
    "LINEAVIVA_SANDBOX_WEBHOOK_SECRET", "", "With which the sandbox's provider signs its webhooks (provider only)."
)
SANDBOX_MAIL = (
    env.text("LINEAVIVA_SANDBOX_MAIL", "", "Where the sandbox keeps mails, if not under its home (provider only).")
    or f"{HOME}/sandbox/mail"
)
SANDBOX_PHONE = (
    env.text("LINEAVIVA_SANDBOX_PHONE", "", "Where the sandbox's phone is, if not under its home (provider only).")
    or f"{HOME}/sandbox/phone"
)
SANDBOX_PHONE_CERTS = env.text(
    "LINEAVIVA_SANDBOX_PHONE_CERTS", "", "Folder of the test CI that the sandbox's phone trusts (provider only)."
)
CARRIER_OPERATOR = env.text(
    "LINEAVIVA_CARRIER_OPERATOR",
    "",
    "The one operator that this process serves; empty: all that have a client (carrier only).",
)
SANDBOX_CLIENT = env.secret(
    "LINEAVIVA_SANDBOX_CLIENT",
    "",
    "client-id:secret of the client that a pretend carrier knows from its start (carrier only).",
)
CARRIER_SCREENING = wiring.CARRIER_SCREENING["sandbox" if SANDBOX else "strict"]
NIGHT_LEASE_SECONDS = env.number(
    "LINEAVIVA_NIGHT_LEASE_SECONDS", 30, "A nightly worker that is silent for so long loses its part of the lines."
)
if NIGHT_LEASE_SECONDS < 1:
    raise ImproperlyConfigured("LINEAVIVA_NIGHT_LEASE_SECONDS must be at least 1.")
NIGHT_PATIENCE_SECONDS = env.number(
    "LINEAVIVA_NIGHT_PATIENCE_SECONDS", 300, "So long the nightly run waits for a database that is away."
)

SMDP_CERTS, SMDP_KEY, SMDP_ADDRESSES = esim.CERTS, esim.KEY, esim.ADDRESSES
SMDP_ADDRESS = SMDP_ADDRESSES[0] if SMDP_ADDRESSES else ""
SMDP_SESSION_SECONDS = esim.SESSION_SECONDS
SMDP_DOWNLOAD_ATTEMPTS, SMDP_CONFIRMATION_ATTEMPTS = esim.DOWNLOAD_ATTEMPTS, esim.CONFIRMATION_ATTEMPTS
SMDP_ORDER_DAYS, SMDP_KEPT_DAYS = esim.ORDER_DAYS, esim.KEPT_DAYS
SMDP_CLIENTS = esim.CLIENTS or str(HOME / "smdp" / "clients")
SMDP_OPERATOR_URLS, SMDP_OPERATOR_CERT, SMDP_OPERATOR_CA = esim.OPERATOR_URLS, esim.OPERATOR_CERT, esim.OPERATOR_CA

ES2_URLS, ES2_CERTS, ES2_CA = delivery.ES2_URLS, delivery.ES2_CERTS, delivery.ES2_CA
ES2_PROFILE_TYPES, ES2_TOKENS = delivery.ES2_PROFILE_TYPES, delivery.ES2_TOKENS
ES2_REQUESTERS, ES2_ADDRESSES = delivery.ES2_REQUESTERS, delivery.ES2_ADDRESSES
ESIM_WAIT_HOURS, INSTALL_LINK = delivery.ESIM_WAIT_HOURS, delivery.INSTALL_LINK
ESIMGO_URL, ESIMGO_KEY, ESIMGO_BUNDLES = delivery.ESIMGO_URL, delivery.ESIMGO_KEY, delivery.ESIMGO_BUNDLES

METRICS_TOKEN = env.secret(
    "LINEAVIVA_METRICS_TOKEN", "", "Whoever asks for /metrics must bear it; empty: there is no such page."
)

RECEIPT_ISSUER = env.text("LINEAVIVA_RECEIPT_ISSUER", "LV", "Issuer's letters, in front of every receipt number.")
RECEIPT_ISSUER_NAME = env.text("LINEAVIVA_RECEIPT_ISSUER_NAME", "Lineaviva", "Issuer's name and address on receipts.")

# --- files ------------------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

LOGGING_CONFIG = None  # config/logging.py sets it up, once for each process
LOG_LEVEL = env.text("LINEAVIVA_LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR.")
