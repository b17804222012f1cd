"""A pretend carrier over HTTP: its knobs, its audit, and that no fault makes its books wrong."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from lineaviva.carrier.tmf.common import CATALOG
from tests.carrier.doors import BUCKET, OFFERING, PRODUCT, TOPUP, topup_body
from tests.carrier.hub.conftest import Ears
from tests.carrier_process import SECRET, CarrierProcess
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.processes
_numbers = iter(range(1_000_000, 9_999_999))


def number() -> str:
    return f"+39347{next(_numbers)}"


def post(carrier: CarrierProcess, reference: str, to: str, euros: int = 5) -> httpx.Response:
    return carrier.post(TOPUP, topup_body(reference, euros, to))


# --- knobs --------------------------------------------------------------------------------------------------------


def test_knobs_are_read_and_set_by_all_processes(carrier: CarrierProcess) -> None:
    carrier.knobs(latency_ms=1, latency_percent=7)
    # New connections, so that both worker processes are asked.
    seen = [httpx.get(f"{carrier.url}/sandbox/knobs").json() for _ in range(20)]
    assert {(one["latency_ms"], one["latency_percent"]) for one in seen} == {(1, 7)}


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        pytest.param('{"error_percent": 500}', "application/json", 400, id="not a share"),
        pytest.param('{"error_percent": 5, "no_knob": 1}', "application/json", 400, id="no such knob"),
        pytest.param("{", "application/json", 400, id="not JSON"),
        pytest.param('{"error_percent": 5}', "text/plain", 415, id="as another site's page could send it"),
    ],
)
def test_bad_knobs_change_nothing(carrier: CarrierProcess, body: str, content_type: str, status: int) -> None:
    before = httpx.get(f"{carrier.url}/sandbox/knobs").json()
    answer = httpx.post(f"{carrier.url}/sandbox/knobs", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status
    assert answer.json()["status"] == str(status)
    assert httpx.get(f"{carrier.url}/sandbox/knobs").json() == before


@pytest.mark.parametrize(
    ("method", "path", "status"), [("PUT", "knobs", 405), ("GET", "subscriptions", 405), ("GET", "x", 404)]
)
def test_other_addresses(carrier: CarrierProcess, method: str, path: str, status: int) -> None:
    assert httpx.request(method, f"{carrier.url}/sandbox/{path}").status_code == status


# --- faults -------------------------------------------------------------------------------------------------------


def test_an_error_before_the_work_leaves_it_undone(carrier: CarrierProcess) -> None:
    carrier.knobs(error_percent=100)
    assert post(carrier, "LV-error", number()).status_code in {500, 503}
    assert carrier.credited("LV-error") == (0, 0)


def test_a_lost_answer_leaves_it_done_and_the_copy_does_nothing(carrier: CarrierProcess) -> None:
    to = number()
    carrier.knobs(lost_answer_percent=100)
    assert post(carrier, "LV-lost", to).status_code == 500
    carrier.behave()
    assert carrier.credited("LV-lost") == (1, 500)
    assert post(carrier, "LV-lost", to).status_code == 201
    assert carrier.credited("LV-lost") == (1, 500)


def test_a_cut_connection_leaves_it_done(carrier: CarrierProcess) -> None:
    carrier.knobs(cut_percent=100)
    with pytest.raises(httpx.RemoteProtocolError):
        post(carrier, "LV-cut", number())
    assert carrier.credited("LV-cut") == (1, 500)


def test_a_refusal_says_why_and_is_kept(carrier: CarrierProcess) -> None:
    to = number()
    carrier.knobs(refusal_percent=100, refusal_reason="The number is on a list.")
    answer = post(carrier, "LV-no", to)
    assert (answer.status_code, answer.json()["reason"]) == (403, "The number is on a list.")
    carrier.behave()
    assert post(carrier, "LV-no", to).status_code == 403
    assert carrier.credited("LV-no") == (0, 0)
    assert carrier.get(TOPUP, externalId="LV-no").json()[0]["status"] == "failed"


def test_refusals_are_of_orders_only(carrier: CarrierProcess) -> None:
    carrier.knobs(refusal_percent=100)
    assert carrier.get(OFFERING).status_code == 200


def test_latency_holds_up_the_share_that_was_asked_for(carrier: CarrierProcess) -> None:
    def seconds() -> float:
        start = time.monotonic()
        assert carrier.get(BUCKET, limit="1").status_code == 200
        return time.monotonic() - start

    carrier.knobs(latency_ms=300)
    assert seconds() >= 0.3
    carrier.knobs(latency_ms=120_000, latency_percent=0)
    assert seconds() < 120


# --- numbers, catalogue, audit ------------------------------------------------------------------------------------


def test_any_valid_number_is_one_of_ours_unless_told_otherwise(carrier: CarrierProcess) -> None:
    assert post(carrier, "LV-open", number()).status_code == 201
    carrier.knobs(accept_unknown=False)
    answer = post(carrier, "LV-closed", number())
    assert (answer.status_code, answer.json()["code"]) == (400, "line_unknown")
    assert carrier.credited("LV-closed") == (0, 0)


def test_numbers_are_opened_with_their_day(carrier: CarrierProcess) -> None:
    one, other = number(), number()
    body: Any = [{"msisdn": one, "extended_on": "2026-01-31"}, {"msisdn": other}]
    url = f"{carrier.url}/sandbox/subscriptions"
    assert httpx.post(url, json=body).json() == {"opened": 2, "known": 2}
    assert httpx.post(url, json=body).json() == {"opened": 0, "known": 2}
    (product,) = carrier.get(PRODUCT, **{"realizingResource.value": one}).json()
    dates = {row["name"]: row["value"] for row in product["productCharacteristic"]}
    assert dates["fullServiceUntil"] == "2026-12-31"
    bad = [{"msisdn": number()}, {"msisdn": "12"}]
    before = carrier.get(PRODUCT, limit="1").headers["X-Total-Count"]
    assert httpx.post(url, json=bad).status_code == 400
    assert httpx.post(url, json=["x"]).status_code == 400
    assert carrier.get(PRODUCT, limit="1").headers["X-Total-Count"] == before


def test_it_has_one_promotion_that_runs(carrier: CarrierProcess) -> None:
    discounts = [
        (offering["id"], price["price"])
        for offering in carrier.get(OFFERING).json()
        for price in offering["productOfferingPrice"]
        if price["priceType"] == "discount"
    ]
    assert discounts == [("topup-10", {"taxIncludedAmount": {"unit": "EUR", "value": 2.0}})]


def test_the_audit_counts_each_reference(carrier: CarrierProcess) -> None:
    post(carrier, "LV-count", number(), euros=10)
    audit = carrier.audit()
    assert audit["references"]["LV-count"] == 1
    assert audit["credited"]["LV-count"] == {"times": 1, "minor": 1000, "discount_minor": 200}
    assert sum(audit["accounts"].values()) == 0


# --- many at once -------------------------------------------------------------------------------------------------


def test_the_same_reference_from_many_sides_credits_once(carrier: CarrierProcess) -> None:
    to = number()
    with ThreadPoolExecutor(6) as senders:
        answers = list(senders.map(lambda _: post(carrier, "LV-race", to), range(12)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert carrier.credited("LV-race") == (1, 500)


def test_many_topups_of_one_line_lose_no_cent(carrier: CarrierProcess) -> None:
    to = number()
    with ThreadPoolExecutor(6) as senders:
        answers = list(senders.map(lambda i: post(carrier, f"LV-many-{i}", to), range(16)))
    assert {answer.status_code for answer in answers} == {201}
    (bucket,) = carrier.get(BUCKET, **{"logicalResource.id": to}).json()
    assert bucket["remainingValue"] == {"amount": 80.0, "units": "EUR"}


def test_every_fault_at_once_leaves_the_books_right(carrier: CarrierProcess) -> None:
    carrier.knobs(error_percent=20, lost_answer_percent=20, cut_percent=20, refusal_percent=20)

    def send(index: int) -> None:
        try:
            post(carrier, f"LV-storm-{index % 12}", f"+39348{index % 12:07d}")
        except httpx.HTTPError:
            pass

    with ThreadPoolExecutor(8) as senders:
        list(senders.map(send, range(48)))
    carrier.behave()
    audit = carrier.audit()
    assert audit["balanced"] is True
    assert {times for reference, times in audit["references"].items() if reference.startswith("LV-storm")} <= {1}


# --- not there elsewhere ------------------------------------------------------------------------------------------


def test_outside_the_sandbox_there_are_no_knobs(settings: Any, client: Any, db: None) -> None:
    settings.ROOT_URLCONF = "lineaviva.carrier.urls"
    settings.MIDDLEWARE = [
        "lineaviva.carrier.tmf.middleware.TmfErrorsMiddleware",
        "lineaviva.sandbox.carriers.middleware.FaultsMiddleware",
    ]
    settings.CARRIER_OPERATOR = "tim"
    settings.SANDBOX = False
    assert client.get("/sandbox/knobs").status_code == 404


@pytest.mark.parametrize("address", ["192.168.1.5", "10.0.0.1", "::ffff:10.0.0.1", ""])
def test_from_elsewhere_there_are_no_knobs(settings: Any, client: Any, db: None, address: str) -> None:
    settings.ROOT_URLCONF = "lineaviva.carrier.urls"
    settings.MIDDLEWARE = [
        "lineaviva.carrier.tmf.middleware.TmfErrorsMiddleware",
        "lineaviva.sandbox.carriers.middleware.FaultsMiddleware",
    ]
    settings.CARRIER_OPERATOR = "tim"
    settings.SANDBOX = True
    assert client.get("/sandbox/knobs", REMOTE_ADDR=address).status_code == 404
    assert client.get("/sandbox/knobs", REMOTE_ADDR="127.0.0.1").status_code == 200


def test_the_token_is_needed_in_the_sandbox_too(carrier: CarrierProcess) -> None:
    assert httpx.get(carrier.url + TOPUP).status_code == 401
    assert carrier.get(TOPUP).status_code == 200
    log = (carrier.home / "log").read_text()
    assert SECRET not in log
    assert carrier.headers()["Authorization"] not in log


# --- the hub ------------------------------------------------------------------------------------------------------


def test_a_pretend_carrier_tells_its_listeners_by_itself(carrier: CarrierProcess, ears: Ears) -> None:
    ours = httpx.Client(base_url=carrier.url, headers=carrier.let_in())
    hub = ours.post(f"{CATALOG}/hub", json={"callback": f"{ears.url}/hear"})
    assert hub.status_code == 201, hub.text
    assert ours.post(f"{CATALOG}/productSpecification", json={"name": "Told"}).status_code == 201
    until(lambda: bool(ears.heard))
    (event,) = ears.events
    assert (event["eventType"], event["event"]["productSpecification"]["name"]) == (
        "ProductSpecificationCreateEvent", "Told",
    )  # fmt: skip
    assert ours.delete(httpx.URL(hub.headers["Location"]).path).status_code == 204


def test_the_keepers_client_may_not_do_everything(carrier: CarrierProcess) -> None:
    answer = carrier.post(f"{CATALOG}/productSpecification", {"name": "x"})
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


def test_a_real_carrier_has_a_worker_for_that(tmp_path: Path, ears: Ears) -> None:
    """`lineaviva worker` with LINEAVIVA_PROGRAM=carrier, without any web process."""
    quiet = CarrierProcess("tim", tmp_path)
    worker = subprocess.Popen(
        [sys.executable, "-m", "lineaviva.cli.main", "worker"], env=quiet.env, stderr=subprocess.PIPE, text=True
    )
    try:
        script = WRITE_AN_EVENT.format(callback=f"{ears.url}/hear")
        subprocess.run([sys.executable, "-c", script], env=quiet.env, check=True)
        until(lambda: bool(ears.heard))
        assert ears.events[0]["event"] == {"catalog": {"id": "x"}}
    finally:
        worker.terminate()
        _, log = worker.communicate(timeout=PATIENCE)
        quiet.close()
    assert (worker.returncode, "agenda_worker_stopped" in log) == (0, True)


WRITE_AN_EVENT = """
import django
django.setup()
from lineaviva.carrier.access.actions import client_add
from lineaviva.carrier.hub.actions import event_publish, listener_add
from lineaviva.kernel import clock
now = clock.now()
client, _ = client_add(operator="tim", name="Shop", now=now)
listener_add(client_id=client.pk, operator="tim", api="catalog", callback="{callback}", query="", now=now)
event_publish(operator="tim", api="catalog", event_type="CatalogCreateEvent", resource={{"id": "x"}}, now=now)
"""
