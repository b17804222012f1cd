"""Certificates: what they say, which folders of them serve, and which eUICCs are believed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.carrier.smdp import ca, crypto, der
from lineaviva.carrier.smdp.ca import Authority
from lineaviva.carrier.smdp.certificates import Range
from lineaviva.carrier.smdp.certs import (
    Certificate,
    CertificateError,
    CertificateStore,
    EuiccTrust,
    Role,
    Server,
    Signer,
    Untrusted,
    key_of,
    read_certificate,
)
from lineaviva.carrier.smdp.der import Tlv
from tests.conftest import NOON

SGP26 = Path(__file__).parents[2] / "fixtures" / "sgp26"
MADE = NOON - timedelta(days=30)
EID = "89049032000000000000000000000137"


def sgp26(name: str) -> Certificate:
    return read_certificate((SGP26 / f"CERT_{name}.der").read_bytes())


# --- one certificate ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(SGP26.glob("*.der")), ids=lambda path: path.stem)
def test_reads_what_the_library_reads(path: Path) -> None:
    found, said = read_certificate(path.read_bytes()), x509.load_der_x509_certificate(path.read_bytes())
    assert found.signed == said.tbs_certificate_bytes
    assert found.signature == said.signature
    assert found.issuer == said.issuer.public_bytes()
    assert found.subject == said.subject.public_bytes()
    assert (found.not_before, found.not_after) == (said.not_valid_before_utc, said.not_valid_after_utc)
    assert found.public_key == said.public_key() == key_of(path.read_bytes())
    key_id = said.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert found.subject_key_id == key_id


def test_the_test_set_of_the_gsma() -> None:
    ci, eum, euicc = sgp26("CI_ECDSA_NIST"), sgp26("EUM_ECDSA_NIST"), sgp26("EUICC_ECDSA_NIST")
    auth, pb, brainpool = (sgp26(f"S_SM_DP{name}") for name in ("auth_ECDSA_NIST", "pb_ECDSA_NIST", "auth_ECDSA_BRP"))
    assert [one.role for one in (ci, eum, euicc, auth, pb)] == [
        Role.CI,
        Role.EUM,
        Role.EUICC,
        Role.DP_AUTH,
        Role.DP_PB,
    ]
    assert ci.subject_key_id.hex() == "f54172bdf98a95d65cbeb88a38a1c11d800a85c3"
    assert auth.authority_key_id == ci.subject_key_id
    assert auth.oid == pb.oid == brainpool.oid == "2.999.10"
    assert euicc.eid() == "89049032123451234512345678901235"
    assert euicc.holder() == ("89049032123451234512345678901235", "RSP Test EUM")
    assert euicc.not_after == datetime(7496, 1, 24, 9, 48, 58, tzinfo=UTC)
    assert eum.says.ranges == (Range("RSP Test EUM", "89049032"),)
    assert (auth.curve.name, brainpool.curve.name) == ("secp256r1", "brainpoolP256r1")
    assert all(ci.issued(one) for one in (ci, eum, auth, pb))
    assert eum.issued(euicc)
    assert not ci.issued(euicc)
    assert not ci.issued(brainpool)
    assert auth.valid_at(datetime(2030, 3, 30, 8, 31, 30, tzinfo=UTC))
    assert not auth.valid_at(datetime(2030, 3, 30, 8, 31, 31, tzinfo=UTC))
    assert "8904" not in repr(euicc), "an EID is not shown"


GOOD = (SGP26 / "CERT_EUICC_ECDSA_NIST.der").read_bytes()


@given(st.binary(max_size=100))
def test_strange_bytes_are_no_certificate(data: bytes) -> None:
    for work in (read_certificate, key_of):
        with pytest.raises(CertificateError):
            work(data)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_changed_byte_never_gives_another_error_nor_a_right_signature(at: int, change: int) -> None:
    data = bytearray(GOOD)
    data[at] ^= change
    try:
        found = read_certificate(bytes(data))
    except CertificateError:
        return
    found.holder()
    assert not sgp26("EUM_ECDSA_NIST").issued(found)


def rebuilt(tlv: Tlv, at: int, change: int) -> bytes:
    """The value with its `at`-th part left out, doubled, emptied or under another tag; the lengths are right."""
    counter = iter(range(10_000))

    def walk(tlv: Tlv) -> bytes:
        inner = b"".join(map(walk, der.children(tlv))) if der.is_constructed(tlv.tag) else tlv.value
        made = der.write(tlv.tag, inner)
        if next(counter) != at:
            return made
        return (b"", made + made, der.write(tlv.tag), der.write(0x30, inner), der.write(0x02, inner[:3]))[change]

    return walk(tlv)


@given(st.integers(0, 90), st.integers(0, 4))
def test_a_certificate_with_a_part_out_of_place_is_read_or_refused(at: int, change: int) -> None:
    data = rebuilt(der.read(GOOD), at, change)
    try:
        found = read_certificate(data)
    except CertificateError:
        return
    found.holder()
    assert data == GOOD or not sgp26("EUM_ECDSA_NIST").issued(found)


@given(st.integers(0, len(GOOD) - 1))
def test_a_certificate_cut_short_or_with_more_behind_is_none(at: int) -> None:
    for data in (GOOD[:at], GOOD + GOOD[: at + 1]):
        with pytest.raises(CertificateError):
            read_certificate(data)


def made(
    *,
    key: object = None,
    sha: object = None,
    more: Sequence[tuple[x509.ExtensionType, bool]] = (),
    ca_only: bool = False,
) -> bytes:
    """A certificate that signs itself, with what is said."""
    private = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    builder = x509.CertificateBuilder(name, name, private.public_key(), 1, MADE, NOON)  # type: ignore[attr-defined]
    for value, critical in more:
        builder = builder.add_extension(value, critical)
    return builder.sign(private, sha or SHA256()).public_bytes(Encoding.DER)  # type: ignore[arg-type]


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.7"), b"\x05\x00")
CA = x509.BasicConstraints(ca=True, path_length=None)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(made(key=ec.generate_private_key(ec.SECP384R1()), more=[(CA, True)]), "NIST P-256", id="P-384"),
        pytest.param(made(key=rsa.generate_private_key(65537, 2048), more=[(CA, True)]), "ECDSA", id="RSA"),
        pytest.param(made(sha=SHA384(), more=[(CA, True)]), "SHA-256", id="SHA-384"),
        pytest.param(made(more=[(UNKNOWN, True)]), "unknown critical extension 2.999.7", id="unknown and critical"),
        pytest.param(made(), "A3 is missing", id="no extensions"),
        pytest.param(b"\x30" * 9000, "too long", id="too long"),
    ],
)
def test_certificates_that_no_part_of_the_system_uses(data: bytes, why: str) -> None:
    with pytest.raises(CertificateError, match=why):
        read_certificate(data)


def test_an_unknown_extension_that_is_not_critical_is_left_alone() -> None:
    found = read_certificate(made(more=[(UNKNOWN, False)]))
    assert (found.role, found.oid, found.authority_key_id, found.eid()) == (None, None, None, None)
    assert len(found.subject_key_id) == 20, "worked out from the key"


# --- folders --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates") / "set"
    ca.init(folder, hosts=["smdp.test"], now=MADE)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "set"))


def test_a_folder_of_two_cis(folder: Path) -> None:
    store = CertificateStore.load(folder, NOON)
    assert [server.ci.curve.name for server in store.servers] == ["brainpoolP256r1", "secp256r1"]
    assert store.left_out == ()
    for server in store.servers:
        assert store.by_key_id(server.ci.subject_key_id) is server
        assert server.oid == "2.999.10"
        signature = server.auth.sign(b"x")
        assert crypto.verify(server.auth.certificate.public_key, signature, b"x")
        assert server.ci.issued(server.pb.certificate)
    assert store.by_key_id(bytes(20)) is None
    assert store.tls is not None
    assert store.tls.certificate == folder / "nist" / "dptls.pem", "brainpool is not spoken in TLS by many"
    assert store.tls.key == folder / "nist" / "dptls.key"
    assert store.tls.chain_pem == store.tls.certificate.read_bytes()
    assert store.tls.key_pem() == store.tls.key.read_bytes()


def test_files_are_known_by_what_they_hold(folder: Path, tmp_path: Path) -> None:
    """In one folder, as DER, under other names, with notes beside them."""
    flat = tmp_path / "flat"
    flat.mkdir()
    for number, path in enumerate(sorted((folder / "nist").iterdir())):
        if path.suffix == ".pem":
            der = x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)
            (flat / f"{number}.der").write_bytes(der)
        else:
            shutil.copy(path, flat / f"{number}.pem")
    (flat / "README.md").write_text("-----BEGIN CERTIFICATE----- is what others begin with")
    found = CertificateStore.load(flat, NOON).servers
    expected = CertificateStore.load(folder / "nist", NOON).servers
    assert [server.ci for server in found] == [server.ci for server in expected]
    assert [server.pb.certificate for server in found] == [server.pb.certificate for server in expected]


def test_keys_in_der_and_with_parameters_in_front(folder: Path) -> None:
    key = folder / "nist" / "dppb.key"
    private = CertificateStore.load(folder, NOON).servers[1].pb.key
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    key.write_bytes(b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + pem)
    assert len(CertificateStore.load(folder, NOON).servers) == 2
    key.unlink()
    (folder / "dppb.der").write_bytes(private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    assert len(CertificateStore.load(folder, NOON).servers) == 2


def lock(path: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")))


def swap(path: Path) -> None:
    """The certificate of another CI with the same role."""
    other = Authority.make(crypto.NIST, now=MADE)
    ours = x509.load_pem_x509_certificate((path.parent / "ci.pem").read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    said = other.server(now=MADE).auth.certificate.parsed
    builder = x509.CertificateBuilder(
        ours.subject, said.subject, key.public_key(), 1, said.not_valid_before_utc, said.not_valid_after_utc
    )
    for extension in said.extensions:
        value: x509.ExtensionType = extension.value
        if isinstance(value, x509.AuthorityKeyIdentifier):
            ski = ours.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            value = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski)
        builder = builder.add_extension(value, extension.critical)
    path.write_bytes(builder.sign(other.ci.key, SHA256()).public_bytes(Encoding.PEM))


def other_oid(path: Path) -> None:
    parts = CertificateStore.load(path.parent, NOON).servers[0]
    assert parts.ci_key
    authority = Authority(Signer(parts.ci, parts.ci_key), Signer(parts.ci, parts.ci_key))
    found = authority.server(now=MADE, oid="2.999.11").auth
    path.write_bytes(ca.certificate_pem(found))
    path.with_suffix(".key").write_bytes(ca.key_pem(found))


WRONG: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "key missing": ("nist/dppb.key", Path.unlink, "nist/dppb.pem: its private key is not in"),
    "TLS key missing": ("nist/dptls.key", Path.unlink, "nist/dptls.pem: its private key is not in"),
    "DPpb missing": ("nist/dppb.pem", Path.unlink, "nist/ci.pem: no DPpb certificate is under this CI"),
    "DPauth missing": ("nist/dpauth.pem", Path.unlink, "nist/ci.pem: no DPauth certificate is under this CI"),
    "key locked": ("nist/dppb.key", lock, "nist/dppb.key is locked with a password"),
    "certificate broken": (
        "nist/dppb.pem",
        lambda path: path.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        "nist/dppb.pem holds a certificate that cannot be read",
    ),
    "key broken": (
        "nist/dppb.key",
        lambda path: path.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        "nist/dppb.key holds a private key that cannot be read",
    ),
    "neither": ("nist/dppb.der", lambda path: path.write_bytes(b"nothing"), "nist/dppb.der: these bytes are no certi"),
    "too long": ("nist/x.pem", lambda path: path.write_bytes(bytes(70_000)), "nist/x.pem is too long"),
    "another CI's signature": ("nist/dpauth.pem", swap, "nist/dpauth.pem is not signed by the key of .*nist/ci.pem"),
    "another SM-DP+": ("nist/dpauth.pem", other_oid, "nist/dpauth.pem and .*nist/dppb.pem do not name the same SM-DP"),
}


@pytest.mark.parametrize(("name", "change", "why"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_told_with_its_file(folder: Path, name: str, change: Callable[[Path], object], why: str) -> None:
    change(folder / name)
    with pytest.raises(CertificateError, match=why):
        CertificateStore.load(folder, NOON)


def test_certificates_out_of_date_are_told_when_the_date_is_known(folder: Path) -> None:
    late = datetime(2050, 1, 1, tzinfo=UTC)
    with pytest.raises(CertificateError, match=r"dpauth.pem is valid from 2026-10-22 to 2036-10-20 only"):
        CertificateStore.load(folder, late)
    assert len(CertificateStore.load(folder).servers) == 2


def test_two_of_a_kind_under_one_ci_are_refused(folder: Path) -> None:
    server = CertificateStore.load(folder / "nist", NOON).servers[0]
    assert server.ci_key
    ci = Signer(server.ci, server.ci_key)
    (folder / "second.pem").write_bytes(ca.certificate_pem(Authority(ci, ci).server(now=MADE).pb))
    with pytest.raises(CertificateError, match=r"dppb.pem and .*second.pem are for the same thing under one CI"):
        CertificateStore.load(folder, NOON)


def test_what_has_no_ci_here_is_left_out_and_said(folder: Path) -> None:
    (folder / "brainpool" / "ci.pem").unlink()
    store = CertificateStore.load(folder, NOON)
    assert [server.ci.curve.name for server in store.servers] == ["secp256r1"]
    assert [text.removeprefix(str(folder)) for text in store.left_out] == [
        f"/brainpool/dpauth.pem: the CI that signed it is not in {folder}",
        f"/brainpool/dppb.pem: the CI that signed it is not in {folder}",
    ]


def test_a_ci_with_nothing_under_it_is_left_out_and_said(folder: Path) -> None:
    for name in ("dpauth", "dppb"):
        (folder / "nist" / f"{name}.pem").unlink()
    store = CertificateStore.load(folder, NOON)
    assert len(store.servers) == 1
    assert store.left_out == (f"{folder}/nist/ci.pem: no DPauth and no DPpb certificate is under this CI",)


def test_a_folder_without_a_set(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="holds no complete set"):
        CertificateStore.load(tmp_path)
    with pytest.raises(CertificateError, match="is not a folder"):
        CertificateStore.load(tmp_path / "nowhere")


# --- trust ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make(crypto.NIST, now=MADE)


@pytest.fixture(scope="module")
def trust(authority: Authority) -> EuiccTrust:
    other = Authority.make(crypto.BRAINPOOL, now=MADE)
    return EuiccTrust(CertificateStore([authority.server(now=MADE), other.server(now=MADE)]))


def test_believes_an_euicc_of_a_certified_maker(authority: Authority, trust: EuiccTrust) -> None:
    euicc = authority.euicc(EID, now=MADE)
    found = trust.check(euicc.certificate.der, authority.eum.certificate.der, NOON)
    assert found.eid == EID
    assert found.public_key == euicc.key.public_key()
    assert found.certificate == euicc.certificate
    assert found.server.ci == authority.ci.certificate
    assert EID not in repr(found)


def test_believes_the_euicc_of_the_gsmas_test_set() -> None:
    ci, auth, pb = (sgp26(name) for name in ("CI_ECDSA_NIST", "S_SM_DPauth_ECDSA_NIST", "S_SM_DPpb_ECDSA_NIST"))
    key = ec.generate_private_key(ec.SECP256R1())
    server = Server(ci, Signer(auth, key), Signer(pb, key), None, "2.999.10")
    trust = EuiccTrust(CertificateStore([server]))
    found = trust.check(GOOD, sgp26("EUM_ECDSA_NIST").der, NOON)
    assert found.eid == "89049032123451234512345678901235"


def name(organization: str = ca.MAKER, serial: str = EID) -> x509.Name:
    pairs = ((NameOID.ORGANIZATION_NAME, organization), (NameOID.SERIAL_NUMBER, serial))
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in pairs if text])


def euicc_of(authority: Authority, **changed: object) -> bytes:
    said = {"begins": MADE, "ends": ca.NEVER, "issuer": authority.eum, "role": Role.EUICC, "subject": name()} | changed
    return ca.issue(curve=crypto.NIST, **said).certificate.der  # type: ignore[arg-type]


def eum_of(authority: Authority, **changed: object) -> Signer:
    said = {
        "begins": MADE,
        "ends": ca.NEVER,
        "issuer": authority.ci,
        "role": Role.EUM,
        "subject": authority.eum.certificate.parsed.subject,
        "more": [(x509.NameConstraints([x509.DirectoryName(name(serial="89049032"))], None), True)],
    } | changed
    return ca.issue(curve=crypto.NIST, **said)  # type: ignore[arg-type]


def flipped(der: bytes) -> bytes:
    return der[:-1] + bytes((der[-1] ^ 1,))


EARLY, LATE = NOON - timedelta(days=5), NOON + timedelta(days=5)
EUICCS: dict[str, tuple[Callable[[Authority], bytes], str]] = {
    "no certificate": (lambda ours: b"\x30\x00", "bad"),
    "nothing": (lambda ours: b"", "bad"),
    "its signature is changed": (lambda ours: flipped(euicc_of(ours)), "euicc_signature"),
    "signed by another maker of the same name": (
        lambda ours: euicc_of(ours, issuer=Authority.make(crypto.NIST, now=MADE).eum),
        "euicc_signature",
    ),
    "signed by the CI": (lambda ours: euicc_of(ours, issuer=ours.ci), "euicc_signature"),
    "it has ended": (lambda ours: euicc_of(ours, begins=MADE, ends=EARLY), "euicc_expired"),
    "it has not begun": (lambda ours: euicc_of(ours, begins=LATE), "euicc_expired"),
    "it is for something else": (lambda ours: euicc_of(ours, role=Role.DP_AUTH), "bad"),
    "no EID in it": (lambda ours: euicc_of(ours, subject=name(serial="")), "eid_mismatch"),
    "an EID of 31 digits": (lambda ours: euicc_of(ours, subject=name(serial=EID[:-1])), "eid_mismatch"),
    "an EID with a letter": (lambda ours: euicc_of(ours, subject=name(serial=EID[:-1] + "x")), "eid_mismatch"),
    "the EID of another maker": (
        lambda ours: euicc_of(ours, subject=name(serial="89033023" + EID[8:])),
        "eid_out_of_range",
    ),
    "the name of another maker": (lambda ours: euicc_of(ours, subject=name("Else")), "eid_out_of_range"),
}


@pytest.mark.parametrize(("euicc", "kind"), EUICCS.values(), ids=EUICCS)
def test_an_euicc_that_is_not_believed(
    authority: Authority, trust: EuiccTrust, euicc: Callable[[Authority], bytes], kind: str
) -> None:
    with pytest.raises(Untrusted) as refused:
        trust.check(euicc(authority), authority.eum.certificate.der, NOON)
    assert (refused.value.kind, refused.value.whose) == (kind, "euicc")


EUMS: dict[str, tuple[Callable[[Authority], bytes], str]] = {
    "no certificate": (lambda ours: b"\x30\x00", "bad"),
    "its signature is changed": (lambda ours: flipped(ours.eum.certificate.der), "eum_signature"),
    "of an unknown CI": (lambda ours: Authority.make(crypto.NIST, now=MADE).eum.certificate.der, "ci_unknown"),
    "it signed itself": (lambda ours: eum_of(ours, issuer=None).certificate.der, "ci_unknown"),
    "it has ended": (lambda ours: eum_of(ours, ends=EARLY).certificate.der, "eum_expired"),
    "it has not begun": (lambda ours: eum_of(ours, begins=LATE).certificate.der, "eum_expired"),
    "it may sign no certificates": (lambda ours: eum_of(ours, role=Role.DP_AUTH).certificate.der, "bad"),
    "the CI itself": (lambda ours: ours.ci.certificate.der, "ci_unknown"),
}


@pytest.mark.parametrize(("eum", "kind"), EUMS.values(), ids=EUMS)
def test_a_maker_that_is_not_believed(
    authority: Authority, trust: EuiccTrust, eum: Callable[[Authority], bytes], kind: str
) -> None:
    for _ in range(2):  # no refusal is taken from the cache as a yes
        with pytest.raises(Untrusted) as refused:
            trust.check(euicc_of(authority), eum(authority), NOON)
        assert (refused.value.kind, refused.value.whose) == (kind, "eum")


def test_a_maker_vouches_for_what_its_certificate_permits_only(authority: Authority, trust: EuiccTrust) -> None:
    for more in ([], [(x509.NameConstraints([x509.DirectoryName(name(serial="89033"))], None), True)]):
        eum = eum_of(authority, more=more)
        with pytest.raises(Untrusted, match="eid_out_of_range"):
            trust.check(euicc_of(authority, issuer=eum), eum.certificate.der, NOON)
    two = [x509.DirectoryName(name(serial=begins)) for begins in ("89033", "890490320")]
    eum = eum_of(authority, more=[(x509.NameConstraints(two, None), True)])
    assert trust.check(euicc_of(authority, issuer=eum), eum.certificate.der, NOON).eid == EID


def test_a_maker_is_verified_once_but_its_dates_each_time(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust = EuiccTrust(CertificateStore([authority.server(now=MADE)]))
    eum, euicc = eum_of(authority, ends=LATE), authority.euicc(EID, now=MADE)
    verified: list[object] = []
    real = crypto.verify_der

    def counted(key: crypto.PublicKey, signature: bytes, message: bytes) -> bool:
        verified.append(key)
        return real(key, signature, message)

    monkeypatch.setattr(crypto, "verify_der", counted)
    made = euicc_of(authority, issuer=eum)
    for _ in range(3):
        trust.check(made, eum.certificate.der, NOON)
    assert len(verified) == 4, "the maker's once, the eUICC's three times"
    with pytest.raises(Untrusted, match="eum_expired"):
        trust.check(made, eum.certificate.der, LATE + timedelta(seconds=1))
    with pytest.raises(Untrusted, match="euicc_signature"):
        trust.check(euicc.certificate.der, eum.certificate.der, NOON)


def test_a_ci_that_has_ended_certifies_nobody(authority: Authority, trust: EuiccTrust) -> None:
    late = authority.ci.certificate.not_after + timedelta(days=1)
    eum = eum_of(authority)
    with pytest.raises(Untrusted, match="ci_unknown"):
        trust.check(euicc_of(authority, issuer=eum), eum.certificate.der, late)
