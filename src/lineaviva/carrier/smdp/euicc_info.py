"""What an eUICC says of itself: EUICCInfo1 and EUICCInfo2 (SGP.22 5.6.1, 5.7.8, annex H)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from lineaviva.carrier.smdp import der
from lineaviva.carrier.smdp.certs import CertificateStore, Server
from lineaviva.carrier.smdp.der import DerError, Tlv

_SVN, _VERIFICATION, _SIGNING = 0x82, 0xA9, 0xAA
_PROFILE_VERSION, _RESOURCES, _FORBIDDEN = 0x81, 0x84, 0x99
_FREE_MEMORY = 0x82
_USUAL_BYTES = 512
_MAJOR = 2  # of the specification that this server speaks


class Info(NamedTuple):
    """Of both infos: the specification version (3 bytes), and the CI keys that it verifies and signs under."""

    svn: bytes
    verification: tuple[bytes, ...]
    signing: tuple[bytes, ...]

    @property
    def supported(self) -> bool:
        return self.svn[0] == _MAJOR

    def server(self, store: CertificateStore) -> Server | None:
        """Ours under the first CI that the eUICC verifies: its lists are in the order of its preference."""
        return next(filter(None, map(store.by_key_id, self.verification)), None)

    def signing_ci(self, store: CertificateStore) -> bytes | None:
        """The first CI that the eUICC signs under and we know."""
        return next((key_id for key_id in self.signing if store.by_key_id(key_id)), None)


class Abilities(NamedTuple):
    """Of EUICCInfo2 alone. `memory`: free bytes, None where it does not say. `forbidden`: PPRs, bits as in tag 99."""

    profile_major: int
    memory: int | None
    forbidden: int


def read_info(parts: list[Tlv]) -> Info:
    """Of the parts of either info. Raises DerError."""
    svn, verification, signing = der.these(parts, _SVN, _VERIFICATION, _SIGNING)
    if len(svn.value) != 3:
        raise DerError("a version has three bytes")
    return Info(svn.value, _key_ids(verification.raw), _key_ids(signing.raw))


def read_abilities(parts: list[Tlv]) -> Abilities:
    """Of the parts of EUICCInfo2. Raises DerError."""
    version = der.one(parts, _PROFILE_VERSION).value
    if len(version) != 3:
        raise DerError("a version has three bytes")
    free = der.maybe(der.children(der.one(parts, _RESOURCES).value), _FREE_MEMORY)
    forbidden = der.maybe(parts, _FORBIDDEN)
    return Abilities(
        version[0], None if free is None else int.from_bytes(free.value, "big"), bits(forbidden) if forbidden else 0
    )


def bits(bit_string: Tlv) -> int:
    """The first eight of a BIT STRING's bits, the first of them the highest. Raises DerError."""
    value = bit_string.value
    if not value or value[0] > 7 or (len(value) == 1 and value[0]):
        raise DerError("no bit string")
    return value[1] if len(value) > 1 else 0


def _key_ids(raw: bytes) -> tuple[bytes, ...]:
    # The same for all eUICCs of a make. A long one is some stranger's, and not worth the memory.
    return _read_key_ids(raw) if len(raw) <= _USUAL_BYTES else _read_key_ids.__wrapped__(raw)


@lru_cache(maxsize=256)
def _read_key_ids(raw: bytes) -> tuple[bytes, ...]:
    found = der.children(der.read(raw))
    if any(one.tag != 0x04 for one in found):
        raise DerError("a key identifier is an octet string")
    return tuple(one.value for one in found)
