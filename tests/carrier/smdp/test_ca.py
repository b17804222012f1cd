"""The test CI: its certificates are such as SGP.22 asks for, and OpenSSL and the store take them."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from lineaviva.carrier.smdp import ca, crypto
from lineaviva.carrier.smdp.certs import CertificateStore, EuiccTrust, Role, Server, read_certificate
from lineaviva.kernel.eid import parse_eid
from tests.conftest import NOON

FILES = ["ci", "dpauth", "dppb", "dptls", "euicc", "eum"]


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


@pytest.mark.parametrize(
    ("curve", "folders"),
    [("nist", ["nist"]), ("brainpool", ["brainpool"]), ("both", ["brainpool", "nist"])],
)
def test_makes_a_set_that_the_store_reads(tmp_path: Path, curve: ca.CurveName, folders: list[str]) -> None:
    made = ca.init(tmp_path, curve=curve, hosts=["smdp.test"], now=NOON)
    assert sorted(made) == sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert sorted(path.name for path in tmp_path.iterdir()) == folders
    for folder in folders:
        assert sorted(path.stem for path in (tmp_path / folder).glob("*.pem")) == FILES
        assert sorted(path.stem for path in (tmp_path / folder).glob("*.key")) == FILES
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in (tmp_path / folder).glob("*.key"))
    store = CertificateStore.load(tmp_path, NOON)
    assert len(store.servers) == len(folders)
    assert store.left_out == ()
    trust = EuiccTrust(store)
    eids = set()
    for folder in folders:
        euicc, eum = (read(tmp_path / folder / f"{name}.pem").public_bytes(Encoding.DER) for name in ("euicc", "eum"))
        eids.add(trust.check(euicc, eum, NOON).eid)
    assert len(eids) == 1, "one chip, whichever CI it is asked under"
    assert parse_eid(eids.pop()).startswith(ca.EID_BEGINS)


def test_does_not_write_over_a_set(tmp_path: Path) -> None:
    ca.init(tmp_path, curve="nist", now=NOON)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    with pytest.raises(FileExistsError):
        ca.init(tmp_path, curve="nist", now=NOON)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


@pytest.mark.parametrize(
    ("name", "role", "usage", "is_ca"),
    [
        ("ci", Role.CI, {"key_cert_sign", "crl_sign"}, True),
        ("eum", Role.EUM, {"key_cert_sign"}, True),
        ("euicc", Role.EUICC, {"digital_signature"}, False),
        ("dpauth", Role.DP_AUTH, {"digital_signature"}, False),
        ("dppb", Role.DP_PB, {"digital_signature"}, False),
        ("dptls", Role.DP_TLS, {"digital_signature"}, False),
    ],
)
def test_the_extensions_are_those_that_sgp22_asks_for(
    tmp_path: Path, name: str, role: Role, usage: set[str], is_ca: bool
) -> None:
    ca.init(tmp_path, curve="nist", now=NOON)
    said = {type(one.value): one for one in read(tmp_path / "nist" / f"{name}.pem").extensions}
    policies, found = said[x509.CertificatePolicies], said[x509.KeyUsage]
    assert policies.critical
    assert [policy.policy_identifier.dotted_string for policy in policies.value] == [role.value]
    assert found.critical
    names = ("digital_signature", "key_cert_sign", "crl_sign", "key_agreement", "content_commitment")
    assert {one for one in names if getattr(found.value, one)} == usage
    assert (x509.BasicConstraints in said) is is_ca
    assert (x509.NameConstraints in said) is (name == "eum")
    assert (x509.SubjectAlternativeName in said) is (name != "euicc")
    assert (x509.CRLDistributionPoints in said) is (name != "euicc")
    assert (x509.AuthorityKeyIdentifier in said) is (name != "ci")
    assert x509.SubjectKeyIdentifier in said


def test_what_is_in_the_rest_of_the_extensions(tmp_path: Path) -> None:
    ca.init(tmp_path, curve="nist", hosts=["smdp.test", "127.0.0.1", "::1"], now=NOON)
    tls = read(tmp_path / "nist" / "dptls.pem").extensions
    names = tls.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["smdp.test"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert [oid.dotted_string for oid in names.get_values_for_type(x509.RegisteredID)] == ["2.999.10"]
    use = tls.get_extension_for_class(x509.ExtendedKeyUsage)
    assert use.critical
    assert set(use.value) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    eum = read(tmp_path / "nist" / "eum.pem").extensions
    constraints = eum.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert eum.get_extension_for_class(x509.BasicConstraints).value.path_length == 0


def test_a_clock_a_little_behind_takes_a_new_certificate(tmp_path: Path) -> None:
    ca.init(tmp_path, curve="nist", now=NOON)
    CertificateStore.load(tmp_path, NOON - timedelta(hours=23))


def test_eids_differ_and_have_right_check_digits() -> None:
    eids = {ca.new_eid() for _ in range(50)}
    assert len(eids) == 50
    assert all(parse_eid(eid) == eid for eid in eids)


def test_a_tls_certificate_for_a_set_that_has_none() -> None:
    authority = ca.Authority.make(crypto.NIST, now=NOON)
    server = authority.server(now=NOON)
    assert server.tls is None
    certificate, key = ca.issue_tls(server, ["smdp.test"], now=NOON)
    found = read_certificate(x509.load_pem_x509_certificate(certificate).public_bytes(Encoding.DER))
    assert authority.ci.certificate.issued(found)
    assert (found.role, found.oid, found.says.serves_tls) == (Role.DP_TLS, "2.999.10", True)
    assert b"PRIVATE KEY" in key
    without = Server(server.ci, server.auth, server.pb, None, server.oid)
    with pytest.raises(ValueError, match="private key of the CI is not in the set"):
        ca.issue_tls(without, ["smdp.test"], now=NOON)


@pytest.mark.parametrize("curve", ["nist", "brainpool"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
def test_tls_is_spoken_with_it(tmp_path: Path, curve: ca.CurveName, version: ssl.TLSVersion) -> None:
    """OpenSSL checks the chain up to the CI, also when that is on brainpool."""
    ca.init(tmp_path, curve=curve, hosts=["smdp.test"], now=NOON - timedelta(days=10))
    tls = CertificateStore.load(tmp_path).tls
    assert tls is not None
    server, client = (
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
        ssl.create_default_context(cafile=str(tmp_path / curve / "ci.pem")),
    )
    server.load_cert_chain(tls.certificate, tls.key)
    client.minimum_version = client.maximum_version = version
    ours, theirs = socket.socketpair()

    def answer() -> None:
        with server.wrap_socket(theirs, server_side=True) as connection:
            connection.sendall(b"hello")

    thread = threading.Thread(target=answer)
    thread.start()
    with client.wrap_socket(ours, server_hostname="smdp.test") as connection:
        assert connection.recv(5) == b"hello"
        assert connection.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
    thread.join()
