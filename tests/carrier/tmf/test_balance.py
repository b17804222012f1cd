"""TMF654: topping up and reading buckets, by the published schema and to the cent."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from lineaviva.carrier.catalogue.models import Promotion
from lineaviva.carrier.ledger.actions import event_record
from lineaviva.carrier.ledger.models import Entry
from lineaviva.carrier.ledger.rules import Posting
from lineaviva.carrier.orders.models import ServiceOrder
from lineaviva.carrier.subscriptions.actions import plan_start, subscription_open
from lineaviva.carrier.subscriptions.models import Subscription
from tests.carrier.doors import BUCKET, NUMBER, TOPUP, Door, assert_audit_clean, rows, topup_body
from tests.conftest import NOON
from tests.tmf_schemas import BALANCE, problems


@pytest.fixture
def line(door: Door, now: datetime) -> Subscription:
    return subscription_open(operator="tim", msisdn=NUMBER, extended_on=date(2025, 12, 1), now=now)[0]


def entries() -> list[tuple[str, str, int]]:
    return list(
        Entry.objects.order_by("subscription_id", "number", "leg").values_list("debited", "credited", "amount_minor")
    )


def test_a_topup_credits_the_line_and_moves_its_dates(door: Door, line: Subscription) -> None:
    body = topup_body("LV-7K2M", 10)
    assert problems(BALANCE, "TopupBalance_Create", body) == []
    answer = door.post(TOPUP, body)

    assert answer.status_code == 201
    resource = answer.json()
    assert problems(BALANCE, "TopupBalance", resource) == []
    assert answer.headers["Location"] == resource["href"] == f"http://carrier.test{TOPUP}/{resource['id']}"
    assert (resource["status"], resource["externalId"]) == ("completed", "LV-7K2M")
    assert resource["amount"] == {"amount": 10.0, "units": "EUR"}
    assert (resource["@type"], resource["@baseType"]) == ("ReferencedTopupBalance", "TopupBalance")
    assert entries() == [("clearing", "credit", 1000)]
    line.refresh_from_db()
    assert line.credit_minor == 1000
    assert (line.extended_on, line.full_service_until) == (date(2026, 11, 22), date(2027, 11, 22))
    assert (line.receive_only_until, line.number_kept_until) == (date(2027, 12, 22), date(2028, 11, 22))
    assert_audit_clean()


def test_the_same_reference_again_does_nothing_and_answers_the_same(door: Door, line: Subscription) -> None:
    first = door.post(TOPUP, topup_body("LV-1", 10))
    before = rows()
    again = door.post(TOPUP, topup_body("LV-1", 10, description="sent again"))
    assert (again.status_code, again.json()) == (201, first.json())
    assert rows() == before
    assert before["credit"] == 1000


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"amount": {"amount": 20, "units": "EUR"}}, id="another amount"),
        pytest.param(
            {"logicalResource": [{"id": "+393391234568"}], "partyAccount": {"id": "+393391234568"}}, id="another line"
        ),
    ],
)
def test_a_reference_used_for_something_else_is_refused(
    door: Door, line: Subscription, now: datetime, changes: dict[str, Any]
) -> None:
    subscription_open(operator="tim", msisdn="+393391234568", now=now)
    door.post(TOPUP, topup_body("LV-1", 10))
    before = rows()
    answer = door.post(TOPUP, topup_body("LV-1", 10, **changes))
    assert (answer.status_code, answer.json()["code"]) == (409, "reference_reused")
    assert problems(BALANCE, "Error", answer.json()) == []
    assert rows() == before


def test_without_a_reference_each_topup_is_another(door: Door, line: Subscription) -> None:
    answers = [door.post(TOPUP, topup_body(None, 5)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert "externalId" not in answers[0].json()
    assert answers[0].json()["@type"] == "TopupBalance"
    assert answers[0].json()["id"] != answers[1].json()["id"]
    line.refresh_from_db()
    assert line.credit_minor == 1000
    assert_audit_clean()


def test_what_was_posted_is_shown_again(door: Door, line: Subscription) -> None:
    more = {
        "description": "Renewal",
        "channel": {"id": "web", "name": "Web"},
        "requestor": {"id": "anna", "role": "holder"},
    }
    posted = door.post(TOPUP, topup_body("LV-1", 5, **more)).json()
    assert {name: posted[name] for name in more} == more
    assert door.get(f"{TOPUP}/{posted['id']}").json() == posted


def test_a_promotion_is_paid_by_the_operator(door: Door, line: Subscription) -> None:
    Promotion.objects.create(
        operator="tim",
        key="autumn",
        offering_id="topup-10",
        name="Autumn",
        off_percent=15,
        valid_from="2026-11-01T00:00:00Z",
        valid_until="2026-12-01T00:00:00Z",
    )
    assert door.post(TOPUP, topup_body("LV-1", 10)).status_code == 201
    assert entries() == [("clearing", "credit", 850), ("promotion", "credit", 150)]
    line.refresh_from_db()
    assert line.credit_minor == 1000
    assert_audit_clean()


def test_the_bucket_may_be_named_by_its_id(door: Door, line: Subscription) -> None:
    body = topup_body("LV-1", 5, bucket={"id": f"credit-{line.pk}"}, partyAccount={"id": str(line.pk)})
    del body["logicalResource"]
    answer = door.post(TOPUP, body)
    assert answer.status_code == 201
    assert answer.json()["logicalResource"][0]["id"] == NUMBER


# --- refusals -----------------------------------------------------------------------------------------------------


def test_an_unknown_number_is_refused_and_the_refusal_is_kept(door: Door, now: datetime) -> None:
    answer = door.post(TOPUP, topup_body("LV-1"))
    assert (answer.status_code, answer.json()["code"]) == (400, "line_unknown")
    assert rows() == {**dict.fromkeys(rows(), 0), "ServiceOrder": 1}

    # The number is opened afterwards; a late copy of the refused order must not be carried out any more.
    subscription_open(operator="tim", msisdn=NUMBER, now=now)
    late = door.post(TOPUP, topup_body("LV-1"))
    assert (late.status_code, late.json()) == (400, answer.json())
    assert Subscription.objects.get().credit_minor == 0
    (found,) = door.get(TOPUP, externalId="LV-1").json()
    assert problems(BALANCE, "TopupBalance", found) == []
    assert (found["status"], found["reason"]) == ("failed", "This number is not one of ours.")
    assert_audit_clean()


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        pytest.param({"status": "suspended"}, 409, "line_suspended", id="blocked by hand"),
        pytest.param({"status": "closed"}, 409, "line_closed", id="closed"),
        pytest.param({"phase": "off"}, 409, "line_off", id="off"),
        pytest.param({"phase": "free"}, 409, "line_off", id="number lost"),
    ],
)
def test_nothing_is_bought_for_a_line_that_does_not_live(
    door: Door, line: Subscription, changes: dict[str, Any], status: int, code: str
) -> None:
    Subscription.objects.update(**changes)
    before = rows()
    answer = door.post(TOPUP, topup_body("LV-1"))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert problems(BALANCE, "Error", answer.json()) == []
    assert rows() == {**before, "ServiceOrder": 1}
    assert ServiceOrder.objects.get().status == "failed"


def test_a_line_that_only_receives_is_woken(door: Door, line: Subscription) -> None:
    Subscription.objects.update(extended_on=date(2025, 11, 1), phase="receive_only")
    assert door.post(TOPUP, topup_body("LV-1")).status_code == 201
    line.refresh_from_db()
    assert (line.extended_on, line.phase) == (date(2026, 11, 22), "full_service")


def test_an_amount_that_is_not_sold_is_refused(door: Door, line: Subscription) -> None:
    answer = door.post(TOPUP, topup_body("LV-1", 7.5))
    assert (answer.status_code, answer.json()["code"]) == (400, "amount_not_sold")
    assert rows()["credit"] == 0


def test_another_operators_line_is_not_seen(door: Door, now: datetime) -> None:
    other, _ = subscription_open(operator="vodafone", msisdn=NUMBER, now=now)
    assert door.get(BUCKET).json() == []
    assert door.get(f"{BUCKET}/credit-{other.pk}").status_code == 404
    body = topup_body("LV-1", 5, bucket={"id": f"credit-{other.pk}"})
    assert door.post(TOPUP, body).json()["code"] == "bucket_unknown"
    assert rows()["credit"] == 0


# --- reading ------------------------------------------------------------------------------------------------------


def test_buckets_of_a_line(door: Door, line: Subscription) -> None:
    Subscription.objects.update(last_number=1)
    plan_start(
        subscription=line,
        number=1,
        offering_id="plan-x",
        name="Plan X",
        price_minor=999,
        period=(1, None),
        allowances={"data": 50_000, "voice": -1, "sms": None},
        today=date(2026, 11, 22),
    )
    door.post(TOPUP, topup_body("LV-1", 5))
    answer = door.get(BUCKET, **{"logicalResource.id": NUMBER})
    found = answer.json()
    assert [problems(BALANCE, "Bucket", one) for one in found] == [[], [], []]
    assert (answer.headers["X-Total-Count"], answer.headers["X-Result-Count"]) == ("3", "3")
    assert [(one["usageType"], one.get("remainingValue")) for one in found] == [
        ("monetary", {"amount": 5.0, "units": "EUR"}),
        ("data", {"amount": 50_000.0, "units": "MB"}),
        ("voice", None),
    ]
    assert found[2]["remainingValueName"] == "unlimited"
    assert [one["id"] for one in found] == [
        f"credit-{line.pk}", f"bucket-{line.pk}-1-data", f"bucket-{line.pk}-1-voice",
    ]  # fmt: skip
    for one in found:
        assert door.get(one["href"].removeprefix("http://carrier.test")).json() == one


def test_what_a_line_owes_is_a_bucket_below_zero_until_a_topup_pays_it(door: Door, line: Subscription) -> None:
    event_record(subscription=line, kind="courtesy", postings=[Posting("courtesy", "revenue", 99)], now=NOON)
    (owed,) = door.get(BUCKET, id=f"debt-{line.pk}").json()
    assert problems(BALANCE, "Bucket", owed) == []
    assert owed["remainingValue"] == {"amount": -0.99, "units": "EUR"}
    assert door.get(owed["href"].removeprefix("http://carrier.test")).json() == owed
    door.post(TOPUP, topup_body("LV-1", 5))
    (credit,) = door.get(BUCKET).json()
    assert (credit["id"], credit["remainingValue"]["amount"]) == (f"credit-{line.pk}", 4.01)
    assert door.get(owed["href"].removeprefix("http://carrier.test")).status_code == 404
    assert_audit_clean()


def test_filters_of_buckets(door: Door, line: Subscription, now: datetime) -> None:
    subscription_open(operator="tim", msisdn="+393391234568", now=now)
    ids = lambda **filters: [one["id"] for one in door.get(BUCKET, **filters).json()]  # noqa: E731
    assert ids(usageType="monetary", **{"logicalResource.id": NUMBER}) == [f"credit-{line.pk}"]
    assert ids(usageType="data") == []
    assert ids(id=f"credit-{line.pk}") == [f"credit-{line.pk}"]
    assert ids(id="credit-x") == []
    assert len(ids(limit="1", offset="1")) == 1


def test_topups_are_found_by_reference_and_state(door: Door, line: Subscription) -> None:
    for number in range(3):
        door.post(TOPUP, topup_body(f"LV-{number}", 5))
    door.post(TOPUP, topup_body("LV-bad", 7.77))
    references = lambda **filters: [one["externalId"] for one in door.get(TOPUP, **filters).json()]  # noqa: E731
    assert references(externalId="LV-1") == ["LV-1"]
    assert references(externalId="LV-none") == []
    assert references(status="failed") == ["LV-bad"]
    assert references(offset="1", limit="2") == ["LV-1", "LV-2"]
    assert references(**{"logicalResource.id": "+393391234568"}) == []


def test_fields_leave_id_and_address(door: Door, line: Subscription) -> None:
    posted = door.post(TOPUP, topup_body("LV-1", 5)).json()
    assert set(door.get(f"{TOPUP}/{posted['id']}", fields="status,amount").json()) == {
        "id", "href", "@type", "status", "amount",
    }  # fmt: skip
    (none,) = door.get(TOPUP, fields="none").json()
    assert set(none) == {"id", "href", "@type"}


def test_the_schema_of_the_extension_resolves_without_a_token(door: Door, line: Subscription) -> None:
    posted = door.post(TOPUP, topup_body("LV-1", 5)).json()
    answer = door.get(posted["@schemaLocation"].removeprefix("http://carrier.test"), token=None)
    assert answer.status_code == 200
    assert "externalId" in answer.json()["properties"]
