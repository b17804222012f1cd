"""What the doctor says of the ways to eSIM profiles, against a real SM-DP+."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest

from lineaviva.cli.demo import free_port
from lineaviva.cli.doctor_esim import check_profiles
from tests.carrier.smdp.served import Operator, Served, serving
from tests.cli.conftest import Command

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("smdp")) as found:
        yield found


@pytest.fixture(scope="module")
def ours(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What we show: TIM and Vodafone let us in, TIM's certificate soon ends; WindTre does not; iliad's is broken."""
    folder = tmp_path_factory.mktemp("es2")
    for name, days in (("tim", 20), ("vodafone", 60), ("windtre", 60)):
        operator = Operator(served.home, name, days=days)
        operator.shown(folder)
        if name != "windtre":
            served.lineaviva("smdp", "clients", "add", name, "--certificate", str(operator.certificate))
    (folder / "iliad.pem").write_text("no certificate")
    return folder


@pytest.fixture(autouse=True)
def reached(served: Served, ours: Path, settings: Any) -> str:
    """Vodafone's alone, as it should be."""
    url = f"https://127.0.0.1:{served.es2_port}"
    settings.ES2_URLS, settings.ES2_TOKENS = {"vodafone": url}, {"vodafone": "s3cret", "tim": "s3cret"}
    settings.ES2_CERTS, settings.ES2_CA = str(ours), str(served.certs / "nist" / "ci.pem")
    settings.ESIMGO_KEY, settings.ESIMGO_BUNDLES = "", {}
    return url


def said() -> list[tuple[str, str, str, str]]:
    return [astuple(check) for check in check_profiles()]


def test_a_way_that_is_open(reached: str) -> None:
    assert said() == [("esim vodafone", "ok", f"{reached} answers.", "")]


def test_without_any_there_is_nothing_to_say(settings: Any) -> None:
    settings.ES2_URLS = {}
    assert said() == []


def test_an_operator_that_does_not_know_us(reached: str, settings: Any) -> None:
    settings.ES2_URLS = {"windtre": reached}
    ((name, state, detail, do),) = said()
    assert (name, state) == ("esim windtre", "fail")
    assert detail.startswith(reached)
    assert "certificate" in detail + do


@pytest.mark.parametrize("operator", ["fastweb", "iliad"], ids=["no file", "no certificate in it"])
def test_nothing_to_show(reached: str, settings: Any, ours: Path, operator: str) -> None:
    settings.ES2_URLS = {operator: reached}
    ((name, state, detail, do),) = said()
    assert (name, state) == (f"esim {operator}", "fail")
    assert detail.startswith(f"We have nothing to show {reached}: ")
    assert str(ours / f"{operator}.pem") in do


def test_a_server_that_does_not_prove_who_it_is(reached: str, settings: Any) -> None:
    settings.ES2_CA = ""
    assert said() == [
        (
            "esim vodafone",
            "fail",
            f"{reached} did not take us: ConnectError.",
            "Check LINEAVIVA_ES2_URLS, LINEAVIVA_ES2_CA, and whether that side knows our certificate.",
        )
    ]


@pytest.mark.parametrize("address", ["https://127.0.0.1:{port}", "no address", "https://["])
def test_a_server_that_is_not_there(settings: Any, address: str) -> None:
    settings.ES2_URLS = {"vodafone": address.format(port=free_port())}
    ((_name, state, detail, _do),) = said()
    assert (state, " did not take us: " in detail) == ("fail", True)


def test_a_certificate_that_soon_ends(reached: str, settings: Any) -> None:
    settings.ES2_URLS = {"tim": reached}
    ((name, state, detail, do),) = said()
    assert (name, state) == ("esim tim", "warn")
    assert detail.startswith("Our certificate ends on 20")
    assert do.startswith("Put a new one into ")


def test_reports_that_would_not_find_us(reached: str, settings: Any) -> None:
    settings.ES2_TOKENS = {"tim": "s3cret"}
    ((_name, state, detail, do),) = said()
    assert (state, detail) == ("warn", f"{reached} answers, and cannot tell us what phones do.")
    assert "LINEAVIVA_ES2_TOKENS" in do


def test_a_reseller_with_nothing_to_buy(settings: Any) -> None:
    settings.ES2_URLS, settings.ESIMGO_KEY = {}, "k3y"
    ((name, state, detail, do),) = said()
    assert (name, state) == ("esim reseller", "warn")
    assert "LINEAVIVA_ESIMGO_BUNDLES" in do
    assert "k3y" not in detail + do
    settings.ESIMGO_BUNDLES = {"vodafone": "esim_1GB"}
    assert said() == []


def test_the_command_says_it_among_the_rest(installed: Command, reached: str, ours: Path, served: Served) -> None:
    env = {
        "LINEAVIVA_ES2_URLS": f"vodafone={reached}",
        "LINEAVIVA_ES2_CERTS": str(ours),
        "LINEAVIVA_ES2_CA": str(served.certs / "nist" / "ci.pem"),
        "LINEAVIVA_ES2_TOKENS": "vodafone=s3cret",
    }
    ran = installed("doctor", "--json", **env)
    (found,) = [check for check in ran.json["checks"] if check["name"].startswith("esim")]
    assert found == {"name": "esim vodafone", "state": "ok", "detail": f"{reached} answers.", "do": ""}
    assert "s3cret" not in ran.out
