"""Which events there are, who wants which, where may be called, and how it is signed."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.carrier.hub import rules
from lineaviva.carrier.hub.rules import Place
from lineaviva.kernel.errors import InvalidInput
from tests.tmf_schemas import BALANCE, CATALOG, INVENTORY, ORDERING, properties

FILES = {"catalog": CATALOG, "order": ORDERING, "inventory": INVENTORY, "balance": BALANCE}
EVENTS = [(api, event) for api, events in rules.EVENTS.items() for event in events]


@pytest.mark.parametrize(("api", "event"), EVENTS, ids=[event for _, event in EVENTS])
def test_events_and_their_resources_are_the_published_ones(api: str, event: str) -> None:
    assert "event" in properties(FILES[api], event)
    assert set(properties(FILES[api], f"{event}Payload")) == {rules.resource_name(event)}


def test_trying_takes_about_three_days() -> None:
    assert timedelta(days=2, hours=20) < sum(rules.WAITS, timedelta()) < timedelta(days=3)
    assert list(rules.WAITS) == sorted(rules.WAITS)
    assert len(rules.WAITS) == 10


NOTIFICATION = {
    "eventId": "1",
    "eventType": "ProductOfferingCreateEvent",
    "event": {"productOffering": {"id": "a", "lifecycleStatus": "Active", "category": [{"id": "plan"}]}},
}


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", True),
        ("eventType=ProductOfferingCreateEvent", True),
        ("eventType=productofferingcreateevent", True),
        ("eventType=ProductOfferingDeleteEvent", False),
        ("eventType=ProductOfferingDeleteEvent,ProductOfferingCreateEvent", True),
        ("eventType=ProductOfferingDeleteEvent&eventType=ProductOfferingCreateEvent", True),
        ("event.productOffering.lifecycleStatus=Active", True),
        ("event.productOffering.lifecycleStatus=Retired", False),
        ("event.productOffering.lifecycleStatus=Retired,Active", True),
        ("eventType=ProductOfferingCreateEvent&event.productOffering.category.id=plan", True),
        ("eventType=ProductOfferingCreateEvent&event.productOffering.category.id=topup", False),
        ("productOffering.id=a", False),
        ("event.nothing=", False),
    ],
)
def test_what_a_query_wants(query: str, wanted: bool) -> None:
    assert rules.query_checked(query, "catalog") == query
    assert rules.wants(query, NOTIFICATION) is wanted


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("eventType", "query_invalid"),
        ("&&", "query_invalid"),
        ("a=" + "&a=".join("x" * 30), "query_invalid"),
        ("eventType=", "event_type_unknown"),
        ("eventType=ProductCreateEvent", "event_type_unknown"),
        ("eventType=ProductOfferingCreateEvent,Nonsense", "event_type_unknown"),
    ],
)
def test_queries_that_are_none(query: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        rules.query_checked(query, "catalog")
    assert (refusal.value.code, refusal.value.field) == (code, "query")


@pytest.mark.parametrize(
    ("callback", "expected"),
    [
        ("https://shop.test", Place("https", "shop.test", 443, "/")),
        ("https://shop.test:8443/a/b?c=d", Place("https", "shop.test", 8443, "/a/b?c=d")),
        ("HTTPS://Shop.Test/A", Place("https", "shop.test", 443, "/A")),
        ("https://93.184.216.34/x", Place("https", "93.184.216.34", 443, "/x")),
        ("https://[2606:4700::1111]/x", Place("https", "2606:4700::1111", 443, "/x")),
    ],
)
def test_where_a_callback_leads(callback: str, expected: Place) -> None:
    for sandbox in (False, True):
        assert rules.place(callback, sandbox=sandbox) == expected


HERE = ["http://127.0.0.1:9000/x", "http://localhost/x", "http://[::1]:8000/", "https://localhost/x"]
NEVER = [
    "",
    "shop.test",
    "/hear",
    "ftp://shop.test/",
    "file:///etc/passwd",
    "gopher://shop.test/",
    "http://shop.test/",
    "https://",
    "https:///x",
    "https://user@shop.test/",
    "https://user:word@shop.test/",
    "https://shop.test/#part",
    "https://shop.test:99999/",
    "https://shop.test:x/",
    "https://sh op.test/",
    "https://shop.test/\r\nX: y",
    "https://shop.test\\@evil.test/",
    "https://shöp.test/",
    "https://[::1",
    "https://10.0.0.1/",
    "https://172.16.0.9/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/",
    "https://0.0.0.0/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
    "https://[ff02::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::a00:1]/",
    "https://[2002:a00:1::]/",
    "https://[::]/",
    "http://10.0.0.1/",
]


@pytest.mark.parametrize("callback", NEVER)
def test_what_is_never_called(callback: str) -> None:
    for sandbox in (False, True):
        with pytest.raises(InvalidInput) as refusal:
            rules.place(callback, sandbox=sandbox)
        assert (refusal.value.code, refusal.value.field) == ("callback_invalid", "callback")


@pytest.mark.parametrize("callback", HERE)
def test_this_machine_is_called_in_the_sandbox_only(callback: str) -> None:
    assert rules.place(callback, sandbox=True).scheme == callback.partition(":")[0]
    with pytest.raises(InvalidInput):
        rules.place(callback, sandbox=False)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:4700::1111", True),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::5db8:d822", True),
        ("2002:5db8:d822::", True),
        ("127.0.0.1", False),
        ("::1", False),
        ("64:ff9b::7f00:1", False),
        ("2001::1", False),
        ("192.0.2.1", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert rules.is_public(address) is public


@given(st.binary(max_size=200), st.integers(min_value=0, max_value=2**33), st.text(min_size=1, max_size=50))
def test_a_signature_is_what_the_docs_say(body: bytes, at: int, secret: str) -> None:
    head, _, mac = rules.signature(secret, body, at).partition(",v1=")
    assert head == f"t={at}"
    expected = hmac.new(secret.encode(), str(at).encode() + b"." + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(mac, expected)


@pytest.mark.parametrize("change", ["body", "at", "secret"])
def test_a_signature_fits_nothing_else(change: str) -> None:
    plain: dict[str, Any] = {"secret": "s", "body": b"{}", "at": 1}
    other = {**plain, change: {"secret": "t", "body": b"[]", "at": 2}[change]}
    assert rules.signature(**plain) != rules.signature(**other)
