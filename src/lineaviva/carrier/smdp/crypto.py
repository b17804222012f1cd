"""The signatures, key agreement and ciphers of SGP.22 (chapters 2.6.5 to 2.6.7), and the vault for what rests.

Two curves only, NIST P-256 and brainpoolP256r1; signatures are 64 bytes, r and s one behind the other (BSI TR-03111).
"""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PrivateKey = ec.EllipticCurvePrivateKey
PublicKey = ec.EllipticCurvePublicKey
Curve = ec.EllipticCurve

NIST: Curve = ec.SECP256R1()
BRAINPOOL: Curve = ec.BrainpoolP256R1()
CURVES: dict[str, Curve] = {curve.name: curve for curve in (NIST, BRAINPOOL)}

SIGNATURE_BYTES = 64
POINT_BYTES = 65
BLOCK_BYTES = 16

_ECDSA = ec.ECDSA(SHA256())
_ECDH = ec.ECDH()


class VaultError(ValueError):
    """What was to be opened was not sealed with this key and label, or was changed since."""


def sign(key: PrivateKey, message: bytes) -> bytes:
    """ECDSA with SHA-256, as the 64 bytes that go into a 5F37."""
    r, s = decode_dss_signature(key.sign(message, _ECDSA))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify(public_key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether these 64 bytes sign `message`; whatever is wrong with them is a no."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    return verify_der(public_key, der, message)


def verify_der(public_key: PublicKey, signature: bytes, message: bytes) -> bool:
    """As `verify`, for the DER form that certificates use."""
    try:
        public_key.verify(signature, message, _ECDSA)
    except (InvalidSignature, ValueError):
        return False
    return True


def otpk_make(curve: Curve) -> tuple[PrivateKey, bytes]:
    """A new one-time key pair: the private key, and the public one as an uncompressed point of 65 bytes."""
    private = ec.generate_private_key(curve)
    return private, point(private.public_key())


def otpk_private(number: bytes, curve: Curve) -> PrivateKey:
    """The private key with this number of 32 bytes, as it comes back from the vault; ValueError if there is none."""
    return ec.derive_private_key(int.from_bytes(number, "big"), curve)


def otpk_number(private: PrivateKey) -> bytes:
    """The 32 bytes that `otpk_private` takes."""
    return private.private_numbers().private_value.to_bytes(32, "big")


def otpk_read(data: bytes, curve: Curve) -> PublicKey:
    """The public key of an uncompressed point; ValueError if it is none of this curve."""
    if len(data) != POINT_BYTES or data[0] != 0x04:
        raise ValueError("not an uncompressed point")
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, data)


_met: dict[tuple[bytes, Curve], PublicKey] = {}
_MOST_MET = 1024


def remember(data: bytes, curve: Curve, public_key: PublicKey) -> None:
    """Keep a key that was read, for the calls that follow: to read it again costs a quarter of what it is read for."""
    if len(_met) >= _MOST_MET:
        _met.clear()
    _met[data, curve] = public_key


def met(data: bytes, curve: Curve) -> PublicKey:
    """As `otpk_read`, of a key that may have been here a moment ago."""
    return _met.get((data, curve)) or otpk_read(data, curve)


def point(public_key: PublicKey) -> bytes:
    """The key as an uncompressed point of 65 bytes."""
    return public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def shared_secret(private: PrivateKey, public: PublicKey) -> bytes:
    """ECDH without cofactor: the x-coordinate, 32 bytes. ValueError if the keys are of different curves."""
    return private.exchange(_ECDH, public)


def x963_kdf(secret: bytes, shared_info: bytes, length: int) -> bytes:
    """The key derivation of ANSI X9.63 with SHA-256 (BSI TR-03111 4.3.3)."""
    blocks = (
        hashlib.sha256(secret + count.to_bytes(4, "big") + shared_info).digest() for count in range(1, length // 32 + 2)
    )
    return b"".join(blocks)[:length]


def cmac(key: bytes, *parts: bytes) -> bytes:
    """AES-CMAC (RFC 4493) over the parts, one behind the other: 16 bytes."""
    mac = CMAC(AES(key))
    mac.update(b"".join(parts))
    return mac.finalize()


def cbc_encrypt(key: bytes, icv: bytes, plaintext: bytes) -> bytes:
    """AES-CBC over whole blocks; ValueError for anything else."""
    encryptor = Cipher(AES(key), CBC(icv)).encryptor()
    return encryptor.update(plaintext) + encryptor.finalize()


def cbc_decrypt(key: bytes, icv: bytes, ciphertext: bytes) -> bytes:
    """AES-CBC over whole blocks; ValueError for anything else."""
    decryptor = Cipher(AES(key), CBC(icv)).decryptor()
    return decryptor.update(ciphertext) + decryptor.finalize()


class Vault:
    """Seals what rests in the database: AES-256-GCM under a key for each label, so that no value stands in for another.

    The label says what the value is and whose, for example b"upp:8939…".
    """

    _VERSION = b"\x01"
    _NONCE_BYTES = 12
    KEY_BYTES = 32

    def __init__(self, key: bytes) -> None:
        if len(key) < self.KEY_BYTES:
            raise ValueError(f"the vault's key has {len(key)} bytes, not {self.KEY_BYTES} or more")
        self._root = HKDF(SHA256(), self.KEY_BYTES, salt=b"lineaviva smdp vault", info=b"root").derive(key)

    def seal(self, plaintext: bytes, label: bytes) -> bytes:
        nonce = os.urandom(self._NONCE_BYTES)
        return self._VERSION + nonce + self._cipher(label).encrypt(nonce, plaintext, self._VERSION)

    def open(self, sealed: bytes, label: bytes) -> bytes:
        """What was sealed under this label; VaultError if it was not, or was changed."""
        version, nonce, rest = sealed[:1], sealed[1 : 1 + self._NONCE_BYTES], sealed[1 + self._NONCE_BYTES :]
        if version != self._VERSION or len(nonce) != self._NONCE_BYTES:
            raise VaultError("not sealed by this vault")
        try:
            return self._cipher(label).decrypt(nonce, rest, version)
        except (InvalidTag, ValueError):
            raise VaultError("sealed with another key or label, or changed since") from None

    def key(self, label: bytes) -> bytes:
        """32 bytes that only who has the vault's key can know, another for each label."""
        # HKDF-Expand (RFC 5869 2.3), of which a key of this size is the first block.
        return hmac.digest(self._root, label + b"\x01", "sha256")

    def _cipher(self, label: bytes) -> AESGCM:
        return AESGCM(self.key(b"seal:" + label))
