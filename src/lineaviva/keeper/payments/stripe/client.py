"""The connection to Stripe: one client for each key and address, bounded in time, with our own kinds of errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache

import stripe
from django.conf import settings

from lineaviva.kernel.errors import NeedsPerson, Permanent, Temporary

# A payer waits for this: two tries of at most six seconds; the agenda does the patient part, within half its lease.
_CONNECT_SECONDS, _ANSWER_SECONDS = 2, 6
_RETRIES = 1


LOCALES = {"zh-hans": "zh", "zh-hant": "zh-TW", "it": "it", "en": "en"}


def client() -> stripe.StripeClient:
    return _client(settings.STRIPE_API_KEY, settings.STRIPE_API_BASE)


@lru_cache(maxsize=4)
def _client(api_key: str, api_base: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": api_base},
        max_network_retries=_RETRIES,
        http_client=stripe.RequestsClient(timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS)),
    )


@contextmanager
def calling() -> Iterator[None]:
    """Stripe's errors as ours. Its answers can be asked for again by key, so a lost one is Temporary, not Unknown."""
    try:
        yield
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise NeedsPerson("Stripe refuses the API key. Check LINEAVIVA_STRIPE_API_KEY.") from error
    except stripe.RateLimitError as error:
        raise Temporary("Stripe asks us to slow down", _retry_after(error)) from error
    except (stripe.InvalidRequestError, stripe.IdempotencyError, stripe.CardError) as error:
        raise Permanent(error.user_message or type(error).__name__, error.code or "provider_refused") from error
    except stripe.StripeError as error:
        raise Temporary(f"Stripe does not answer as it should: {type(error).__name__}") from error


def _retry_after(error: stripe.StripeError) -> timedelta | None:
    seconds = (error.headers or {}).get("retry-after", "")
    return timedelta(seconds=int(seconds)) if seconds.isdigit() else None
