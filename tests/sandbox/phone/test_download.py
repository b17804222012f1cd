"""Downloads from an honest server: what is installed, what the server is told, what an interrupted one leaves."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from lineaviva.carrier.smdp import der
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.sandbox.phone import device, identity
from lineaviva.sandbox.phone.device import Phone
from lineaviva.sandbox.phone.errors import OperatorRefused, PhoneError, Unreachable
from lineaviva.sandbox.phone.euicc import Euicc
from lineaviva.sandbox.phone.lpa import Wish, code_hash
from tests.sandbox.phone.conftest import NOW, Download
from tests.sandbox.phone.server import ICCID, Smdp, metadata, upp


def test_an_honest_profile_is_installed(download: Download, phone: Phone, server: Smdp) -> None:
    profile = download()

    assert (profile.slot, profile.iccid, profile.name, profile.provider) == (1, ICCID, "Vera Europa", "Sandbox Mobile")
    assert (profile.enabled, profile.profile_class, profile.size) == (False, "operational", len(upp()))
    assert (profile.aid, profile.smdp) == ("a0000005591010ffffffff8900001001", server.address)
    assert server.asked == ["initiateAuthentication", "authenticateClient", "getBoundProfilePackage"]
    assert (server.cancelled, server.errors) == ([], [])
    assert device.look(phone.store.folder).chip.state.profiles == [profile]


def test_the_holder_is_told_each_step(download: Download, said: list[str], server: Smdp) -> None:
    download()

    assert said == [
        f"Reached {server.address} over TLS, with a certificate that is trusted.",
        "The server proved who it is: SM-DP+ 2.999.10.",
        "Offered: Vera Europa of Sandbox Mobile.",
        "Downloading the profile ...",
        f"Checked 7 pieces, decrypted {len(upp())} bytes, installed as number 1.",
    ]


def test_what_is_asked_is_what_the_standard_asks_for(download: Download, server: Smdp, phone: Phone) -> None:
    download()

    first, second, third = server.bodies
    assert set(first) == {"euiccChallenge", "euiccInfo1", "smdpAddress"}
    assert first["smdpAddress"] == server.address
    info = der.children(der.expect(base64.b64decode(first["euiccInfo1"]), 0xBF20))
    assert [one.tag for one in info] == [0x82, 0xA9, 0xAA]
    assert [one.value for one in der.children(info[1])] == [
        one.ci.subject_key_id for one in phone.chip.identity.credentials
    ]
    (answer,) = der.children(der.read(base64.b64decode(second["authenticateServerResponse"])))
    context = der.children(der.one(der.children(answer)[0], 0xA0))
    assert der.to_utf8(context[0]) == "K7-QX2M"
    assert set(third) == {"transactionId", "prepareDownloadResponse"}
    assert third["transactionId"] == second["transactionId"]


def test_without_a_matching_id_none_is_sent(phone: Phone, server: Smdp) -> None:
    phone.lpa(print).download(Wish(ActivationCode(server.address)), NOW)

    (answer,) = der.children(der.read(base64.b64decode(server.bodies[1]["authenticateServerResponse"])))
    context = der.children(der.one(der.children(answer)[0], 0xA0))
    assert [one.tag for one in context] == [0xA1]


def test_the_servers_name_may_come_back_in_other_letters(phone: Phone, certs: Path, server: Smdp) -> None:
    server.lies["signed1.address"] = str.upper

    assert phone.lpa(print).download(Wish(ActivationCode(server.address, "K7-QX2M")), NOW).iccid == ICCID


def test_brainpool_all_the_way(certs: Path, phone: Phone) -> None:
    """The certificates of the protocol are on brainpool; TLS stays on NIST, as everywhere."""
    smdp = Smdp(certs)
    smdp.server = next(one for one in smdp.store.servers if one.ci.curve.name == "brainpoolP256r1")

    profile = phone.lpa(print).download(Wish(ActivationCode(smdp.address, "K7-QX2M")), NOW)

    assert profile.ci == smdp.server.ci.subject_key_id.hex()
    assert phone.lpa(print).send_notifications() == 1
    assert smdp.taken == [("result", 0x80, 1)]
    smdp.close()


def test_the_key_proof_of_a_confirmation_code() -> None:
    """SHA256(SHA256(code) || transactionId), counted by hand with sha256sum."""
    expected = "a0859ac0438399a120b02e6de91171b577434240694189ca55844b3323fc4203"
    assert code_hash("4711", bytes.fromhex("0102")).hex() == expected


def test_the_right_confirmation_code_is_taken(download: Download, server: Smdp) -> None:
    server.confirmation_code = "4711"

    assert download("4711").iccid == ICCID


def test_a_wrong_confirmation_code_is_said_to_be_wrong(download: Download, server: Smdp, phone: Phone) -> None:
    server.confirmation_code = "4711"

    with pytest.raises(OperatorRefused, match="the confirmation code is wrong"):
        download("4712")

    assert (phone.chip.state.profiles, server.cancelled) == ([], [])


def test_a_missing_confirmation_code_postpones_the_download(download: Download, server: Smdp, phone: Phone) -> None:
    server.confirmation_code = "4711"

    with pytest.raises(OperatorRefused, match="--confirmation-code") as refused:
        download()

    assert (refused.value.subject, refused.value.reason) == ("8.2.7", "2.2")
    # Postponed: the profile stays there to be downloaded.
    assert (server.cancelled, phone.chip.state.profiles) == ([1], [])


def test_an_activation_code_that_says_so_needs_its_confirmation_code_at_once(phone: Phone, server: Smdp) -> None:
    with pytest.raises(OperatorRefused, match="--confirmation-code"):
        phone.lpa(print).download(Wish(ActivationCode(server.address, "K7", "", True)), NOW)

    assert server.asked == []


def test_the_holder_may_say_no(download: Download, server: Smdp, phone: Phone) -> None:
    with pytest.raises(PhoneError, match="You said no") as refused:
        download(reject=True)

    assert (refused.value.code, server.cancelled, phone.chip.state.profiles) == ("rejected", [0], [])


def test_that_the_server_does_not_hear_the_cancelling_changes_nothing(download: Download, server: Smdp) -> None:
    server.refusals["cancelSession"] = ("8.10.1", "3.9")

    with pytest.raises(PhoneError, match="You said no"):
        download(reject=True)


def test_an_interrupted_download_goes_on_with_the_same_one_time_key(
    server: Smdp, folder: Path, certs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has bound the profile, its answer is lost, and the phone is switched off."""
    server.lies["getBoundProfilePackage.status"] = lambda _status: 504
    wish = Wish(ActivationCode(server.address, "K7-QX2M"))
    with device.hold(folder) as phone, pytest.raises(Unreachable, match="out of order"):
        phone.lpa(print).download(wish, NOW)
    server.lies.clear()
    first = server.bound[phone.chip.identity.eid]

    with device.hold(folder) as again:
        again.lpa(print).download(wish, NOW)

    assert server.bound[phone.chip.identity.eid] == first
    assert device.look(folder).chip.state.one_time_key is None


def test_a_one_time_key_of_another_server_is_not_taken_up(server: Smdp, phone: Phone, download: Download) -> None:
    """Nor one that the chip never made: a server that proposes it gets a new one."""
    server.bound[phone.chip.identity.eid] = b"\x04" + bytes(64)

    download()

    assert server.bound[phone.chip.identity.eid] != b"\x04" + bytes(64)


def test_a_one_time_key_is_never_on_disk_in_clear(server: Smdp, folder: Path) -> None:
    server.lies["getBoundProfilePackage.status"] = lambda _status: 504
    with device.hold(folder) as phone, pytest.raises(Unreachable):
        phone.lpa(print).download(Wish(ActivationCode(server.address, "K7-QX2M")), NOW)
    prepared = phone.chip.session.prepared
    assert prepared is not None

    number = prepared.private.private_numbers().private_value.to_bytes(32, "big")
    found = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    kept = json.loads((folder / "state.json").read_text())["one_time_key"]

    assert set(kept) == {"point", "sealed", "oid"}
    for form in (number, number.hex().encode(), base64.b64encode(number)):
        assert form not in found
    assert number not in base64.b64decode(kept["sealed"])


def test_what_is_sealed_for_one_chip_opens_on_no_other(server: Smdp, folder: Path, certs: Path) -> None:
    server.lies["getBoundProfilePackage.status"] = lambda _status: 504
    with device.hold(folder) as phone, pytest.raises(Unreachable):
        phone.lpa(print).download(Wish(ActivationCode(server.address, "K7-QX2M")), NOW)
    server.lies.clear()
    stranger = identity.another(certs, NOW)
    server.bound[stranger.eid] = server.bound[phone.chip.identity.eid]
    other = Phone(Euicc(stranger, phone.chip.state), phone.store)

    other.lpa(print).download(Wish(ActivationCode(server.address, "K7-QX2M")), NOW)

    assert server.bound[stranger.eid] != server.bound[phone.chip.identity.eid]


def test_the_keys_in_a_profile_are_never_on_disk(server: Smdp, folder: Path) -> None:
    """The package is checked and let go: nothing on this phone needs the Ki."""
    secret = bytes(range(16))
    server.lies["upp"] = lambda content: content[: -len(end)] + der.write(0xA4, der.write(0x80, secret)) + end
    end = der.write(0xAA, der.write(0xA0))
    with device.hold(folder) as phone:
        phone.lpa(print).download(Wish(ActivationCode(server.address, "K7-QX2M")), NOW)

    found = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())

    assert phone.chip.state.profiles[0].size == len(upp()) + 20
    for form in (secret, secret.hex().encode(), base64.b64encode(secret)):
        assert form not in found


def test_large_profiles_and_long_metadata_come_in_many_pieces(
    server: Smdp, phone: Phone, download: Download, said: list[str]
) -> None:
    icon = der.integer(1, 0x93) + der.write(0x94, bytes(1024))
    server.lies["upp"] = lambda _truth: upp(filling=60_000)
    server.lies["metadata"] = lambda raw: der.write(
        0xBF25, *(one.raw for one in der.children(der.read(raw))[:3]), icon, der.children(der.read(raw))[3].raw
    )

    assert download().size == len(upp(filling=60_000))
    # 87, two 88, 87, and 1007 bytes of the profile in each 86
    assert said[-1].startswith(f"Checked {4 + -(-len(upp(filling=60_000)) // 1007)} pieces")


def test_a_profile_may_be_protected_by_the_session_keys_alone(
    server: Smdp, phone: Phone, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SGP.22 allows a package without ReplaceSessionKeys: then the same keys and the same count go on."""
    from lineaviva.carrier.smdp import bsp

    def without_replacement(keys: bsp.Keys) -> list[bytes]:
        protector = bsp.Protector(keys)
        first = protector.encrypted(0x87, der.write(0xBF24))
        stored = protector.authenticated(0x88, metadata(ICCID, server.address))
        elements = protector.encrypted(0x86, upp())
        return [der.write(0xA0, *first), der.write(0xA1, *stored), der.write(0xA3, *elements)]

    monkeypatch.setattr(server, "_sequences", without_replacement)

    assert download().iccid == ICCID
