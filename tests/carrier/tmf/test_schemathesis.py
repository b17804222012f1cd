"""Every operation of the API against its own description, with whatever schemathesis thinks up."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.specs.openapi.checks import positive_data_acceptance

from lineaviva.carrier.catalogue.models import OwnPlan
from lineaviva.carrier.catalogue.rules import PROMISED
from lineaviva.carrier.tmf.api import api
from tests.carrier.doors import CATALOGS, CATEGORY, OFFERING, PRICE, SPECIFICATION, Door
from tests.tmf_schemas import CATALOG, problems

DOCUMENT = api.get_openapi_schema(path_prefix="/tmf-api/")
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]
FEW = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])


@cache
def described() -> Any:
    found = schemathesis.openapi.from_dict(DOCUMENT)
    found.app = WSGIHandler()
    return found


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """A request must not close the connection that has the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=[f"{method} {path}" for path, method in OPERATIONS])
def test_every_operation(door: Door, path: str, method: str) -> None:
    operation = described()[path][method]

    # No schema says whose a number is, where a callback leads, or what can be sold.
    beyond_schemas = [positive_data_acceptance] if method in {"post", "patch"} else []

    @FEW
    @given(operation.as_strategy())
    def calls(case: Case) -> None:
        case.call_and_validate(headers=door.headers(), excluded_checks=beyond_schemas)

    calls()


KINDS = {
    "Catalog": CATALOGS,
    "Category": CATEGORY,
    "ProductOffering": OFFERING,
    "ProductOfferingPrice": PRICE,
    "ProductSpecification": SPECIFICATION,
}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_made_is_by_the_published_schema_and_may_be_patched(door: Door, kind: str) -> None:
    """Each body is posted, and put over a resource that is there."""
    path = KINDS[kind]
    known = f"{path}/{door.post(path, {'name': 'Known'}).json()['id']}"

    @FEW
    @given(described()[path]["post"].as_strategy(), described()[f"{path}/{{id}}"]["patch"].as_strategy())
    def calls(create: Case, patch: Case) -> None:
        for answer, fine in ((door.post(path, create.body), 201), (door.patch(known, patch.body), 200)):
            assert answer.status_code in {fine, 400, 409}, answer.content
            definition = kind if answer.status_code == fine else "Error"
            assert problems(CATALOG, definition, answer.json()) == []
        assert door.get(known).status_code == 200

    calls()


def test_whatever_is_said_of_a_plan_those_who_have_it_keep_it(door: Door) -> None:
    body = {
        "name": "Sold",
        "lifecycleStatus": "Active",
        "productOfferingPrice": [
            {"priceType": "recurring", "recurringChargePeriod": "month", "price": {"taxIncludedAmount": {"value": 5}}}
        ],
    }
    known = f"{OFFERING}/{door.post(OFFERING, body).json()['id']}"
    promised = [*PROMISED, "price_minor"]
    (before,) = OwnPlan.objects.values_list(*promised)

    @FEW
    @given(described()[f"{OFFERING}/{{id}}"]["patch"].as_strategy(), st.sampled_from(["", "Active", "Retired"]))
    def calls(patch: Case, status: str) -> None:
        answer = door.patch(known, {**patch.body, **({"lifecycleStatus": status} if status else {})})
        assert answer.status_code in {200, 400, 409}, answer.content
        assert problems(CATALOG, "ProductOffering", door.get(known).json()) == []
        assert list(OwnPlan.objects.values_list(*promised)) == [before]

    calls()
