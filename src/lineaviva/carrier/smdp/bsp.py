"""The protection of a bound profile package: SCP03t, in SGP.22 v2.x annex "SCP03t" and chapter 2.5 (later named BSP).

Every segment is a TLV with an 8 byte C-MAC at its end. The C-MAC is over the chaining value (the full MAC before it),
tag, length and content; encrypted content is AES-CBC whose ICV is the encrypted number of the segment. Segments that
are only authenticated count too.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.cmac import CMAC

from lineaviva.carrier.smdp import crypto, der

# SGP.22 2.5.3: a segment, tag, length and MAC included, has at most 1020 bytes.
SEGMENT_BYTES = 1020
MAC_BYTES = 8
KEY_BYTES = 16
KEY_TYPE = 0x88  # AES
_CONTENT = SEGMENT_BYTES - 4 - MAC_BYTES
AUTHENTICATED_BYTES = _CONTENT
# One byte of the padding at least must fit into the last block.
ENCRYPTED_BYTES = _CONTENT - _CONTENT % crypto.BLOCK_BYTES - 1
_FEW_BYTES = 8 * crypto.BLOCK_BYTES


class BspError(ValueError):
    """A segment whose C-MAC, size or padding is not right."""


@dataclass(frozen=True, slots=True)
class Keys:
    """First chaining value, encryption key and MAC key, 16 bytes each; never shown."""

    mcv: bytes = field(repr=False)
    enc: bytes = field(repr=False)
    mac: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not len(self.mcv) == len(self.enc) == len(self.mac) == KEY_BYTES:
            raise BspError("the keys are not of 16 bytes each")

    @classmethod
    def read(cls, data: bytes) -> Keys:
        """The keys that lie one behind the other in 48 bytes."""
        if len(data) != 3 * KEY_BYTES:
            raise BspError("the keys are not of 48 bytes")
        return cls(data[:16], data[16:32], data[32:])

    def joined(self) -> bytes:
        return self.mcv + self.enc + self.mac


def session_keys(shared_secret: bytes, host_id: bytes, eid: str) -> Keys:
    """The keys of one session (SGP.22 annex G): from the ECDH secret, the host's name and the EID of 32 digits."""
    try:
        eid_bytes = bytes.fromhex(eid)
    except ValueError:
        raise BspError("the EID is not of hexadecimal digits") from None
    if len(eid_bytes) != 16 or not 1 <= len(host_id) <= 16:
        raise BspError("the EID or the host's name has a wrong length")
    shared_info = bytes((KEY_TYPE, KEY_BYTES, len(host_id))) + host_id + bytes((len(eid_bytes),)) + eid_bytes
    return Keys.read(crypto.x963_kdf(shared_secret, shared_info, 3 * KEY_BYTES))


class _Channel:
    """What both ends keep: the keys, the chaining value and the number of the next segment."""

    def __init__(self, keys: Keys) -> None:
        self.replace(keys)

    def replace(self, keys: Keys) -> None:
        """From the next segment on these keys, and counting from 1 (SGP.22 5.5.4, ReplaceSessionKeys)."""
        self._keys = keys
        self._chain = keys.mcv
        self._number = 1
        self._block = Cipher(AES(keys.enc), ECB()).encryptor().update  # noqa: S305 - one block: the ICV of SCP03t
        self._maker = CMAC(AES(keys.mac))

    def _icv(self) -> bytes:
        return self._block(self._number.to_bytes(crypto.BLOCK_BYTES, "big"))

    def _mac(self, covered: bytes) -> bytes:
        """The C-MAC of a segment whose tag, length and content are `covered`; the chain and the count go on."""
        mac = self._maker.copy()
        mac.update(self._chain + covered)
        self._chain = mac.finalize()
        self._number += 1
        return self._chain[:MAC_BYTES]


class Protector(_Channel):
    """The sending side: cuts data into segments of at most 1020 bytes."""

    def encrypted(self, tag: int, data: bytes) -> list[bytes]:
        return [self._segment(tag, self._encrypt(part)) for part in _cut(data, ENCRYPTED_BYTES)]

    def authenticated(self, tag: int, data: bytes) -> list[bytes]:
        return [self._segment(tag, part) for part in _cut(data, AUTHENTICATED_BYTES)]

    def _encrypt(self, part: bytes) -> bytes:
        padding = b"\x80" + bytes(-(len(part) + 1) % crypto.BLOCK_BYTES)
        padded = part + padding
        if len(padded) <= _FEW_BYTES:
            return self._chained(padded)
        return crypto.cbc_encrypt(self._keys.enc, self._icv(), padded)

    def _chained(self, padded: bytes) -> bytes:
        """CBC by hand, for little: to make a cipher takes as long as a dozen blocks."""
        last, found = self._icv(), []
        for at in range(0, len(padded), crypto.BLOCK_BYTES):
            mixed = int.from_bytes(last, "big") ^ int.from_bytes(padded[at : at + crypto.BLOCK_BYTES], "big")
            last = self._block(mixed.to_bytes(crypto.BLOCK_BYTES, "big"))
            found.append(last)
        return b"".join(found)

    def _segment(self, tag: int, content: bytes) -> bytes:
        covered = bytes((tag,)) + der.length(len(content) + MAC_BYTES) + content
        return covered + self._mac(covered)


class Opener(_Channel):
    """The receiving side: checks every C-MAC in turn. After a BspError it is of no more use."""

    def decrypted(self, tag: int, segments: list[bytes]) -> bytes:
        """What was behind these encrypted segments."""
        return b"".join(self._decrypt(segment, tag) for segment in segments)

    def authenticated(self, tag: int, segments: list[bytes]) -> bytes:
        """What was behind these segments that are only authenticated."""
        return b"".join(self._content(segment, tag) for segment in segments)

    def _decrypt(self, segment: bytes, tag: int) -> bytes:
        icv = self._icv()
        content = self._content(segment, tag)
        if not content or len(content) % crypto.BLOCK_BYTES:
            raise BspError("the segment is not of whole blocks")
        padded = crypto.cbc_decrypt(self._keys.enc, icv, content)
        data = padded.rstrip(b"\x00")
        if data[-1:] != b"\x80" or len(padded) - len(data) >= crypto.BLOCK_BYTES:
            raise BspError("the segment's padding is not right")
        return data[:-1]

    def _content(self, segment: bytes, tag: int) -> bytes:
        if len(segment) > SEGMENT_BYTES:
            raise BspError(f"the segment has {len(segment)} bytes, more than {SEGMENT_BYTES}")
        try:
            tlv = der.expect(segment, tag)
        except der.DerError as error:
            raise BspError(f"the segment is not as it should be: {error}") from error
        if len(tlv.value) < MAC_BYTES:
            raise BspError("the segment is too short for a C-MAC")
        expected = self._mac(segment[:-MAC_BYTES])
        if not hmac.compare_digest(expected, segment[-MAC_BYTES:]):
            raise BspError("the segment's C-MAC is wrong")
        return tlv.value[:-MAC_BYTES]


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]
