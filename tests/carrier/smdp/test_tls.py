"""The certificate that is shown in TLS, and the operators that are let in by theirs."""

from __future__ import annotations

import os
import shutil
import ssl
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lineaviva.carrier.smdp import ca, crypto
from lineaviva.carrier.smdp.certs import CertificateError, CertificateStore
from lineaviva.carrier.smdp.clients import Doorkeeper, client_add, clients, fingerprint
from lineaviva.carrier.smdp.tls import tls_identity
from lineaviva.kernel.errors import InvalidInput

HOSTS = ["smdp.test", "127.0.0.1"]


@pytest.fixture
def folder(tmp_path: Path, now: datetime) -> Path:
    ca.init(tmp_path / "ca", hosts=HOSTS, now=now)
    return tmp_path / "ca"


def store(folder: Path) -> CertificateStore:
    return CertificateStore.load(folder)


def names(file: Path) -> list[str]:
    read = x509.load_pem_x509_certificate(file.read_bytes())
    found = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = map(str, found.get_values_for_type(x509.IPAddress))
    return [*found.get_values_for_type(x509.DNSName), *addresses]


def usable(file: Path) -> bool:
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file)
    return True


def without_tls(folder: Path) -> None:
    for path in folder.rglob("dptls.*"):
        path.unlink()


def test_the_folder_s_own_counts_first(folder: Path, tmp_path: Path, now: datetime) -> None:
    found = tls_identity(store=store(folder), kept=tmp_path / "kept", hosts=["other.test"], now=now)
    own = x509.load_pem_x509_certificate((folder / "nist" / "dptls.pem").read_bytes())
    assert x509.load_pem_x509_certificate(found.file.read_bytes()) == own
    assert (found.issued, found.not_after) == (False, own.not_valid_after_utc)
    assert usable(found.file)
    assert found.file.stat().st_mode & 0o777 == 0o600


def test_without_one_it_is_issued_under_the_test_ci(folder: Path, tmp_path: Path, now: datetime) -> None:
    without_tls(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found = tls_identity(store=store(folder), kept=tmp_path / "kept", hosts=HOSTS, now=now)
    assert found.issued
    assert names(found.file) == HOSTS
    ci = x509.load_pem_x509_certificate((folder / "nist" / "ci.pem").read_bytes())
    x509.load_pem_x509_certificate(found.file.read_bytes()).verify_directly_issued_by(ci)
    assert usable(found.file)
    assert found.file.stat().st_mode & 0o777 == 0o600
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_one_that_ended_is_replaced_by_one_that_is_issued(folder: Path, tmp_path: Path, now: datetime) -> None:
    """As with GSMA's set, whose TLS certificates have ended."""
    later = now + timedelta(days=400)
    found = tls_identity(store=store(folder), kept=tmp_path / "kept", hosts=HOSTS, now=later)
    assert found.issued
    assert found.not_after > later + timedelta(days=300)


def test_an_issued_one_is_kept_until_its_last_month(folder: Path, tmp_path: Path, now: datetime) -> None:
    without_tls(folder)

    def issued(at: datetime, hosts: list[str]) -> bytes:
        return tls_identity(store=store(folder), kept=tmp_path / "kept", hosts=hosts, now=at).file.read_bytes()

    first = issued(now, HOSTS)
    assert issued(now + timedelta(days=300), HOSTS) == first
    assert issued(now + timedelta(days=300), [*HOSTS, "new.test"]) != first
    assert issued(now + timedelta(days=350), HOSTS) != first


def test_without_certificate_and_ci_key_it_says_what_to_do(folder: Path, tmp_path: Path, now: datetime) -> None:
    without_tls(folder)
    for path in folder.rglob("ci.key"):
        path.unlink()
    with pytest.raises(CertificateError, match=r"neither a valid TLS certificate .* Leave TLS to what stands in front"):
        tls_identity(store=store(folder), kept=tmp_path / "kept", hosts=HOSTS, now=now)
    assert not (tmp_path / "kept").exists()


def test_brainpool_alone_has_no_tls(folder: Path, tmp_path: Path, now: datetime) -> None:
    shutil.rmtree(folder / "nist")
    without_tls(folder)
    with pytest.raises(CertificateError, match="NIST P-256"):
        tls_identity(store=store(folder), kept=tmp_path / "kept", hosts=HOSTS, now=now)


# --- operators --------------------------------------------------------------------------------------------------------


def pem(now: datetime, name: str = "tim.test") -> bytes:
    signer = ca.Authority.make(crypto.NIST, now=now).tls([name], now=now)
    return signer.certificate.parsed.public_bytes(Encoding.PEM)


def der(certificate: bytes) -> bytes:
    return x509.load_pem_x509_certificate(certificate).public_bytes(Encoding.DER)


def test_an_operator_may_have_two_while_one_replaces_the_other(tmp_path: Path, now: datetime) -> None:
    old, new = pem(now), pem(now)
    for certificate in (old, new, old):
        client_add(folder=tmp_path, operator="tim", pem=certificate)
    assert [(one.operator, one.fingerprint) for one in clients(tmp_path)] == [
        ("tim", fingerprint(der(old))),
        ("tim", fingerprint(der(new))),
    ]


def test_a_certificate_belongs_to_one_operator(tmp_path: Path, now: datetime) -> None:
    certificate = pem(now)
    client_add(folder=tmp_path, operator="tim", pem=certificate)
    with pytest.raises(InvalidInput, match="That certificate is tim's"):
        client_add(folder=tmp_path, operator="vodafone", pem=certificate)
    assert [path.name for path in tmp_path.iterdir()] == ["tim.pem"]


@pytest.mark.parametrize("operator", ["", "TIM", "../tim", "a b", "a" * 40, "tim.pem"])
def test_an_operator_is_a_name_and_not_a_path(tmp_path: Path, now: datetime, operator: str) -> None:
    with pytest.raises(InvalidInput):
        client_add(folder=tmp_path, operator=operator, pem=pem(now))
    assert list(tmp_path.iterdir()) == []


def test_the_door_hears_of_changes_in_the_folder(folder: Path, tmp_path: Path, now: datetime) -> None:
    identity = tls_identity(store=store(folder), kept=tmp_path / "kept", hosts=HOSTS, now=now)
    keeper, operators = Doorkeeper(identity.file, tmp_path / "operators"), tmp_path / "operators"
    keeper.refresh()
    certificate = pem(now)
    assert keeper.operator(der(certificate)) == ""
    client_add(folder=operators, operator="tim", pem=certificate)
    keeper.refresh()
    assert keeper.operator(der(certificate)) == "tim"
    assert keeper.operator(None) == ""
    assert keeper.context.verify_mode is ssl.CERT_REQUIRED
    assert keeper.context.minimum_version is ssl.TLSVersion.TLSv1_2
    (operators / "tim.pem").unlink()
    keeper.refresh()
    assert keeper.operator(der(certificate)) == ""


def test_a_broken_file_leaves_those_in_who_were(folder: Path, tmp_path: Path, now: datetime) -> None:
    identity = tls_identity(store=store(folder), kept=tmp_path / "kept", hosts=HOSTS, now=now)
    operators, certificate = tmp_path / "operators", pem(now)
    keeper = Doorkeeper(identity.file, operators)
    client_add(folder=operators, operator="tim", pem=certificate)
    keeper.refresh()
    (operators / "vodafone.pem").write_text("-----BEGIN CERTIFICATE-----\nhalf")
    with pytest.raises(InvalidInput, match=r"vodafone\.pem holds no certificate"):
        keeper.refresh()
    assert keeper.operator(der(certificate)) == "tim"
    (operators / "vodafone.pem").write_bytes(pem(now, "vodafone.test"))
    os.utime(operators / "vodafone.pem", (1, 1))
    keeper.refresh()
    assert [one.operator for one in clients(operators)] == ["tim", "vodafone"]
