"""ES9+: what the LPA of a phone asks of the SM-DP+ (SGP.22 5.6). The five functions, and nothing of HTTP.

Each makes its signatures and checks outside any transaction and writes in one: who loses a race has cost time only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from lineaviva.carrier.smdp.der import DerError
from lineaviva.carrier.smdp.es9plus_authenticate import authenticate_client, initiate_authentication
from lineaviva.carrier.smdp.es9plus_cancel import cancel_session
from lineaviva.carrier.smdp.es9plus_notices import handle_notification
from lineaviva.carrier.smdp.es9plus_package import get_bound_profile_package
from lineaviva.carrier.smdp.failures import Failed, Failure, Reply, done, failed

FUNCTIONS: Mapping[str, Callable[[dict[str, Any], datetime], dict[str, Any]]] = {
    "initiateAuthentication": initiate_authentication,
    "authenticateClient": authenticate_client,
    "getBoundProfilePackage": get_bound_profile_package,
    "cancelSession": cancel_session,
}
NOTIFICATION = "handleNotification"


def handle(function: str, body: dict[str, Any], now: datetime) -> Reply:
    """Carry out one function; never raises for what the caller sent, only where the database is away."""
    if function == NOTIFICATION:
        # Without any status: a phone that got an error would send the same again for ever.
        handle_notification(body, now)
        return Reply(204, None)
    perform = FUNCTIONS.get(function)
    if perform is None:
        return failed(Failure.FUNCTION_UNKNOWN)
    try:
        return done(perform(body, now))
    except Failed as refusal:
        return failed(refusal.failure, refusal.identifier)
    except DerError:
        return failed(Failure.FORMAT)
