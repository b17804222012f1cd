"""What the pretend SM-DP+ makes for itself: once, whole, and again when it has ended or was used up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from lineaviva.carrier.smdp import ca, sealing
from lineaviva.carrier.smdp.certs import CertificateStore
from lineaviva.carrier.smdp.clients import clients
from lineaviva.carrier.smdp.models import Profile
from lineaviva.sandbox.smdp import ready

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def smdp(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.HOME, settings.SMDP_CLIENTS = tmp_path, str(tmp_path / "clients")
    settings.SMDP_ADDRESS, settings.SMDP_KEY = "127.0.0.1:8005", "a key for tests only, long enough to be taken"
    sealing.vault.cache_clear()
    yield
    sealing.vault.cache_clear()


@pytest.fixture
def store(tmp_path: Path) -> CertificateStore:
    ready.certificates_make(tmp_path / "certs", now=NOW)
    return CertificateStore.load(tmp_path / "certs", NOW)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}


# --- certificates -----------------------------------------------------------------------------------------------------


def test_certificates_are_made_once(tmp_path: Path) -> None:
    ready.certificates_make(tmp_path / "certs", now=NOW)
    before = files(tmp_path / "certs")
    assert len(before) == 12
    ready.certificates_make(tmp_path / "certs", now=NOW)
    assert files(tmp_path / "certs") == before


def test_a_set_that_was_not_finished_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ca, "_store", killed)
        with pytest.raises(KeyboardInterrupt):
            ready.certificates_make(tmp_path / "certs", now=NOW)
    assert not (tmp_path / "certs").exists()
    ready.certificates_make(tmp_path / "certs", now=NOW)
    assert len(CertificateStore.load(tmp_path / "certs", NOW).servers) == 1


def test_the_server_shows_a_certificate_for_this_machine(store: CertificateStore) -> None:
    shown = x509.load_pem_x509_certificate(ready.identity(store, now=NOW).read_bytes())
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]


# --- operators --------------------------------------------------------------------------------------------------------


def let_in(store: CertificateStore, tmp_path: Path, operator: str, now: datetime = NOW) -> bytes:
    ready.operator_let_in(operator, server=store.servers[0], folder=tmp_path / "operators", now=now)
    return (tmp_path / "operators" / f"{operator}.pem").read_bytes()


def test_an_operator_is_let_in_by_its_own_certificate_once(store: CertificateStore, tmp_path: Path) -> None:
    own = let_in(store, tmp_path, "tim")
    let_in(store, tmp_path, "vodafone")
    assert [one.operator for one in clients(tmp_path / "clients")] == ["tim", "vodafone"]
    assert b"PRIVATE KEY" in own
    assert b"PRIVATE KEY" not in (tmp_path / "clients" / "tim.pem").read_bytes()
    assert (tmp_path / "operators" / "tim.pem").stat().st_mode & 0o777 == 0o600
    assert let_in(store, tmp_path, "tim") == own


@pytest.mark.parametrize("days", [336, 400], ids=["in its last month", "ended"])
def test_a_certificate_that_ends_is_replaced(store: CertificateStore, tmp_path: Path, days: int) -> None:
    own = let_in(store, tmp_path, "tim")
    assert let_in(store, tmp_path, "tim", NOW + timedelta(days=334)) == own
    assert let_in(store, tmp_path, "tim", NOW + timedelta(days=days)) != own
    (known,) = clients(tmp_path / "clients")
    assert known.certificate.not_valid_after_utc.date() == (NOW + timedelta(days=days + 365)).date()


def test_a_pair_that_does_not_fit_is_made_anew(store: CertificateStore, tmp_path: Path) -> None:
    own = let_in(store, tmp_path, "tim")
    (tmp_path / "clients" / "tim.pem").write_bytes(let_in(store, tmp_path, "vodafone").partition(b"-----BEGIN P")[0])
    assert let_in(store, tmp_path, "tim") != own
    assert (tmp_path / "operators" / "tim.pem").read_bytes().startswith((tmp_path / "clients/tim.pem").read_bytes())


# --- stock ------------------------------------------------------------------------------------------------------------


def test_each_operator_has_twenty_profiles_of_its_own(now: datetime) -> None:
    assert [ready.stock_fill(operator, now=now) for operator in ("tim", "vodafone", "windtre")] == [20, 20, 20]
    found = Profile.objects.all()
    assert {(one.profile_type, one.state) for one in found} == {("prepaid", "available")}
    begin = {(one.operator, one.iccid[:6]) for one in found}
    assert begin == {("tim", "893901"), ("vodafone", "893910"), ("windtre", "893988")}
    assert all(11_500 < one.size < 12_500 for one in found)
    assert b"WindTre" in bytes(found.filter(operator="windtre")[0].package.metadata)


def test_what_was_used_up_is_filled_up(now: datetime) -> None:
    ready.stock_fill("tim", now=now)
    assert ready.stock_fill("tim", now=now) == 0
    used = list(Profile.objects.values_list("pk", flat=True)[:3])
    Profile.objects.filter(pk__in=used).update(state="installed")
    assert ready.stock_fill("tim", now=now) == 3
    assert Profile.objects.filter(state="available").count() == 20
    assert Profile.objects.filter(pk__in=used, state="installed").count() == 3


def test_profiles_that_would_report_to_another_port_are_replaced_unless_ordered(settings: Any, now: datetime) -> None:
    ready.stock_fill("tim", now=now)
    ordered = Profile.objects.all()[0]
    Profile.objects.filter(pk=ordered.pk).update(state="released")
    settings.SMDP_ADDRESS = "127.0.0.1:21005"
    assert ready.stock_fill("tim", now=now) == 20
    assert Profile.objects.count() == 21
    assert Profile.objects.get(pk=ordered.pk).state == "released"
    stock = Profile.objects.filter(state="available")
    assert all(b"127.0.0.1:21005" in bytes(one.package.metadata) for one in stock)
    assert ready.stock_fill("tim", now=now) == 0
