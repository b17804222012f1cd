"""What the phone sends, read by another ASN.1 library against a schema; and what it reads, with every byte wrong."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import asn1tools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.carrier.smdp import der
from lineaviva.carrier.smdp.der import DerError
from lineaviva.sandbox.phone import loading, messages, switching
from lineaviva.sandbox.phone.device import Phone
from lineaviva.sandbox.phone.errors import ChipRefused, PhoneError
from tests.sandbox.phone.conftest import NOW, Download
from tests.sandbox.phone.server import ICCID, Smdp, metadata, swapped, upp

SCHEMA = asn1tools.compile_files(str(Path(__file__).parent / "messages.asn"), "der")
OID_2_999_10 = bytes((0x88, 0x37, 0x0A))


def read(kind: str, data: bytes) -> Any:
    """The message, as the other library understands it."""
    return SCHEMA.decode(kind, data)


def sent(server: Smdp, call: int, field: str) -> bytes:
    return base64.b64decode(server.bodies[call][field])


def test_info1(phone: Phone) -> None:
    ids = [one.ci.subject_key_id for one in phone.chip.identity.credentials]

    assert read("Info1", phone.chip.info1()) == {"version": b"\x02\x02\x02", "verification": ids, "signing": ids}


def test_authenticate_server_response(download: Download, server: Smdp, phone: Phone) -> None:
    download()

    kind, ok = read("Authenticated", sent(server, 1, "authenticateServerResponse"))

    assert kind == "ok"
    signed = ok["signed"]
    assert signed["transaction"].hex().upper() == server.bodies[1]["transactionId"]
    assert signed["address"] == server.address
    info = signed["info"]
    assert (info["uicc"], info["rsp"], info["forbidden"]) == ((b"\x48", 5), (b"\x80", 1), (b"\x40", 2))
    # Number of applications, bytes of memory left, bytes of RAM (ETSI TS 102 226, 8.2.1.7.2)
    assert info["resources"].hex() == "810100" + "8204" + (400_000).to_bytes(4, "big").hex() + "830400000800"
    kind, common = signed["context"]
    assert (common["matchingId"], common["device"]["tac"].hex()) == ("K7-QX2M", "35290611")


def test_authenticate_server_error(download: Download, server: Smdp) -> None:
    server.lies["signature1"] = lambda _signature: bytes(64)
    with pytest.raises(ChipRefused):
        download()

    kind, error = read("Authenticated", sent(server, 1, "authenticateServerResponse"))

    assert (kind, error["code"]) == ("error", 2)
    assert error["transaction"].hex().upper() == server.bodies[1]["transactionId"]


def test_prepare_download_response(download: Download, server: Smdp) -> None:
    server.confirmation_code = "4711"
    download("4711")

    kind, ok = read("Prepared", sent(server, 2, "prepareDownloadResponse"))

    assert (kind, set(ok["signed"]), ok["signed"]["otpk"][0]) == ("ok", {"transaction", "otpk", "code"}, 4)


def test_prepare_download_without_a_confirmation_code(download: Download, server: Smdp) -> None:
    """A code that nobody asked for is not told to anybody."""
    download("4711")

    _, ok = read("Prepared", sent(server, 2, "prepareDownloadResponse"))

    assert set(ok["signed"]) == {"transaction", "otpk"}


def test_prepare_download_error(download: Download, server: Smdp) -> None:
    server.lies["signature2"] = lambda _signature: bytes(64)
    with pytest.raises(ChipRefused):
        download()

    kind, error = read("Prepared", sent(server, 2, "prepareDownloadResponse"))

    assert (kind, error["code"]) == ("error", 2)


def test_cancel_session_response(download: Download, server: Smdp) -> None:
    with pytest.raises(PhoneError):
        download(reject=True)

    kind, ok = read("Cancelled", sent(server, 2, "cancelSessionResponse"))

    assert (kind, ok["signed"]["server"], ok["signed"]["reason"]) == ("ok", OID_2_999_10, 0)


def test_cancelling_what_was_never_begun_is_an_error(phone: Phone) -> None:
    assert read("Cancelled", phone.chip.cancel_session(0)) == ("error", 127)


def test_profile_installation_result(download: Download, server: Smdp, phone: Phone) -> None:
    download()

    data = read("Result", phone.chip.state.notifications[0].bytes)["data"]

    assert data["told"] == {"number": 1, "event": (b"\x80", 1), "address": server.address, "iccid": swapped(ICCID)}
    kind, success = data["final"]
    assert (kind, success["aid"].hex()) == ("success", "a0000005591010ffffffff8900001001")
    assert read("Response", success["response"]) == {"statuses": [{"status": 0}]}


def test_profile_installation_error(download: Download, server: Smdp, phone: Phone) -> None:
    server.lies["upp"] = lambda _upp: upp("8939880000000000025")
    with pytest.raises(ChipRefused):
        download()

    data = read("Result", phone.chip.state.notifications[0].bytes)["data"]

    assert data["final"] == ("error", {"command": 5, "reason": 13})
    assert data["told"]["iccid"] == swapped(ICCID)


def test_a_result_without_metadata_names_no_profile(download: Download, server: Smdp, phone: Phone) -> None:
    server.lies["bpp.sign"] = lambda _signature: bytes(64)
    with pytest.raises(ChipRefused):
        download()

    data = read("Result", phone.chip.state.notifications[0].bytes)["data"]

    assert (data["final"], "iccid" in data["told"]) == (("error", {"command": 0, "reason": 2}), False)


@pytest.mark.parametrize(("act", "byte", "number"), [("enable", 0x40, 2), ("disable", 0x20, 3), ("delete", 0x10, 4)])
def test_other_notifications(act: str, byte: int, number: int, download: Download, phone: Phone) -> None:
    profile = download()
    for one in ("enable", "disable", "delete"):
        getattr(switching, one)(phone.chip, profile, NOW)

    told = read("Other", phone.chip.state.notifications[number - 1].bytes)["told"]

    assert told["event"] == (bytes((byte,)), {0x40: 2, 0x20: 3, 0x10: 4}[byte])
    assert (told["number"], told["iccid"]) == (number, swapped(ICCID))


# --- reading ----------------------------------------------------------------------------------------------------------


def test_metadata_are_read_in_full() -> None:
    raw = metadata(ICCID, "smdp.example", der.write(0x99, b"\x05\x20"), name="Vera 欧洲", events=0x90)

    found = messages.metadata(raw)

    assert (found.iccid, found.provider, found.name) == (ICCID, "Sandbox Mobile", "Vera 欧洲")
    assert (found.profile_class, found.ppr, found.notify, found.raw) == (2, 0x20, ((0x90, "smdp.example"),), raw)


def test_metadata_of_the_least() -> None:
    raw = der.write(0xBF25, der.write(0x5A, swapped(ICCID)), der.utf8("", 0x91), der.utf8("", 0x92))

    found = messages.metadata(raw)

    assert (found.profile_class, found.ppr, found.notify, found.name) == (2, 0, (), "")


@pytest.mark.parametrize(
    "value",
    ["", "989388000000000010", "989388000000000010f7f7", "98ab88000000000010f7", "f89388000000000010f7"],
    ids=["none", "short", "long", "letters", "filler first"],
)
def test_what_is_no_iccid(value: str) -> None:
    with pytest.raises(DerError):
        messages.iccid_swapped(bytes.fromhex(value))


@given(st.from_regex(r"89[0-9]{16,18}", fullmatch=True))
def test_an_iccid_comes_back(digits: str) -> None:
    assert messages.iccid_swapped(messages.iccid_bytes(digits)) == digits
    assert messages.iccid_bytes(digits) == swapped(digits)


@pytest.mark.parametrize("byte", [0x80, 0x40, 0x20, 0x10, 0xF0, 0])
def test_bit_strings_come_back(byte: int) -> None:
    assert messages.bits(der.read(messages.bit_string(byte, 0x81))) == byte


HONEST = metadata(ICCID, "smdp.example", der.write(0x99, b"\x05\x20"))


@given(st.integers(0, len(HONEST) - 1), st.integers(1, 255))
def test_metadata_with_any_byte_wrong_are_read_or_refused(at: int, change: int) -> None:
    wrong = bytearray(HONEST)
    wrong[at] ^= change
    try:
        messages.metadata(bytes(wrong))
    except DerError:
        pass


@given(st.binary(max_size=80))
def test_rubbish_is_refused_and_nothing_else(data: bytes) -> None:
    for reader in (
        messages.metadata,
        messages.server_signed1,
        messages.server_signed2,
        messages.signature,
        loading.split,
    ):
        with pytest.raises(DerError):
            reader(data)  # type: ignore[operator]
