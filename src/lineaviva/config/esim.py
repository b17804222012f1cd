"""The settings of the SM-DP+, read from the environment; settings.py has them as SMDP_..."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

from lineaviva.config import env

CERTS = env.text(
    "LINEAVIVA_SMDP_CERTS", "", "Folder of the SM-DP+'s certificates and keys, one for each CI (carrier only)."
)
ADDRESSES = env.words(
    "LINEAVIVA_SMDP_ADDRESS",
    "",
    "The SM-DP+'s address as activation codes name it: host, or host:port; others that it answers to too, by comma "
    "(carrier only).",
)
KEY = env.secret(
    "LINEAVIVA_SMDP_KEY",
    "",
    "Seals eSIM profiles at rest; made at the first start when not given. Who loses it loses them (carrier only).",
)
SESSION_SECONDS = env.number(
    "LINEAVIVA_SMDP_SESSION_SECONDS", 600, "So long a phone may take from authentication to its profile (carrier only)."
)
DOWNLOAD_ATTEMPTS = env.number(
    "LINEAVIVA_SMDP_DOWNLOAD_ATTEMPTS", 10, "Downloads of one profile that may be begun; then it fails (carrier only)."
)
CONFIRMATION_ATTEMPTS = env.number(
    "LINEAVIVA_SMDP_CONFIRMATION_ATTEMPTS", 3, "Wrong confirmation codes after which a profile fails (carrier only)."
)
ORDER_DAYS = env.number(
    "LINEAVIVA_SMDP_ORDER_DAYS", 90, "So long after its order a profile may be downloaded (carrier only)."
)
KEPT_DAYS = env.number(
    "LINEAVIVA_SMDP_KEPT_DAYS", 400, "So long a download is kept, for the phone's word on how it went (carrier only)."
)
for _name, _many in (
    ("ORDER_DAYS", ORDER_DAYS),
    ("KEPT_DAYS", KEPT_DAYS),
    ("SESSION_SECONDS", SESSION_SECONDS),
    ("DOWNLOAD_ATTEMPTS", DOWNLOAD_ATTEMPTS),
    ("CONFIRMATION_ATTEMPTS", CONFIRMATION_ATTEMPTS),
):
    if _many < 1:
        raise ImproperlyConfigured(f"LINEAVIVA_SMDP_{_name} must be at least 1.")
CLIENTS = env.text(
    "LINEAVIVA_SMDP_CLIENTS",
    "",
    "Folder with the certificate of each operator that may order over ES2+, as tim.pem; "
    "else smdp/clients in LINEAVIVA_HOME (carrier only).",
)
OPERATOR_URLS = dict(
    pair.split("=", 1)
    for pair in env.words(
        "LINEAVIVA_SMDP_OPERATOR_URLS",
        "",
        "Where operators hear over ES2+ how a download goes, as tim=https://host:port,vodafone=... (carrier only).",
    )
    if "=" in pair
)
OPERATOR_CERT = env.text(
    "LINEAVIVA_SMDP_OPERATOR_CERT",
    "",
    "PEM file with the certificate and the key that the SM-DP+ shows those operators (carrier only).",
)
OPERATOR_CA = env.text(
    "LINEAVIVA_SMDP_OPERATOR_CA",
    "",
    "PEM file of the CAs of those operators' servers; empty: the system's (carrier only).",
)
