"""The settings of eSIM delivery on the keeper's side, read from the environment; settings.py has them as they are."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

from lineaviva.config import env


def _pairs(text: list[str]) -> dict[str, str]:
    """tim=this,vodafone=that as a dict; what has no value is not there."""
    found = dict(pair.split("=", 1) for pair in text if "=" in pair)
    return {name: value for name, value in found.items() if value}


ES2_URLS = _pairs(
    env.words(
        "LINEAVIVA_ES2_URLS", "", "Where eSIM profiles are ordered over ES2+, as tim=https://host:port,vodafone=..."
    )
)
ES2_CERTS = env.text(
    "LINEAVIVA_ES2_CERTS",
    "",
    "Folder with the certificate and the key that we show each SM-DP+ over ES2+, in one file: tim.pem, vodafone.pem.",
)
ES2_CA = env.text(
    "LINEAVIVA_ES2_CA", "", "PEM file of the CAs of those SM-DP+ servers' ES2+ listeners; empty: the system's."
)
ES2_PROFILE_TYPES = _pairs(
    env.words(
        "LINEAVIVA_ES2_PROFILE_TYPES",
        "",
        "Type of profile to order from each operator, as tim=consumer,vodafone=...; prepaid where none is named.",
    )
)
ES2_REQUESTERS = _pairs(
    env.words(
        "LINEAVIVA_ES2_REQUESTERS",
        "",
        "What each SM-DP+ calls us (functionRequesterIdentifier), as tim=1.3.6.1...; lineaviva where none is named.",
    )
)
ES2_ADDRESSES = _pairs(
    env.words(
        "LINEAVIVA_ES2_ADDRESSES",
        "",
        "Address in the activation codes of an SM-DP+ that does not say it itself, as tim=smdp.example.com,...",
    )
)
ES2_TOKENS = _pairs(
    env.secret(
        "LINEAVIVA_ES2_TOKENS",
        "",
        "Secret part of the address at which each operator's SM-DP+ tells how a download goes, as tim=...,vodafone=...",
    ).split(",")
)
ESIM_WAIT_HOURS = env.number(
    "LINEAVIVA_ESIM_WAIT_HOURS", 24, "So long a paid plan waits for its eSIM profile to be installed, at most."
)
if ESIM_WAIT_HOURS < 0:
    raise ImproperlyConfigured("LINEAVIVA_ESIM_WAIT_HOURS must not be negative.")
INSTALL_LINK = env.text(
    "LINEAVIVA_INSTALL_LINK", "", "Address of one more phone that installs eSIM profiles, such as the sandbox's."
).rstrip("/")
ESIMGO_URL = env.text("LINEAVIVA_ESIMGO_URL", "https://api.esim-go.com/v2.4", "Address of eSIM Go's API.").rstrip("/")
ESIMGO_KEY = env.secret("LINEAVIVA_ESIMGO_KEY", "", "Key of eSIM Go's API; empty: profiles are not bought there.")
ESIMGO_BUNDLES = _pairs(
    env.words(
        "LINEAVIVA_ESIMGO_BUNDLES",
        "",
        "Bundle to buy at eSIM Go for each operator, as vodafone=name-of-the-bundle,...",
    )
)
