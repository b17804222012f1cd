"""Packages: what is bound opens again on the other side, and another library reads every part of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asn1tools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.carrier.smdp import ca, crypto, der, packages, templates
from lineaviva.carrier.smdp.bsp import Keys, Opener, session_keys
from lineaviva.carrier.smdp.packages import Owner, PackageError, Ppp, read_upp
from lineaviva.carrier.smdp.templates import Person
from lineaviva.kernel.iccid import parse_iccid
from tests.conftest import NOON

RSP = asn1tools.compile_files(str(Path(__file__).parent / "rsp.asn"), "der")
ICCID = "8939010000000000017"
EID = "89049032123451234512345678901235"
TRANSACTION = bytes.fromhex("00112233445566778899aabbccddeeff")
HOST = b"smdp"


# --- ICCID ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("iccid", "packed", "swapped"),
    [
        ("8939010000000000017", "8939010000000000017f", "989310000000000010f7"),
        ("89390100000000000017", "89390100000000000017", "98931000000000000071"),
        ("893901000000000001", "893901000000000001ff", "989310000000000010ff"),
    ],
)
def test_an_iccid_has_two_codings(iccid: str, packed: str, swapped: str) -> None:
    assert packages.iccid_packed(iccid).hex() == packed
    assert packages.iccid_swapped(iccid).hex() == swapped
    assert packages.iccid_of(bytes.fromhex(packed)) == iccid
    assert packages.iccid_of_swapped(bytes.fromhex(swapped)) == iccid


@pytest.mark.parametrize("iccid", ["", "89", "8" * 17, "8" * 21, "89390100000000000a", "８" * 19])
def test_what_is_no_iccid(iccid: str) -> None:
    with pytest.raises(PackageError):
        packages.iccid_packed(iccid)


@pytest.mark.parametrize("data", ["", "8939", "ffffffffffffffffffff", "89f9010000000000017f", "a9390100000000000017"])
def test_bytes_that_are_no_iccid(data: str) -> None:
    with pytest.raises(PackageError):
        packages.iccid_of(bytes.fromhex(data))


# --- metadata -------------------------------------------------------------------------------------------------------


def test_metadata_as_another_library_reads_it() -> None:
    made = packages.metadata(
        iccid=ICCID,
        provider_name="TIM",
        profile_name="家里 · casa",
        profile_class="test",
        owner=Owner("222", "01", gid1=b"\x01", gid2=b"\x02\x03"),
        notifications=[("smdp.test:8443", ("install", "enable", "disable", "delete")), ("b.test", ["delete"])],
        ppr=["ppr1", "ppr2"],
    )
    assert RSP.decode("Metadata", made) == {
        "iccid": bytes.fromhex("989310000000000010f7"),
        "provider": "TIM",
        "name": "家里 · casa",
        "class": 0,
        "notifications": [
            {"events": (b"\xf0", 4), "address": "smdp.test:8443"},
            {"events": (b"\x10", 4), "address": "b.test"},
        ],
        "owner": {"plmn": bytes.fromhex("22f210"), "gid1": b"\x01", "gid2": b"\x02\x03"},
        "rules": (b"\x60", 3),
    }
    assert RSP.encode("Metadata", RSP.decode("Metadata", made)) == made


def test_metadata_says_no_more_than_it_has_to() -> None:
    made = packages.metadata(iccid=ICCID, provider_name="", profile_name="")
    assert made.hex() == "bf2510" + "5a0a989310000000000010f7" + "9100" + "9200"


@pytest.mark.parametrize(
    ("owner", "plmn"),
    [(Owner("222", "01"), "22f210"), (Owner("222", "880"), "220288"), (Owner("310", "410"), "130014")],
)
def test_a_network_code_as_24_008_has_it(owner: Owner, plmn: str) -> None:
    made = packages.metadata(iccid=ICCID, provider_name="a", profile_name="b", owner=owner)
    assert RSP.decode("Metadata", made)["owner"] == {"plmn": bytes.fromhex(plmn)}


@pytest.mark.parametrize(
    "changed",
    [
        {"provider_name": "x" * 33},
        {"profile_name": "x" * 65},
        {"owner": Owner("22", "01")},
        {"owner": Owner("222", "1")},
        {"owner": Owner("222", "0123")},
        {"iccid": "12"},
    ],
    ids=repr,
)
def test_metadata_that_cannot_be(changed: dict[str, Any]) -> None:
    with pytest.raises(PackageError):
        packages.metadata(**({"iccid": ICCID, "provider_name": "a", "profile_name": "b"} | changed))


def test_the_longest_names_may_be_chinese() -> None:
    made = packages.metadata(iccid=ICCID, provider_name="线" * 32, profile_name="号" * 64)
    assert RSP.decode("Metadata", made)["name"] == "号" * 64


# --- UPP ------------------------------------------------------------------------------------------------------------


def elements(data: bytes) -> list[tuple[str, Any]]:
    """The profile elements as another library reads them."""
    return [RSP.decode("Element", element.raw) for element in der.children(data)]


@pytest.mark.parametrize("size", [0, 700, 12_000, 60_000])
def test_the_demonstration_is_a_package_that_another_library_reads(size: int) -> None:
    made = templates.demo_template(size)
    assert size - 20 <= len(made) <= max(size, 600)
    found = elements(made)
    kinds = [kind for kind, _ in found]
    assert kinds == ["header", "mf", "puks", "pins", "usim", "pins", "aka", *(["files"] if size else []), "end"]
    assert found[0][1]["services"] == {"usim": None, "milenage": None}
    numbers = [body["head"]["number"] for _, body in found[1:]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert b"".join(RSP.encode("Element", element) for element in found) == made
    upp = packages.read_upp(made)
    assert (upp.iccid, upp.profile_type, upp.major, upp.minor) == ("0" * 19, "Lineaviva demo", 2, 3)
    assert upp.elements == len(found)


def test_a_demonstration_is_not_of_any_size() -> None:
    with pytest.raises(PackageError):
        templates.demo_template(65_536)


PERSON = Person(
    iccid=ICCID,
    imsi="222010123456789",
    ki=bytes(range(16)),
    opc=bytes(range(16, 32)),
    pin1="1234",
    pin2="56789012",
    puk1="11112222",
    puk2="33334444",
    adm1="87654321",
)


def test_a_template_becomes_a_persons_own() -> None:
    template = templates.demo_template(12_000)
    made = templates.personalise(template, PERSON)
    assert packages.read_upp(made).iccid == ICCID
    before, after = elements(template), elements(made)
    found = {kind: body for kind, body in after if kind != "pins"}
    assert found["header"]["iccid"] == bytes.fromhex("8939010000000000017f")
    assert found["mf"]["iccid"] == [("content", bytes.fromhex("989310000000000010f7"))]
    # 3GPP TS 31.102 4.2.2: eight bytes, an odd number of digits.
    assert found["usim"]["imsi"] == [("content", bytes.fromhex("082922101032547698"))]
    assert found["aka"]["algorithm"][1]["key"] == bytes(range(16))
    assert found["aka"]["algorithm"][1]["opc"] == bytes(range(16, 32))
    assert [row["code"] for row in found["puks"]["codes"]] == [b"11112222", b"33334444"]
    rows = [row for kind, body in after if kind == "pins" for row in body["codes"][1]]
    assert [(row["which"], row["code"]) for row in rows] == [
        (1, b"1234\xff\xff\xff\xff"),
        (10, b"87654321"),
        (129, b"56789012"),
    ]
    assert len(after) == len(before)
    assert after[-2:] == before[-2:], "the rest is as it was"
    assert templates.personalise(template, PERSON) == made


def test_codes_that_are_not_given_stay() -> None:
    person = Person(ICCID, "22201012345678", bytes(16), bytes(16))
    found = dict(elements(templates.personalise(templates.demo_template(), person)))
    assert [row["code"] for row in found["puks"]["codes"]] == [b"00000000", b"00000000"]
    assert found["usim"]["imsi"] == [("content", bytes.fromhex("0821221010325476f8"))]


@pytest.mark.parametrize(
    "changed",
    [
        {"iccid": "1"},
        {"imsi": "1234567890123"},
        {"imsi": "2220101234567890"},
        {"imsi": "22201012345678x"},
        {"ki": bytes(15)},
        {"opc": bytes(32)},
        {"pin1": "123"},
        {"pin1": "123456789"},
        {"pin1": "12ab"},
        {"puk1": "1234567"},
    ],
    ids=repr,
)
def test_a_person_who_cannot_be(changed: dict[str, Any]) -> None:
    said = {"iccid": ICCID, "imsi": "222010123456789", "ki": bytes(16), "opc": bytes(16)}
    with pytest.raises(PackageError):
        Person(**(said | changed))


def test_a_person_is_never_shown() -> None:
    assert repr(PERSON) == "Person()"
    assert repr(packages.protect(b"x")) == "Ppp()"


def without(tag: int) -> bytes:
    return b"".join(element.raw for element in der.children(templates.demo_template()) if element.tag != tag)


@pytest.mark.parametrize(
    ("template", "why"),
    [
        pytest.param(without(0xB0), "no place for EF.ICCID", id="no MF"),
        pytest.param(without(0xB3), "no place for IMSI", id="no USIM"),
        pytest.param(without(0xA4), "no place for keys", id="no AKA"),
        pytest.param(without(0xA0), "begins with a header", id="no header"),
        pytest.param(without(0xAA), "ends with an end", id="no end"),
        pytest.param(
            templates.demo_template().replace(
                bytes.fromhex("830a") + b"\x00" * 9 + b"\xf0", b"\x83\x01\x00" + b"\x82\x07" + b"\x00" * 7
            ),
            "another size",
            id="EF.ICCID of another size",
        ),
    ],
)
def test_a_template_without_a_place_for_everything(template: bytes, why: str) -> None:
    with pytest.raises(PackageError, match=why):
        templates.personalise(template, PERSON)


@given(st.integers(min_value=0), st.integers(1, 255))
def test_hostile_packages_are_read_or_refused(at: int, change: int) -> None:
    data = bytearray(templates.demo_template())
    data[at % len(data)] ^= change
    for work in (packages.read_upp, lambda data: templates.personalise(data, PERSON)):
        try:
            work(bytes(data))
        except der.DerError:
            pass


@given(st.binary(max_size=60))
def test_strange_bytes_are_no_package(data: bytes) -> None:
    for work in (packages.read_upp, lambda data: templates.personalise(data, PERSON)):
        with pytest.raises(der.DerError):
            work(data)


# --- PPP and BPP ----------------------------------------------------------------------------------------------------


class Session:
    """Both ends of one download: the server's and the eUICC's one-time keys, and who signs."""

    def __init__(self, curve: crypto.Curve = crypto.NIST, upp: bytes | None = None) -> None:
        self.signer = ca.Authority.make(curve, now=NOON).server(now=NOON).pb
        self.dp, self.dp_point = crypto.otpk_make(curve)
        self.euicc, self.euicc_point = crypto.otpk_make(curve)
        self.upp = templates.demo_template(12_000) if upp is None else upp
        self.metadata = packages.metadata(iccid=ICCID, provider_name="TIM", profile_name="demo")
        self.ppp = packages.protect(self.upp)
        self.said = {
            "shared_secret": crypto.shared_secret(self.dp, self.euicc.public_key()),
            "host_id": HOST,
            "eid": EID,
            "otpk_dp": self.dp_point,
        }

    def bound(self) -> bytes:
        return packages.bind(
            self.ppp,
            self.metadata,
            transaction_id=TRANSACTION,
            otpk_euicc=self.euicc_point,
            sign=self.signer.sign,
            **self.said,  # type: ignore[arg-type]
        )


def opened(package: bytes, session: Session) -> tuple[bytes, bytes, Keys, bytes]:
    """What the eUICC gets out of a package, read from the outside in: as SGP.22 2.5.4 has it and with its own key."""
    outer = der.children(der.expect(package, 0xBF36))
    assert [part.tag for part in outer] == [0xBF23, 0xA0, 0xA1, 0xA2, 0xA3]
    otpk = crypto.otpk_read(der.one(outer[0], 0x5F49).value, session.euicc.curve)
    opener = Opener(session_keys(crypto.shared_secret(session.euicc, otpk), HOST, EID))
    rows = [[segment.raw for segment in der.children(part)] for part in outer[1:]]
    configure = opener.decrypted(0x87, rows[0])
    metadata = opener.authenticated(0x88, rows[1])
    keys = der.children(der.expect(opener.decrypted(0x87, rows[2]), 0xBF26))
    assert [key.tag for key in keys] == [0x80, 0x81, 0x82]
    ppk = Keys(*(key.value for key in keys))
    opener.replace(ppk)
    return configure, metadata, ppk, opener.decrypted(0x86, rows[3])


@pytest.mark.parametrize("curve", crypto.CURVES.values(), ids=crypto.CURVES)
def test_the_euicc_opens_what_was_bound_for_it(curve: crypto.Curve) -> None:
    session = Session(curve)
    configure, metadata, ppk, upp = opened(session.bound(), session)
    assert configure == bytes.fromhex("bf2400")
    assert RSP.decode("Configure", configure) == {}
    assert metadata == session.metadata
    assert ppk == session.ppp.ppk
    assert upp == session.upp


def test_another_library_reads_the_bound_package() -> None:
    session = Session()
    made = session.bound()
    found = RSP.decode("Package", made)
    assert found["channel"] | {"signature": None} == {
        "operation": 1,
        "transaction": TRANSACTION,
        "template": {"keyType": b"\x88", "keySize": b"\x10", "host": HOST},
        "otpk": session.dp_point,
        "signature": None,
    }
    assert [len(found[name]) for name in ("configure", "metadata", "keys", "profile")] == [1, 1, 1, 12]
    assert RSP.encode("Package", found) == made
    segments = [segment for part in der.children(der.read(made))[1:] for segment in der.children(part)]
    assert max(len(segment.raw) for segment in segments) == 1020


def test_the_new_keys_as_another_library_reads_them() -> None:
    session = Session()
    part = der.one(der.read(session.bound()), 0xA2)
    opener = Opener(session_keys(crypto.shared_secret(session.dp, session.euicc.public_key()), HOST, EID))
    outer = der.children(der.read(session.bound()))
    opener.decrypted(0x87, [one.raw for one in der.children(outer[1])])
    opener.authenticated(0x88, [one.raw for one in der.children(outer[2])])
    found = RSP.decode("NewKeys", opener.decrypted(0x87, [one.raw for one in der.children(part)]))
    ppk = session.ppp.ppk
    assert found == {"chain": ppk.mcv, "enc": ppk.enc, "mac": ppk.mac}


def test_the_signature_is_over_the_channel_and_the_euiccs_key() -> None:
    session = Session()
    channel = der.children(der.children(der.read(session.bound()))[0])
    assert [part.tag for part in channel] == [0x82, 0x80, 0xA6, 0x5F49, 0x5F37]
    message = b"".join(part.raw for part in channel[:4]) + der.write(0x5F49, session.euicc_point)
    public = session.signer.certificate.public_key
    assert crypto.verify(public, channel[4].value, message)
    assert not crypto.verify(public, channel[4].value, message[:-67] + der.write(0x5F49, session.dp_point))


def test_a_second_session_with_the_same_one_time_keys_has_the_same_package() -> None:
    """Only the transaction and the signature differ; the one-time private key is not needed again."""
    session = Session()
    head = packages.head(session.ppp, session.metadata, **session.said)  # type: ignore[arg-type]
    first, second = (
        packages.rebind(head, session.ppp.segments86, transaction, session.euicc_point, session.signer.sign)
        for transaction in (TRANSACTION, b"\x01" * 16)
    )
    assert first != second
    assert der.children(der.read(first))[1:] == der.children(der.read(second))[1:]
    assert der.one(der.children(der.read(second))[0], 0x80).value == b"\x01" * 16
    assert opened(first, session) == opened(second, session) == opened(session.bound(), session)


def test_no_two_packages_have_keys_in_common() -> None:
    one, two = packages.protect(b"profile" * 100), packages.protect(b"profile" * 100)
    assert one.ppk != two.ppk
    assert one.segments86 != two.segments86
    assert len({one.ppk.mcv, one.ppk.enc, one.ppk.mac}) == 3
    assert b"profile" not in one.segments86


def test_a_protected_package_is_kept_as_bytes() -> None:
    ppp = packages.protect(b"profile" * 1000)
    assert Ppp.read(ppp.joined()) == ppp


def test_nothing_of_the_profile_is_seen_on_the_way() -> None:
    session = Session(upp=templates.personalise(templates.demo_template(12_000), PERSON))
    made = session.bound()
    for secret in (PERSON.ki, PERSON.opc, session.ppp.ppk.enc, session.ppp.ppk.mac, b"Lineaviva demo"):
        assert secret not in made


@pytest.mark.parametrize("name", ["eid", "host_id", "shared_secret"])
def test_nobody_else_opens_it(name: str) -> None:
    session = Session()
    other = {"eid": ca.new_eid(), "host_id": b"else", "shared_secret": bytes(32)}
    session.said[name] = other[name]
    with pytest.raises(ValueError, match="C-MAC"):
        opened(session.bound(), session)


@pytest.mark.parametrize(
    ("operator", "iccid", "imsi"),
    [
        ("tim", "8939010", "22201"),
        ("vodafone", "8939100", "22210"),
        ("windtre", "8939880", "22288"),
        ("x", "8939010", "22201"),
    ],
)
def test_a_demo_line_has_numbers_of_its_operator(operator: str, iccid: str, imsi: str) -> None:
    made, other = templates.demo_person(operator), templates.demo_person(operator)
    assert (made.iccid[:7], made.imsi[:5]) == (iccid, imsi)
    assert (len(parse_iccid(made.iccid)), len(made.imsi)) == (19, 15)
    assert made.iccid != other.iccid
    assert made.ki != other.ki
    assert iccid not in repr(made)
    assert read_upp(templates.personalise(templates.demo_template(), made)).iccid == made.iccid
