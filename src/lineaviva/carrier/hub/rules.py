"""Pure: which events there are, who wants which, how often is tried, where may be called, how it is signed."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from lineaviva.carrier.filtering import alternatives, matches
from lineaviva.kernel.errors import InvalidInput

# Waits after the first, second, ... try that failed; close to three days together. After the last one it is over.
WAITS = tuple(timedelta(seconds=s) for s in (10, 60, 300, 900, 3600, 10_800, 21_600, 43_200, 86_400, 86_400))
# How long what was delivered is kept, to be asked about.
KEPT = timedelta(days=7)
MOST_LISTENERS = 20  # of one client and API
_RESOURCE = ("Create", "AttributeValueChange", "StateChange", "Delete")
_ACTION = ("Create", "Cancel", "Failure")
EVENTS: Mapping[str, tuple[str, ...]] = {
    "catalog": (
        *(
            f"{kind}{what}Event"
            for kind in ("Catalog", "Category", "ProductOffering", "ProductOfferingPrice", "ProductSpecification")
            for what in _RESOURCE
        ),
        "CatalogBatchEvent",
    ),
    "order": (
        *(f"ProductOrder{what}Event" for what in (*_RESOURCE, "InformationRequired")),
        *(f"CancelProductOrder{what}Event" for what in ("Create", "StateChange", "InformationRequired")),
    ),
    "inventory": tuple(f"Product{what}Event" for what in (*_RESOURCE, "Batch")),
    "balance": tuple(
        f"{kind}Balance{what}Event" for kind in ("Topup", "Adjust", "Transfer", "Reserve") for what in _ACTION
    ),
}
_SUFFIXES = sorted({*_RESOURCE, *_ACTION, "InformationRequired", "Batch"}, key=len, reverse=True)
_LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1"}
_NAT64 = IPv6Network("64:ff9b::/96")


def resource_name(event_type: str) -> str:
    """The attribute of `event` that holds the resource: productOffering for ProductOfferingCreateEvent."""
    name = event_type.removesuffix("Event")
    suffix = next(one for one in _SUFFIXES if name.endswith(one))
    name = name.removesuffix(suffix)
    return name[0].lower() + name[1:]


# --- what is wanted -----------------------------------------------------------------------------------------------


def query_checked(query: str, api: str) -> str:
    """The query. Raises InvalidInput where it is none, or names an event type that the API has not."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=20)
    except ValueError:
        raise InvalidInput("The query is not of the form a=b&c=d.", code="query_invalid", field="query") from None
    known = {name.lower() for name in EVENTS[api]}
    for name, value in pairs:
        if name == "eventType" and not {part.strip().lower() for part in value.split(",")} <= known:
            raise InvalidInput(f"The events are {', '.join(EVENTS[api])}.", code="event_type_unknown", field="query")
    return query


def wants(query: str, notification: Mapping[str, Any]) -> bool:
    """Whether a listener with that query is told. Each attribute must have one of its values, as in a list's filter."""
    wanted: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        wanted.setdefault(name, []).append(value)
    types = {part.strip().lower() for value in wanted.pop("eventType", []) for part in value.split(",")}
    if types and str(notification["eventType"]).lower() not in types:
        return False
    return matches(notification, {name: alternatives(values) for name, values in wanted.items()})


# --- where it goes ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where a callback leads. `host` is a name or an address without brackets."""

    scheme: str
    host: str
    port: int
    path: str


def place(callback: str, *, sandbox: bool) -> Place:
    """The callback taken apart. Raises InvalidInput (callback_invalid) for what we do not call.

    That is all but https to a public host; in the sandbox http to this machine too.
    """
    try:
        parts = urlsplit(callback)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _not_called("is no address") from None
    fine = callback.isascii() and callback.isprintable() and " " not in callback and "\\" not in callback
    if not fine or not host or parts.scheme not in {"http", "https"}:
        raise _not_called("is no web address")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise _not_called("must have neither user nor fragment")
    here = host in _LOOPBACK_NAMES
    if here and not sandbox:
        raise _not_called("leads to no public host")
    if parts.scheme == "http" and not here:
        raise _not_called("must be https")
    if not here and _is_address(host) and not is_public(host):
        raise _not_called("leads to no public host")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path)


def _not_called(why: str) -> InvalidInput:
    return InvalidInput(f"The callback {why}.", code="callback_invalid", field="callback")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Whether the address is one of the public Internet, also where it hides an IPv4 address inside."""
    found = ip_address(address)
    inner = _inside(found) if isinstance(found, IPv6Address) else None
    if inner is not None:
        return is_public(str(inner))
    return found.is_global and not found.is_multicast


def _inside(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


# --- how it is signed ---------------------------------------------------------------------------------------------


def signature(secret: str, body: bytes, at: int) -> str:
    """`t=<seconds>,v1=<hex>`: HMAC-SHA256 with the listener's secret over the seconds, a full stop and the body."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"
