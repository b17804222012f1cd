"""The DER that the phone sends and the parts of what it gets, by SGP.22 v2.2.2 annex H (RSPDefinitions).

Whatever a server signs is kept as the bytes that came. Reading raises DerError, and nothing else, on what is not so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lineaviva.carrier.smdp import der
from lineaviva.carrier.smdp.der import DerError, Tlv

INSTALL, ENABLE, DISABLE, DELETE = 0x80, 0x40, 0x20, 0x10
EVENTS = {"install": INSTALL, "enable": ENABLE, "disable": DISABLE, "delete": DELETE}
# Bits of PprIds (annex H): disabling not allowed, deleting not allowed.
PPR1, PPR2 = 0x40, 0x20
CLASSES = {0: "test", 1: "provisioning", 2: "operational"}

_SVN = bytes((2, 2, 2))
_RELEASE = bytes((15, 0, 0))


@dataclass(frozen=True)
class Metadata:
    """What a profile says of itself before it is there: BF25, StoreMetadataRequest. `ppr` is its byte of rules."""

    raw: bytes
    iccid: str
    provider: str
    name: str
    profile_class: int
    ppr: int
    notify: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class ServerSigned1:
    raw: bytes
    transaction_id: bytes
    challenge: bytes
    address: str
    server_challenge: bytes


@dataclass(frozen=True)
class ServerSigned2:
    raw: bytes
    transaction_id: bytes
    code_required: bool
    euicc_otpk: bytes | None


# --- read ----------------------------------------------------------------------------------------------------------


def signature(data: bytes) -> bytes:
    """The 64 bytes of a 5F37 TLV."""
    value = der.expect(data, 0x5F37).value
    if len(value) != 64:
        raise DerError("a signature has 64 bytes")
    return value


def server_signed1(data: bytes) -> ServerSigned1:
    parts = der.children(der.expect(data, 0x30))
    signed = ServerSigned1(
        data,
        der.one(parts, 0x80).value,
        der.one(parts, 0x81).value,
        der.to_utf8(der.one(parts, 0x83)),
        der.one(parts, 0x84).value,
    )
    if len(signed.server_challenge) != 16:
        raise DerError("the server's challenge has 16 bytes")
    return signed


def server_signed2(data: bytes) -> ServerSigned2:
    parts = der.children(der.expect(data, 0x30))
    otpk = der.maybe(parts, 0x5F49)
    required = der.to_boolean(der.one(parts, 0x01))
    return ServerSigned2(data, der.one(parts, 0x80).value, required, otpk.value if otpk else None)


def metadata(data: bytes) -> Metadata:
    """Read BF25 (SGP.22 5.5.3). Class is operational and rules are none where it says nothing."""
    parts = der.children(der.expect(data, 0xBF25))
    profile_class, notify, ppr = der.maybe(parts, 0x95), der.maybe(parts, 0xB6), der.maybe(parts, 0x99)
    return Metadata(
        raw=data,
        iccid=iccid_swapped(der.one(parts, 0x5A).value),
        provider=der.to_utf8(der.one(parts, 0x91)),
        name=der.to_utf8(der.one(parts, 0x92)),
        profile_class=der.to_integer(profile_class) if profile_class else 2,
        ppr=bits(ppr) if ppr else 0,
        notify=tuple(_configuration(one) for one in der.children(notify)) if notify else (),
    )


def _configuration(tlv: Tlv) -> tuple[int, str]:
    parts = der.children(tlv)
    return bits(der.one(parts, 0x80)), der.to_utf8(der.one(parts, 0x81))


def bits(tlv: Tlv) -> int:
    """The first byte of a BIT STRING, 0 for an empty one."""
    if not tlv.value or tlv.value[0] > 7:
        raise DerError("not a bit string")
    return tlv.value[1] if len(tlv.value) > 1 else 0


def iccid_swapped(value: bytes) -> str:
    """The digits of an ICCID whose half bytes are swapped, as EF_ICCID and the metadata have them."""
    return iccid_plain(bytes((byte & 0xF) << 4 | byte >> 4 for byte in value))


def iccid_plain(value: bytes) -> str:
    """The digits of an ICCID in order, as the profile's header has them."""
    digits = value.hex().rstrip("f")
    if len(value) != 10 or not digits.isdigit():
        raise DerError("not an ICCID")
    return digits


# --- write ---------------------------------------------------------------------------------------------------------


def iccid_bytes(digits: str) -> bytes:
    """The ten swapped bytes of an ICCID."""
    plain = bytes.fromhex(digits.ljust(20, "f"))
    return bytes((byte & 0xF) << 4 | byte >> 4 for byte in plain)


def signed(value: bytes) -> bytes:
    return der.write(0x5F37, value)


def bit_string(byte: int, tag: int) -> bytes:
    """A BIT STRING of named bits: trailing zeros are left out, as DER wants."""
    if not byte:
        return der.write(tag, b"\x00")
    unused = (byte & -byte).bit_length() - 1
    return der.write(tag, bytes((unused, byte)))


def euicc_info1(ci_key_ids: Sequence[bytes]) -> bytes:
    """EUICCInfo1: version, and the issuers whose signatures the chip checks and under whom it signs."""
    known = b"".join(der.write(0x04, one) for one in ci_key_ids)
    return der.write(0xBF20, der.write(0x82, _SVN), der.write(0xA9, known), der.write(0xAA, known))


def euicc_info2(ci_key_ids: Sequence[bytes], *, installed: int, free: int) -> bytes:
    """EUICCInfo2 of a plain chip: USIM with Milenage, `free` bytes for profiles, PPR1 not allowed."""
    known = b"".join(der.write(0x04, one) for one in ci_key_ids)
    resources = (
        der.integer(installed, 0x81) + der.write(0x82, free.to_bytes(4, "big")) + der.write(0x83, bytes((0, 0, 8, 0)))
    )
    return der.write(
        0xBF22,
        der.write(0x81, bytes((2, 3, 1))),
        der.write(0x82, _SVN),
        der.write(0x83, bytes((1, 0, 0))),
        der.write(0x84, resources),
        bit_string(0x48, 0x85),  # usimSupport, akaMilenage
        der.write(0x86, bytes((9, 0, 0))),
        der.write(0x87, bytes((2, 3, 0))),
        bit_string(0x80, 0x88),  # additionalProfile
        der.write(0xA9, known),
        der.write(0xAA, known),
        bit_string(PPR1, 0x99),
        der.write(0x04, bytes((1, 0, 0))),
        der.utf8("LINEAVIVA-SANDBOX"),
    )


def context(matching_id: str) -> bytes:
    """CtxParams1 for common mutual authentication; no matchingId where the activation code has none."""
    release = der.write(0x80, _RELEASE) + der.write(0x81, _RELEASE) + der.write(0x85, _RELEASE)
    device = der.write(0xA1, der.write(0x80, bytes.fromhex("35290611")), der.write(0xA1, release))
    return der.write(0xA0, der.utf8(matching_id, 0x80) if matching_id else b"", device)


def notification(number: int, event: int, address: str, iccid: str) -> bytes:
    """NotificationMetadata; no ICCID where the profile's metadata never came."""
    return der.write(
        0xBF2F,
        der.integer(number, 0x80),
        bit_string(event, 0x81),
        der.utf8(address),
        der.write(0x5A, iccid_bytes(iccid)) if iccid else b"",
    )
