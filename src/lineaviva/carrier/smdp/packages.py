"""A profile on its way: unprotected (UPP), protected ahead of time (PPP), bound to one session (BPP). SGP.22 2.5.

No profile is decoded here beyond its header: that is the eUICC's work. The metadata says what the phone shows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from lineaviva.carrier.smdp import bsp, der
from lineaviva.carrier.smdp.der import DerError, one, write

# SGP.22 5.5.1: install a bound profile package.
_INSTALL = der.integer(1, 0x82)
_ICCID_BYTES = 10
_FILLED = "F"

ProfileClass = Literal["test", "provisioning", "operational"]
CLASSES: tuple[ProfileClass, ...] = ("test", "provisioning", "operational")
# Bits in the order of SGP.22's NotificationEvent and PprIds.
EVENTS = ("install", "enable", "disable", "delete")
RULES = ("update", "ppr1", "ppr2", "ppr3")


class PackageError(DerError):
    """A profile package that cannot be used, or a value that has no place in one."""


# --- ICCID in its two codings ---------------------------------------------------------------------------------------


def iccid_packed(iccid: str) -> bytes:
    """10 bytes, the first digit in the high half: as the header of a profile package has it."""
    if not re.fullmatch("[0-9]{18,20}", iccid, re.ASCII):
        raise PackageError("an ICCID has 18 to 20 digits")
    return bytes.fromhex(iccid.ljust(2 * _ICCID_BYTES, _FILLED))


def iccid_swapped(iccid: str) -> bytes:
    """10 bytes, the first digit in the low half: as EF.ICCID and tag 5A have it (ETSI TS 102 221 13.2)."""
    return _swap(iccid_packed(iccid))


def iccid_of(packed: bytes) -> str:
    """The digits of an ICCID as the header has it; PackageError if it is none."""
    digits = packed.hex().upper().rstrip(_FILLED)
    if len(packed) != _ICCID_BYTES or not digits.isdigit() or len(digits) < 18:
        raise PackageError("these bytes are no ICCID")
    return digits


def iccid_of_swapped(swapped: bytes) -> str:
    """The digits of an ICCID as tag 5A has it; PackageError if it is none."""
    return iccid_of(_swap(swapped))


def _swap(data: bytes) -> bytes:
    return bytes((byte << 4 | byte >> 4) & 0xFF for byte in data)


# --- UPP ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Upp:
    """What the header of an unprotected profile package says (Trusted Connectivity Alliance, eUICC Profile Package)."""

    iccid: str = field(repr=False)
    profile_type: str
    major: int
    minor: int
    elements: int


def read_upp(data: bytes) -> Upp:
    """The header of the package; DerError if the bytes are no row of profile elements from a header to an end."""
    elements = der.children(data)
    if len(elements) < 2 or elements[0].tag != 0xA0 or elements[-1].tag != 0xAA:
        raise PackageError("a profile package begins with a header and ends with an end element")
    parts = der.children(elements[0])
    kind = der.maybe(parts, 0x82)
    return Upp(
        iccid=iccid_of(one(parts, 0x83).value),
        profile_type=der.to_utf8(kind) if kind else "",
        major=der.to_integer(one(parts, 0x80)),
        minor=der.to_integer(one(parts, 0x81)),
        elements=len(elements),
    )


# --- metadata -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Owner:
    """The operator a profile belongs to: country and network code, and group identifiers if it has them."""

    mcc: str
    mnc: str
    gid1: bytes = b""
    gid2: bytes = b""


def metadata(
    *,
    iccid: str,
    provider_name: str,
    profile_name: str,
    profile_class: ProfileClass = "operational",
    owner: Owner | None = None,
    notifications: Sequence[tuple[str, Sequence[str]]] = (),
    ppr: Sequence[str] = (),
) -> bytes:
    """The BF25 that the phone shows and the eUICC stores (SGP.22 5.5.3).

    `notifications` are addresses, each with the EVENTS it is told of; `ppr` are of RULES.
    """
    if len(provider_name) > 32 or len(profile_name) > 64:
        raise PackageError("the provider's name has at most 32 characters, the profile's at most 64")
    parts = [
        write(0x5A, iccid_swapped(iccid)),
        der.utf8(provider_name, 0x91),
        der.utf8(profile_name, 0x92),
    ]
    if profile_class != "operational":
        # What is said by leaving it out must not be said (X.690 11.5).
        parts.append(der.integer(CLASSES.index(profile_class), 0x95))
    if notifications:
        parts.append(write(0xB6, *(_told(address, events) for address, events in notifications)))
    if owner:
        parts.append(_owner(owner))
    if ppr:
        parts.append(_bits(0x99, ppr, RULES))
    return write(0xBF25, *parts)


def _told(address: str, events: Sequence[str]) -> bytes:
    return write(0x30, _bits(0x80, events, EVENTS), der.utf8(address, 0x81))


def _bits(tag: int, chosen: Sequence[str], names: Sequence[str]) -> bytes:
    """A bit string by names, without the zeros at its end (X.690 11.2.2)."""
    numbers = sorted(names.index(name) for name in set(chosen))
    if not numbers:
        return write(tag, b"\x00")
    return write(tag, bytes((7 - numbers[-1], sum(0x80 >> number for number in numbers))))


def _owner(owner: Owner) -> bytes:
    if not re.fullmatch("[0-9]{3}", owner.mcc) or not re.fullmatch("[0-9]{2,3}", owner.mnc):
        raise PackageError("a country code has 3 digits, a network code 2 or 3")
    mnc3 = owner.mnc[2:] or _FILLED
    # 3GPP TS 24.008 10.5.1.13: the third digit of the network code stands beside the third of the country's.
    plmn = _swap(bytes.fromhex(owner.mcc[:2] + owner.mcc[2] + mnc3 + owner.mnc[:2]))
    gids = [write(tag, gid) for tag, gid in ((0x81, owner.gid1), (0x82, owner.gid2)) if gid]
    return write(0xB7, write(0x80, plmn), *gids)


# --- PPP and BPP ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ppp:
    """A package protected under random keys of its own: its '86' segments, one behind the other, and the keys."""

    ppk: bsp.Keys = field(repr=False)
    segments86: bytes = field(repr=False)

    def joined(self) -> bytes:
        """Keys and segments in one, to be sealed in the vault."""
        return self.ppk.joined() + self.segments86

    @classmethod
    def read(cls, data: bytes) -> Ppp:
        size = 3 * bsp.KEY_BYTES
        return cls(bsp.Keys.read(data[:size]), data[size:])


def protect(upp: bytes) -> Ppp:
    """The package protected for whichever session fetches it, under keys that nothing else uses."""
    ppk = bsp.Keys.read(os.urandom(3 * bsp.KEY_BYTES))
    return Ppp(ppk, b"".join(bsp.Protector(ppk).encrypted(0x86, upp)))


def bind(
    ppp: Ppp,
    metadata: bytes,
    *,
    shared_secret: bytes,
    host_id: bytes,
    eid: str,
    transaction_id: bytes,
    otpk_dp: bytes,
    otpk_euicc: bytes,
    sign: Callable[[bytes], bytes],
) -> bytes:
    """The BF36 for one session (SGP.22 2.5.4); `sign` is that of the DPpb certificate."""
    made = head(ppp, metadata, shared_secret=shared_secret, host_id=host_id, eid=eid, otpk_dp=otpk_dp)
    return rebind(made, ppp.segments86, transaction_id, otpk_euicc, sign)


def head(ppp: Ppp, metadata: bytes, *, shared_secret: bytes, host_id: bytes, eid: str, otpk_dp: bytes) -> bytes:
    """What depends on the two one-time keys and not on the session: kept, it serves the same eUICC a second time.

    Its keys are those the two agreed on, until ReplaceSessionKeys hands the package's own over. Nothing in it opens
    without the server's one-time private key, which nobody needs any more.
    """
    session = bsp.Protector(bsp.session_keys(shared_secret, host_id, eid))
    configure = session.encrypted(0x87, write(0xBF24))
    store = session.authenticated(0x88, metadata)
    keys = (write(0x80, ppp.ppk.mcv), write(0x81, ppp.ppk.enc), write(0x82, ppp.ppk.mac))
    replace = session.encrypted(0x87, write(0xBF26, *keys))
    agreed = _crt(host_id) + write(0x5F49, otpk_dp)
    return write(0x30, agreed, write(0xA0, *configure), write(0xA1, *store), write(0xA2, *replace))


@lru_cache(maxsize=16)
def _crt(host_id: bytes) -> bytes:
    parts = (write(0x80, bytes((bsp.KEY_TYPE,))), write(0x81, bytes((bsp.KEY_BYTES,))), write(0x84, host_id))
    return write(0xA6, *parts)


def rebind(
    head: bytes, segments86: bytes, transaction_id: bytes, otpk_euicc: bytes, sign: Callable[[bytes], bytes]
) -> bytes:
    """The BF36 of a `head`, for any session with the same one-time keys: only the signature is new (SGP.22 3.1.3)."""
    crt, otpk_dp, *sequences = der.children(der.expect(head, 0x30))
    # InitialiseSecureChannel (SGP.22 5.5.1): the signature is over its parts and the eUICC's one-time key.
    said = _INSTALL + write(0x80, transaction_id) + crt.raw + otpk_dp.raw
    channel = write(0xBF23, said, write(0x5F37, sign(said + write(0x5F49, otpk_euicc))))
    tail = der.header(0xA3, len(segments86))
    return write(0xBF36, channel, *(tlv.raw for tlv in sequences), tail, segments86)
