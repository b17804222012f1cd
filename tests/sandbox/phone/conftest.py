"""A folder of certificates, an SM-DP+ that may lie, and a phone that must not believe it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lineaviva.carrier.smdp import ca
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.sandbox.phone import device
from lineaviva.sandbox.phone.device import Phone
from lineaviva.sandbox.phone.lpa import Wish
from lineaviva.sandbox.phone.store import Profile
from tests.sandbox.phone.server import Smdp

# TLS looks at the machine's own clock, so these tests live in its time too.
NOW = datetime.now(UTC)
Download = Callable[..., Profile]


@pytest.fixture(scope="session")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certs")
    ca.init(folder, curve="both", now=NOW)
    return folder


@pytest.fixture
def server(certs: Path) -> Iterator[Smdp]:
    smdp = Smdp(certs / "nist")
    yield smdp
    smdp.close()


@pytest.fixture
def folder(tmp_path: Path, certs: Path) -> Path:
    """Where the test's phone lives."""
    device.make(tmp_path / "phone", certs, now=NOW)
    return tmp_path / "phone"


@pytest.fixture
def phone(folder: Path) -> Phone:
    return device.look(folder)


@pytest.fixture
def said() -> list[str]:
    """The steps that the phone told."""
    return []


@pytest.fixture
def download(phone: Phone, server: Smdp, said: list[str]) -> Download:
    """Download from the test's server onto the test's phone."""

    def run(confirmation_code: str = "", *, oid: str = "", **wish: bool) -> Profile:
        code = ActivationCode(server.address, "K7-QX2M", oid)
        return phone.lpa(said.append).download(Wish(code, confirmation_code, **wish), NOW)

    return run
