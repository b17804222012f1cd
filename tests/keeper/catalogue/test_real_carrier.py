"""The reader against our own carrier side, in a process of its own, and against the published API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from pytest_django import Settings

from lineaviva.keeper.catalogue.actions import catalogue_refresh, quote_make
from lineaviva.keeper.catalogue.models import CatalogueSource, Offering
from lineaviva.keeper.catalogue.queries import cheapest_keepalive, offerings_for
from lineaviva.kernel.errors import Temporary
from lineaviva.kernel.money import Money
from tests import factories
from tests.carrier_process import CLIENT_ID, SECRET, CarrierProcess
from tests.keeper.catalogue.conftest import characteristics, discount, offering, plan
from tests.tmf_schemas import CATALOG, problems


@pytest.fixture(scope="module")
def spusu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CarrierProcess]:
    """spusu sells a plan at a known price."""
    carrier = CarrierProcess("spusu", tmp_path_factory.mktemp("spusu"))
    yield carrier.start()
    carrier.close()


@pytest.fixture
def urls(settings: Settings) -> Settings:
    settings.TMF_CLIENTS = {"tim": (CLIENT_ID, SECRET), "spusu": (CLIENT_ID, SECRET)}
    return settings


@pytest.mark.django_db
@pytest.mark.processes
def test_what_the_carrier_sells_can_be_quoted(tim: CarrierProcess, urls: Settings, now: datetime) -> None:
    urls.TMF_URLS = {"tim": tim.url}
    tim.behave()

    catalogue_refresh(operator="tim", now=now)

    sold = [(row.external_id, row.price_minor, row.extends) for row in offerings_for("tim", now) if row.sellable]
    assert sold[:4] == [
        ("topup-4", 400, True),
        ("topup-5", 500, True),
        ("topup-6", 600, True),
        ("topup-10", 1000, True),
    ]
    line = factories.line(operator="tim", now=now)
    act = cheapest_keepalive(line=line, now=now)
    assert act is not None
    assert (act.offering.external_id, act.offering.sellable, act.total) == ("topup-4", True, Money(400))
    assert quote_make(line=line, offering=act.offering, by=line.holder, now=now).total_minor == 400


@pytest.mark.django_db
@pytest.mark.processes
def test_a_plan_comes_with_its_allowances(spusu: CarrierProcess, urls: Settings, now: datetime) -> None:
    urls.TMF_URLS = {"spusu": spusu.url}
    spusu.behave()

    catalogue_refresh(operator="spusu", now=now)

    row = Offering.objects.get(sellable=True, kind="plan")
    assert (row.name, row.price_minor, row.period_months, row.source) == ("spusu 1", 399, 1, "tmf620")
    assert {name: row.allowances[name] for name in ("data_mb", "minutes", "sms")} == {
        "data_mb": 1000,
        "minutes": 100,
        "sms": 100,
    }
    assert row.source_date == "2021-02-12"


@pytest.mark.django_db
@pytest.mark.processes
def test_a_carrier_with_faults_leaves_what_there_was(tim: CarrierProcess, urls: Settings, now: datetime) -> None:
    urls.TMF_URLS = {"tim": tim.url}
    tim.behave()
    catalogue_refresh(operator="tim", now=now)
    before = list(Offering.objects.order_by("pk").values())
    tim.knobs(error_percent=100)

    with pytest.raises(Temporary):
        catalogue_refresh(operator="tim", now=now)

    assert list(Offering.objects.order_by("pk").values()) == before
    assert CatalogueSource.objects.get(operator="tim").read_at == now


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(offering(), id="a top-up"),
        pytest.param(plan(prodSpecCharValueUse=characteristics(data_mb=5000, extends=True)), id="a plan"),
        pytest.param(offering(productOfferingPrice=[discount()]), id="a discount"),
        pytest.param(offering(productOfferingPrice=[{"id": "p5"}]), id="a reference"),
    ],
)
def test_the_small_carrier_of_these_tests_speaks_the_published_api(document: dict[str, Any]) -> None:
    assert problems(CATALOG, "ProductOffering", document) == []
