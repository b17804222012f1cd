"""A server that cheats in one place gets no profile onto the phone: one case for each thing that the phone checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lineaviva.carrier.smdp import ca, crypto, der
from lineaviva.carrier.smdp.certificates import Role
from lineaviva.carrier.smdp.certs import CertificateStore, Signer
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.sandbox.phone import device, loading
from lineaviva.sandbox.phone.device import Phone
from lineaviva.sandbox.phone.errors import Cheated, ChipRefused, OperatorRefused, PhoneError, Unreachable
from lineaviva.sandbox.phone.lpa import Wish
from lineaviva.sandbox.phone.messages import ServerSigned2
from tests.sandbox.phone.conftest import NOW, Download
from tests.sandbox.phone.server import ICCID, Big, Change, Smdp, b64, swapped, upp

OTHER = "8939880000000000025"


def nothing_installed(phone: Phone) -> None:
    """Neither in memory nor on disk."""
    assert phone.chip.state.profiles == []
    assert device.look(phone.store.folder).chip.state.profiles == []


def flipped(data: bytes) -> bytes:
    """One bit other, in the last byte."""
    return data[:-1] + bytes((data[-1] ^ 1,))


def constant(value: Any) -> Change:
    return lambda _truth: value


def other_field(name: str, value: Any) -> Change:
    """A field of the JSON answer replaced; None takes it out."""

    def change(document: dict[str, Any]) -> dict[str, Any]:
        kept = {key: found for key, found in document.items() if key != name}
        return kept if value is None else {**kept, name: value}

    return change


def impostor(role: Role, **differing: Any) -> Callable[[Smdp], Signer]:
    """A server certificate under the CI of the test, with one thing wrong."""

    def make(smdp: Smdp) -> Signer:
        found = smdp.store.by_key_id(smdp.server.ci.subject_key_id)
        assert found is not None
        assert found.ci_key is not None
        facts = {"begins": NOW, "ends": NOW + timedelta(days=9), "oid": found.oid, "curve": crypto.NIST, **differing}
        issuer = facts.pop("issuer", Signer(found.ci, found.ci_key))
        curve = facts.pop("curve")
        if issuer == "stranger":
            issuer = ca.Authority.make(crypto.NIST, now=NOW).ci
        return ca.issue(role, found.auth.certificate.parsed.subject, curve, issuer=issuer, **facts)

    return make


AUTH, PB = Role.DP_AUTH, Role.DP_PB
LONG_AGO = {"begins": NOW - timedelta(days=9), "ends": NOW - timedelta(days=2)}


# --- before the server knows the chip: nothing to cancel ------------------------------------------------------------


@dataclass(frozen=True)
class Lie:
    """`name` of the value, its change, the check that must find it."""

    name: str
    change: Change
    check: str
    # AuthenticateErrorCode or DownloadErrorCode that the chip tells the server; CancelSessionReason; ErrorReason
    number: int = 0

    def __str__(self) -> str:
        return f"{self.check}-{self.name}"


SIGNED1 = [
    Lie("signed1.transaction", constant(bytes(16)), "signed1_transaction"),
    Lie("signed1.address", constant("evil.example"), "server_address"),
    Lie("signed1.server_challenge", constant(b"short"), "answer"),
    Lie("initiateAuthentication", other_field("serverSigned1", b64(b"\x30\x80\x00\x00")), "answer"),
    Lie("initiateAuthentication", other_field("serverSigned1", None), "answer"),
    Lie("initiateAuthentication", other_field("serverSigned1", "not base64!"), "answer"),
    Lie("initiateAuthentication", other_field("transactionId", "zz"), "answer"),
    Lie("initiateAuthentication", other_field("transactionId", "00" * 17), "answer"),
    Lie("initiateAuthentication", other_field("serverSignature1", b64(b"\x5f\x37\x01\x00")), "answer"),
    Lie("initiateAuthentication", other_field("euiccCiPKIdToBeUsed", 7), "answer"),
]


@pytest.mark.parametrize("lie", SIGNED1, ids=str)
def test_the_lpa_refuses_what_does_not_fit_its_question(
    lie: Lie, server: Smdp, phone: Phone, download: Download
) -> None:
    server.lies[lie.name] = lie.change

    with pytest.raises(Cheated) as refused:
        download()

    assert refused.value.check == lie.check
    assert server.asked == ["initiateAuthentication"]
    nothing_installed(phone)


def test_the_lpa_refuses_another_server_than_the_activation_code_names(
    server: Smdp, phone: Phone, download: Download
) -> None:
    with pytest.raises(Cheated, match="not the one that the activation code names") as refused:
        download(oid="2.999.11")

    assert refused.value.check == "code_oid"
    assert server.asked == ["initiateAuthentication"]
    nothing_installed(phone)


def test_the_servers_identifier_in_the_activation_code_may_be_the_right_one(download: Download) -> None:
    assert download(oid="2.999.10").iccid == ICCID


CHIP1 = [
    Lie("ci_key_id", constant(bytes(20)), "ci_unknown", 7),
    Lie("auth", impostor(AUTH, issuer="stranger"), "dp_auth", 1),
    Lie("auth", impostor(AUTH, **LONG_AGO), "dp_auth_dates", 1),
    Lie("auth", impostor(AUTH, begins=NOW + timedelta(days=3)), "dp_auth_dates", 1),
    Lie("auth", impostor(PB), "dp_auth_role", 1),
    Lie("auth", impostor(Role.DP_TLS), "dp_auth_role", 1),
    Lie("auth", impostor(AUTH, oid=None), "dp_auth_oid", 1),
    Lie("auth", impostor(AUTH, curve=crypto.BRAINPOOL), "dp_auth_curve", 3),
    Lie("initiateAuthentication", other_field("serverCertificate", b64(b"\x30\x00")), "dp_auth", 1),
    Lie("signature1", flipped, "server_signature1", 2),
    Lie("signature1", constant(bytes(64)), "server_signature1", 2),
    Lie("signed1.challenge", flipped, "challenge", 6),
]


@pytest.mark.parametrize("lie", CHIP1, ids=str)
def test_the_chip_refuses_a_server_that_does_not_prove_itself(
    lie: Lie, server: Smdp, phone: Phone, download: Download
) -> None:
    # Certificates are made by the server in question.
    server.lies[lie.name] = (lambda _truth: lie.change(server)) if lie.name == "auth" else lie.change

    with pytest.raises(ChipRefused) as refused:
        download()

    assert refused.value.check == lie.check
    # The server is told which of the standard's errors it was.
    assert server.asked == ["initiateAuthentication", "authenticateClient"]
    assert [der.to_integer(der.children(der.read(error))[1]) for error in server.errors] == [lie.number]
    assert server.cancelled == []
    nothing_installed(phone)


# --- from here on both know each other ------------------------------------------------------------------------------

SIGNED2 = ("smdp_signature2", 2)
CHIP2 = [
    Lie("pb", impostor(PB, issuer="stranger"), "dp_pb", 1),
    Lie("pb", impostor(PB, **LONG_AGO), "dp_pb_dates", 1),
    Lie("pb", impostor(AUTH), "dp_pb_role", 1),
    Lie("pb", impostor(PB, oid="2.999.11"), "dp_pb_oid", 1),
    Lie("pb", impostor(PB, oid=None), "dp_pb_oid", 1),
    Lie("pb", impostor(PB, curve=crypto.BRAINPOOL), "dp_pb_curve", 3),
    Lie("authenticateClient", other_field("smdpCertificate", b64(b"\x30\x00")), "dp_pb", 1),
    Lie("signature2", flipped, "smdp_signature2", 2),
    Lie("signed2", lambda signed: der.write(0x30, der.read(signed).value, der.write(0x5F49, bytes(65))), *SIGNED2),
    Lie("signed2.transaction", constant(bytes(16)), "signed2_transaction", 5),
]


@pytest.mark.parametrize("lie", CHIP2, ids=str)
def test_the_chip_refuses_a_binding_that_does_not_prove_itself(
    lie: Lie, server: Smdp, phone: Phone, download: Download
) -> None:
    server.lies[lie.name] = (lambda _truth: lie.change(server)) if lie.name == "pb" else lie.change

    with pytest.raises(ChipRefused) as refused:
        download()

    assert refused.value.check == lie.check
    assert server.asked == ["initiateAuthentication", "authenticateClient", "getBoundProfilePackage"]
    assert [der.to_integer(der.children(der.read(error))[1]) for error in server.errors] == [lie.number]
    nothing_installed(phone)


def test_the_chip_signs_over_another_transaction_never(phone: Phone) -> None:
    """Without a server that has authenticated itself there is no second signature."""
    with pytest.raises(ChipRefused) as refused:
        phone.chip.prepare_download(ServerSigned2(b"", bytes(16), False, None), bytes(64), b"", b"", NOW)

    assert refused.value.check == "no_session"


def test_nothing_is_loaded_that_was_not_prepared(server: Smdp, phone: Phone) -> None:
    """Not even a package that is right in itself: without a session there is no key for it, and no result to sign."""
    package = loading.split(server.bind(bytes(16), crypto.otpk_make(crypto.NIST)[1], phone.chip.identity.eid))

    with pytest.raises(PhoneError, match="No download was prepared") as refused:
        loading.load(phone.chip, package, NOW)

    assert refused.value.code == "no_session"
    assert phone.chip.state.notifications == []
    nothing_installed(phone)


LPA2 = [
    Lie("authenticateClient", other_field("transactionId", "00" * 16), "transaction", 127),
    Lie("authenticateClient", other_field("transactionId", None), "answer", 127),
    Lie("authenticateClient", other_field("smdpSigned2", b64(b"\x30\x00")), "answer", 127),
    Lie("authenticateClient", other_field("smdpSignature2", b64(b"\x5f\x37\x00")), "answer", 127),
    Lie("authenticateClient", other_field("profileMetadata", b64(b"\xbf\x25\x00")), "answer", 127),
    Lie("authenticateClient", other_field("profileMetadata", None), "answer", 127),
    Lie("getBoundProfilePackage", other_field("transactionId", "00" * 16), "transaction", 127),
    Lie("getBoundProfilePackage.content", lambda content: content + b" " * 3_000_000, "answer_size", 127),
    Lie("getBoundProfilePackage", other_field("boundProfilePackage", None), "answer", 5),
    Lie("bpp", lambda bpp: bpp[:-1], "answer", 5),
    Lie("bpp", lambda bpp: b"\xbf\x37" + bpp[2:], "answer", 5),
    Lie("bpp", lambda bpp: der.write(0xBF36, *(one.raw for one in der.children(der.read(bpp))[1:])), "answer", 5),
    Lie("bpp", lambda bpp: der.write(0xBF36, *(one.raw for one in der.children(der.read(bpp))[::-1])), "answer", 5),
    Lie("segments86", constant([]), "answer", 5),
    Lie("segments88", lambda found: [b"\x87" + one[1:] for one in found], "answer", 5),
    Lie("metadata.bound", lambda raw: raw.replace(b"Vera", b"Mala"), "metadata_mismatch", 4),
    Lie("metadata.offered", lambda raw: raw.replace(swapped(ICCID), swapped(OTHER)), "metadata_mismatch", 4),
]


@pytest.mark.parametrize("lie", LPA2, ids=str)
def test_the_lpa_cancels_what_is_not_what_was_offered(lie: Lie, server: Smdp, phone: Phone, download: Download) -> None:
    server.lies[lie.name] = lie.change

    with pytest.raises(Cheated) as refused:
        download()

    assert refused.value.check == lie.check
    assert server.cancelled == [lie.number]
    assert phone.chip.state.notifications == []
    nothing_installed(phone)


# --- the package itself: the chip's signed result says why ------------------------------------------------------------

INITIALISE, CONFIGURE, STORE, REPLACE, LOAD = 0, 1, 2, 4, 5
MIDDLE = 2


def one_flipped(number: int) -> Change:
    def change(segments: list[bytes]) -> list[bytes]:
        return [flipped(one) if at == number else one for at, one in enumerate(segments)]

    return change


def without(number: int) -> Change:
    return lambda segments: [one for at, one in enumerate(segments) if at != number]


def content_flipped(segments: list[bytes]) -> list[bytes]:
    """A bit of what is encrypted, not of the C-MAC."""
    first = segments[0]
    return [first[:20] + bytes((first[20] ^ 1,)) + first[21:], *segments[1:]]


def rules(byte: int) -> Change:
    return lambda raw: der.write(0xBF25, der.read(raw).value, der.write(0x99, bytes((4, byte))))


def of_class(number: int) -> Change:
    def change(raw: bytes) -> bytes:
        parts = [one.raw for one in der.children(der.read(raw))]
        return der.write(0xBF25, *parts[:3], der.integer(number, 0x95), *parts[3:])

    return change


KEYS = b"".join(der.write(tag, bytes(16)) for tag in (0x80, 0x81))
PACKAGE = [
    (Lie("bpp.opening", lambda parts: [parts[1], parts[0], *parts[2:]], "secure_channel", 1), INITIALISE),
    (Lie("bpp.opening", lambda parts: parts[:-1], "secure_channel", 1), INITIALISE),
    (Lie("bpp.template", lambda parts: parts[::-1], "secure_channel", 1), INITIALISE),
    (Lie("bpp.template", lambda parts: parts[:-1], "secure_channel", 1), INITIALISE),
    (Lie("bpp.sign", flipped, "smdp_sign", 2), INITIALISE),
    (Lie("bpp.operation", constant(2), "remote_operation", 5), INITIALISE),
    (Lie("bpp.transaction", constant(bytes(16)), "channel_transaction", 3), INITIALISE),
    (Lie("bpp.key_type", constant(b"\x80"), "key_type", 4), INITIALISE),
    (Lie("bpp.otpk", constant(b"\x04" + bytes(64)), "one_time_key", 1), INITIALISE),
    (Lie("bpp.otpk", lambda point: point[:-1], "one_time_key", 1), INITIALISE),
    (Lie("bpp.eid", constant("89049032000000000000000000000001"), "segment_mac", 8), CONFIGURE),
    (Lie("segments87", one_flipped(0), "segment_mac", 8), CONFIGURE),
    (Lie("configure", constant(der.write(0xBF24, b"\x01")), "configure", 1), CONFIGURE),
    (Lie("configure", constant(der.write(0xBF24, der.write(0xB8, b""))), "configure", 1), CONFIGURE),
    (
        Lie(
            "configure",
            constant(der.write(0xBF24, der.write(0xB8, der.oid("2.999"), der.write(0x04, bytes(121))))),
            "configure",
            1,
        ),
        CONFIGURE,
    ),
    (Lie("segments88", one_flipped(0), "segment_mac", 8), STORE),
    (Lie("metadata", of_class(9), "profile_class", 6), STORE),
    (Lie("segments87b", one_flipped(0), "segment_mac", 8), REPLACE),
    (Lie("replace_keys", constant(der.write(0xBF26, KEYS)), "replace_keys", 1), REPLACE),
    (Lie("replace_keys", constant(der.write(0xBF26, KEYS, der.write(0x82, b""))), "replace_keys", 1), REPLACE),
    (Lie("segments86", one_flipped(0), "segment_mac", 8), LOAD),
    (Lie("segments86", one_flipped(MIDDLE), "segment_mac", 8), LOAD),
    (Lie("segments86", content_flipped, "segment_mac", 8), LOAD),
    (Lie("segments86", without(0), "segment_mac", 8), LOAD),
    (Lie("segments86", without(MIDDLE), "segment_mac", 8), LOAD),
    (Lie("segments86", lambda found: [found[1], found[0], *found[2:]], "segment_mac", 8), LOAD),
    (Lie("segments86", lambda found: [*found, found[0]], "segment_mac", 8), LOAD),
    (Lie("segments86", lambda found: found[:-1], "profile_elements", 12), LOAD),
    (Lie("segments86", lambda found: [*found[:-1], b"\x86\x07" + bytes(7)], "segment_mac", 8), LOAD),
    (Lie("protector", constant(Big), "segment_size", 7), LOAD),
    (Lie("upp", constant(upp(OTHER)), "iccid_mismatch", 13), LOAD),
    (Lie("upp", lambda content: content[:-4], "profile_elements", 12), LOAD),
    (Lie("upp", constant(b"no profile at all"), "profile_elements", 12), LOAD),
    (Lie("upp", lambda content: content[len(der.children(content)[0].raw) :], "profile_elements", 12), LOAD),
]


@pytest.mark.parametrize(("lie", "command"), PACKAGE, ids=[f"{lie}-{command}" for lie, command in PACKAGE])
def test_the_chip_refuses_a_package_that_is_not_right(
    lie: Lie, command: int, server: Smdp, phone: Phone, download: Download
) -> None:
    server.lies[lie.name] = lie.change

    with pytest.raises(ChipRefused) as refused:
        download()

    assert refused.value.check == lie.check
    nothing_installed(phone)
    # The chip's signed result, and no cancelled session beside it.
    assert phone.lpa(print).send_notifications() == 1
    (error,) = server.results
    assert [der.to_integer(one) for one in der.children(error)] == [command, lie.number]
    assert (error.tag, server.cancelled) == (0xA1, [])
    # The one-time key is spent, and the phone can take the honest profile after that.
    assert phone.chip.state.one_time_key is None
    server.lies.clear()
    server.bound.clear()
    assert download().slot == 1


def test_metadata_that_the_chip_cannot_read_are_refused_before_anything_is_bound(
    server: Smdp, phone: Phone, download: Download
) -> None:
    server.lies["metadata"] = lambda raw: raw.replace(swapped(ICCID), b"\xaa" * 10)

    with pytest.raises(Cheated) as refused:
        download()

    assert (refused.value.check, server.cancelled) == ("answer", [127])
    nothing_installed(phone)


def test_a_profile_that_forbids_disabling_is_not_taken(server: Smdp, phone: Phone, download: Download) -> None:
    server.lies["metadata"] = rules(0x40)

    with pytest.raises(ChipRefused, match="forbid disabling") as refused:
        download(accept_rules=True)

    assert (refused.value.check, server.cancelled) == ("ppr", [3])
    nothing_installed(phone)


def test_the_chip_too_refuses_a_rule_that_the_lpa_was_not_shown(
    server: Smdp, phone: Phone, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.lies["metadata"] = rules(0x40)
    monkeypatch.setattr("lineaviva.sandbox.phone.lpa._Download._consent", lambda *_: None)

    with pytest.raises(ChipRefused) as refused:
        download()

    assert refused.value.check == "ppr"
    phone.lpa(print).send_notifications()
    assert [der.to_integer(one) for one in der.children(server.results[0])] == [STORE, 15]
    nothing_installed(phone)


def test_a_profile_that_forbids_deleting_needs_consent(server: Smdp, phone: Phone, download: Download) -> None:
    server.lies["metadata"] = rules(0x20)

    with pytest.raises(PhoneError, match="--accept-rules") as refused:
        download()

    assert (refused.value.code, server.cancelled) == ("rules", [1])
    nothing_installed(phone)
    assert download(accept_rules=True).ppr == 0x20


def test_a_profile_that_is_there_already_is_not_installed_again(server: Smdp, phone: Phone, download: Download) -> None:
    download()
    phone.lpa(print).send_notifications()
    server.bound.clear()

    with pytest.raises(ChipRefused, match="on the phone already") as refused:
        download()

    assert refused.value.code == "already_installed"
    assert [one.iccid for one in phone.chip.state.notifications] == [ICCID]
    phone.lpa(print).send_notifications()
    assert [der.to_integer(one) for one in der.children(server.results[1])] == [STORE, 9]
    assert len(phone.chip.state.profiles) == 1


def test_a_profile_larger_than_the_memory_is_not_installed(server: Smdp, phone: Phone, download: Download) -> None:
    phone.chip.state.memory = 2000

    with pytest.raises(ChipRefused, match="delete another one first") as refused:
        download()

    assert refused.value.code == "no_memory"
    phone.lpa(print).send_notifications()
    assert [der.to_integer(one) for one in der.children(server.results[0])] == [LOAD, 10]
    nothing_installed(phone)


# --- TLS and HTTP ---------------------------------------------------------------------------------------------------


def tls_of(authority: ca.Authority, folder: Path, hosts: list[str], **differing: Any) -> tuple[Path, Path]:
    signer = authority.tls(hosts, **{"now": NOW, **differing})
    folder.mkdir()
    (folder / "tls.pem").write_bytes(ca.certificate_pem(signer))
    (folder / "tls.key").write_bytes(ca.key_pem(signer))
    return folder / "tls.pem", folder / "tls.key"


def own_ci(folder: Path) -> ca.Authority:
    (server,) = CertificateStore.load(folder).servers
    assert server.ci_key is not None
    signer = Signer(server.ci, server.ci_key)
    return ca.Authority(signer, signer)


def test_tls_of_an_unknown_authority_is_refused(certs: Path, tmp_path: Path, server: Smdp, phone: Phone) -> None:
    stranger = ca.Authority.make(crypto.NIST, now=NOW)
    _refused_by_tls(Smdp(certs / "nist", tls_of(stranger, tmp_path / "tls", ["127.0.0.1"])), phone)


def test_tls_for_another_host_is_refused(certs: Path, tmp_path: Path, phone: Phone) -> None:
    files = tls_of(own_ci(certs / "nist"), tmp_path / "tls", ["smdp.example"])
    _refused_by_tls(Smdp(certs / "nist", files), phone)


def test_tls_with_an_ended_certificate_is_refused(certs: Path, tmp_path: Path, phone: Phone) -> None:
    files = tls_of(own_ci(certs / "nist"), tmp_path / "tls", ["127.0.0.1"], now=NOW - timedelta(days=800))
    _refused_by_tls(Smdp(certs / "nist", files), phone)


def _refused_by_tls(server: Smdp, phone: Phone) -> None:
    with pytest.raises(Unreachable, match="certificate does not fit") as refused:
        phone.lpa(print).download(Wish(ActivationCode(server.address, "K7-QX2M")), NOW)

    assert refused.value.code == "smdp_certificate"
    assert server.asked == []
    server.close()
    nothing_installed(phone)


@pytest.mark.parametrize(
    ("lies", "sentence"),
    [
        ({"protocol": constant("gsma/rsp/v1.0.0")}, "does not speak version 2"),
        ({"protocol": constant("")}, "does not speak version 2"),
        ({"initiateAuthentication.status": constant(502)}, "out of order"),
        ({"initiateAuthentication.content": constant(b"<html>")}, "did not answer as an SM-DP"),
        ({"initiateAuthentication.content": constant(b"[]")}, "did not answer as an SM-DP"),
        ({"initiateAuthentication.content": constant(b"[" * 99_999)}, "did not answer as an SM-DP"),
        ({"initiateAuthentication.content": constant(b'{"header":{}}')}, "did not answer as an SM-DP"),
        ({"initiateAuthentication.content": constant(b'{"header":7}')}, "did not answer as an SM-DP"),
    ],
    ids=["version-1", "no-version", "502", "html", "list", "deep", "no-status", "no-header"],
)
def test_what_is_no_sm_dp_plus_is_refused(
    lies: dict[str, Change], sentence: str, server: Smdp, phone: Phone, download: Download
) -> None:
    server.lies.update(lies)

    with pytest.raises(Unreachable, match=sentence):
        download()

    nothing_installed(phone)


def test_an_answer_without_end_is_refused(server: Smdp, phone: Phone, download: Download) -> None:
    server.lies["initiateAuthentication.content"] = lambda content: content + b" " * 3_000_000

    with pytest.raises(Cheated) as refused:
        download()

    assert refused.value.check == "answer_size"
    nothing_installed(phone)


def test_nobody_there_is_said_so(phone: Phone, server: Smdp, download: Download) -> None:
    server.close()

    with pytest.raises(Unreachable, match="cannot be reached; check the address"):
        download()


@pytest.mark.parametrize("function", ["initiateAuthentication", "authenticateClient", "getBoundProfilePackage"])
def test_a_refusal_of_the_operator_is_told_in_words(
    function: str, server: Smdp, phone: Phone, download: Download
) -> None:
    server.refusals[function] = ("8.2.6", "3.8")

    with pytest.raises(OperatorRefused, match=r"does not know this activation code.*\(8\.2\.6/3\.8\)") as refused:
        download()

    assert (refused.value.subject, refused.value.reason) == ("8.2.6", "3.8")
    assert server.cancelled == []
    nothing_installed(phone)


def test_no_check_gives_away_the_activation_code(server: Smdp, download: Download) -> None:
    server.lies["signed1.address"] = constant("evil.example")

    with pytest.raises(Cheated) as refused:
        download()

    assert "K7-QX2M" not in refused.value.message
