"""A test CI with everything under it: EUM, eUICC, DPauth, DPpb and DPtls (SGP.22 v2.x 4.5.2, SGP.14).

Only test eUICCs believe it. What phones on the street believe is issued under a GSMA CI, after an audit (SAS-SM).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from stdnum.iso7064 import mod_97_10

from lineaviva.carrier.smdp import crypto
from lineaviva.carrier.smdp.certificates import Role, read_certificate
from lineaviva.carrier.smdp.certs import Server, Signer

CurveName = Literal["nist", "brainpool", "both"]
CURVES: dict[str, crypto.Curve] = {"nist": crypto.NIST, "brainpool": crypto.BRAINPOOL}

# 2.999 is the arc for examples (ITU-T X.660), which the GSMA's own test set uses too.
CI_OID, EUM_OID, SERVER_OID = "2.999.1", "2.999.5", "2.999.10"
MAKER = "Lineaviva Test EUM"
# The maker's part of an EID, as in the GSMA's test set.
EID_BEGINS = "89049032"
NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_DAY = timedelta(days=1)
_YEAR = timedelta(days=365)


def new_eid() -> str:
    """A random EID of the test maker, its check digits right (SGP.29)."""
    digits = EID_BEGINS + "".join(secrets.choice("0123456789") for _ in range(22))
    return digits + mod_97_10.calc_check_digits(digits)


@dataclass(frozen=True, slots=True)
class Authority:
    """A test CI and the one maker of eUICCs under it."""

    ci: Signer
    eum: Signer

    @classmethod
    def make(cls, curve: crypto.Curve, *, now: datetime) -> Authority:
        ends = now + 35 * _YEAR
        ci = issue(Role.CI, _name("Lineaviva Test CI"), curve, begins=now, ends=ends, oid=CI_OID)
        eum = issue(
            Role.EUM, _name(MAKER, MAKER), curve, issuer=ci, begins=now, ends=ends, oid=EUM_OID, more=[_permitted()]
        )
        return cls(ci, eum)

    def euicc(self, eid: str, *, now: datetime, ends: datetime = NEVER) -> Signer:
        """The certificate and key of the eUICC with this EID."""
        name = _name("Test eUICC", MAKER, eid)
        return issue(Role.EUICC, name, self.ci.certificate.curve, issuer=self.eum, begins=now, ends=ends)

    def server(self, *, now: datetime, ends: datetime | None = None, oid: str = SERVER_OID) -> Server:
        """An SM-DP+ under this CI, without TLS."""
        name, curve, ends = _name("Lineaviva SM-DP+"), self.ci.certificate.curve, ends or now + 10 * _YEAR
        auth, pb = (
            issue(role, name, curve, issuer=self.ci, begins=now, ends=ends, oid=oid)
            for role in (Role.DP_AUTH, Role.DP_PB)
        )
        return Server(self.ci.certificate, auth, pb, None, oid, ci_key=self.ci.key)

    def tls(self, hosts: Sequence[str], *, now: datetime, oid: str = SERVER_OID) -> Signer:
        """A TLS certificate for these host names and addresses, good for a year.

        Its key is on NIST P-256 whatever the CI's is: few TLS clients speak brainpool.
        """
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        names = [_host(host) for host in hosts]
        return issue(
            Role.DP_TLS,
            _name(hosts[0]),
            crypto.NIST,
            issuer=self.ci,
            begins=now,
            ends=now + _YEAR,
            oid=oid,
            names=names,
            more=[(use, True)],
        )


def issue_tls(server: Server, hosts: Sequence[str], *, now: datetime) -> tuple[bytes, bytes]:
    """A TLS certificate and its key as PEM, for a set without one; ValueError if it holds no key of its CI."""
    if server.ci_key is None:
        raise ValueError("the private key of the CI is not in the set, so no TLS certificate can be issued under it")
    ci = Signer(server.ci, server.ci_key)
    found = Authority(ci, ci).tls(hosts, now=now, oid=server.oid)
    return certificate_pem(found), key_pem(found)


def init(out: Path, *, curve: CurveName = "both", hosts: Sequence[str] = ("127.0.0.1",), now: datetime) -> list[Path]:
    """Writes a test set into `out`, one folder for each CI; the files made. FileExistsError if one of them is there.

    `CertificateStore.load` reads it as it is. The eUICC has the same EID under each CI, as a real one would.
    """
    eid, made = new_eid(), []
    names: Sequence[str] = tuple(CURVES) if curve == "both" else (curve,)
    for name in names:
        authority = Authority.make(CURVES[name], now=now)
        server = authority.server(now=now)
        signers = {
            "ci": authority.ci,
            "eum": authority.eum,
            "euicc": authority.euicc(eid, now=now),
            "dpauth": server.auth,
            "dppb": server.pb,
            "dptls": authority.tls(hosts, now=now),
        }
        for what, signer in signers.items():
            made += _store(out / name, what, signer)
    return made


def _store(folder: Path, what: str, signer: Signer) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / f"{what}.pem", folder / f"{what}.key"
    with certificate.open("xb") as file:
        file.write(certificate_pem(signer))
    key.touch(mode=0o600, exist_ok=False)
    key.write_bytes(key_pem(signer))
    return [certificate, key]


def certificate_pem(signer: Signer) -> bytes:
    return signer.certificate.parsed.public_bytes(Encoding.PEM)


def key_pem(signer: Signer) -> bytes:
    return signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


# --- one certificate ------------------------------------------------------------------------------------------------

Extension = tuple[x509.ExtensionType, bool]


def issue(
    role: Role,
    subject: x509.Name,
    curve: crypto.Curve,
    *,
    begins: datetime,
    ends: datetime,
    issuer: Signer | None = None,
    oid: str | None = None,
    names: Sequence[x509.GeneralName] = (),
    more: Sequence[Extension] = (),
) -> Signer:
    """A new key and its certificate with the extensions that SGP.22 4.5.2 asks for; without issuer it signs itself."""
    key = ec.generate_private_key(curve)
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.parsed.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # The clock of a phone may be a little behind.
        .not_valid_before(begins.astimezone(UTC) - _DAY)
        .not_valid_after(ends.astimezone(UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    alternative = [*names, *([x509.RegisteredID(x509.ObjectIdentifier(oid))] if oid else [])]
    for extension, critical in (*_asked_for(role, issuer, alternative), *more):
        builder = builder.add_extension(extension, critical=critical)
    made = builder.sign(signer, SHA256())
    return Signer(read_certificate(made.public_bytes(Encoding.DER)), key)


def _asked_for(role: Role, issuer: Signer | None, alternative: Sequence[x509.GeneralName]) -> list[Extension]:
    is_ca = role in (Role.CI, Role.EUM)
    found: list[Extension] = [
        (x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(role), None)]), True),
        (_usage(role), True),
    ]
    if issuer:
        key_id = x509.SubjectKeyIdentifier(issuer.certificate.subject_key_id)
        found.append((x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_id), False))
    if is_ca:
        found.append((x509.BasicConstraints(ca=True, path_length=None if role is Role.CI else 0), True))
    if alternative:
        found.append((x509.SubjectAlternativeName(alternative), False))
    if role is not Role.EUICC:
        where = x509.UniformResourceIdentifier("http://ci.test.invalid/CRL-A.crl")
        found.append((x509.CRLDistributionPoints([x509.DistributionPoint([where], None, None, None)]), False))
    return found


def _usage(role: Role) -> x509.KeyUsage:
    is_ca = role in (Role.CI, Role.EUM)
    return x509.KeyUsage(
        digital_signature=not is_ca,
        key_cert_sign=is_ca,
        crl_sign=role is Role.CI,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _permitted() -> Extension:
    """The EIDs that the test maker may vouch for."""
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, MAKER),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, EID_BEGINS),
        ]
    )
    return x509.NameConstraints([x509.DirectoryName(name)], None), True


def _name(common: str, organization: str = "Lineaviva test", serial: str | None = None) -> x509.Name:
    said = [
        (NameOID.COUNTRY_NAME, "IT"),
        (NameOID.ORGANIZATION_NAME, organization),
        (NameOID.SERIAL_NUMBER, serial),
        (NameOID.COMMON_NAME, common),
    ]
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in said if text])


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)
