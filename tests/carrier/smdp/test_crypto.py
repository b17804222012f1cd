"""The primitives give what their publishers' examples say, and refuse what is not right."""

from __future__ import annotations

import asn1tools
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.carrier.smdp import crypto
from lineaviva.carrier.smdp.crypto import Vault, VaultError

SIGNATURE = asn1tools.compile_string("S DEFINITIONS ::= BEGIN Pair ::= SEQUENCE { r INTEGER, s INTEGER } END", "der")
KEY = {curve.name: ec.generate_private_key(curve) for curve in crypto.CURVES.values()}
both = pytest.mark.parametrize("key", KEY.values(), ids=KEY)


def public(curve: crypto.Curve, x: str, y: str) -> crypto.PublicKey:
    return crypto.otpk_read(bytes.fromhex("04" + x + y), curve)


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ],
)
def test_cmac_as_in_rfc_4493(length: int, expected: str) -> None:
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    message = bytes.fromhex(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
        "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
    )[:length]
    assert crypto.cmac(key, message).hex() == expected
    assert crypto.cmac(key, message[:7], message[7:]).hex() == expected


def test_cbc_as_in_nist_sp_800_38a() -> None:
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    icv = bytes(range(16))
    plain = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
    cipher = bytes.fromhex("7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2")
    assert crypto.cbc_encrypt(key, icv, plain) == cipher
    assert crypto.cbc_decrypt(key, icv, cipher) == plain


@pytest.mark.parametrize("data", [b"a", b"a" * 17])
def test_cbc_is_over_whole_blocks(data: bytes) -> None:
    for work in (crypto.cbc_encrypt, crypto.cbc_decrypt):
        with pytest.raises(ValueError, match="block"):
            work(bytes(16), bytes(16), data)


@pytest.mark.parametrize(
    ("secret", "info", "expected"),
    [
        # NIST CAVS, ANSI X9.63-2001, SHA-256.
        (
            "96c05619d56c328ab95fe84b18264b08725b85e33fd34f08",
            "",
            "443024c3dae66b95e6f5670601558f71",
        ),
        (
            "22518b10e70f2a3f243810ae3254139efbee04aa57c7af7d",
            "75eef81aa3041e33b80971203d2c0c52",
            "c498af77161cc59f2962b9a713e2b215152d139766ce34a776df11866a69bf2e52a13d9c7c6fc878c50c5ea0bc7b00e0da2447cfd874f6"
            "cf92f30d0097111485500c90c3af8b487872d04685d14c8d1dc8d7fa08beb0ce0ababc11f0bd496269142d43525a78e5bc79a17f59676a"
            "5706dc54d54d4d1f0bd7e386128ec26afc21",
        ),
    ],
    ids=["16 bytes", "128 bytes"],
)
def test_x963_kdf_as_nist_has_it(secret: str, info: str, expected: str) -> None:
    found = crypto.x963_kdf(bytes.fromhex(secret), bytes.fromhex(info), len(expected) // 2)
    assert found.hex() == expected


@given(st.binary(min_size=1, max_size=80), st.binary(max_size=80), st.integers(1, 200))
def test_x963_kdf_as_another_library_has_it(secret: bytes, info: bytes, length: int) -> None:
    expected = X963KDF(SHA256(), length, info).derive(secret)
    assert crypto.x963_kdf(secret, info, length) == expected


def test_verifies_the_signature_of_rfc_6979() -> None:
    key = public(
        crypto.NIST,
        "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
        "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
    )
    signature = bytes.fromhex(
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    )
    assert crypto.verify(key, signature, b"sample") is True
    assert crypto.verify(key, signature, b"simple") is False


def test_ecdh_on_p256_as_nist_has_it() -> None:
    private = crypto.otpk_private(
        bytes.fromhex("7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534"), crypto.NIST
    )
    theirs = public(
        crypto.NIST,
        "700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287",
        "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac",
    )
    expected = "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b"
    assert crypto.shared_secret(private, theirs).hex() == expected


def test_ecdh_on_brainpool_as_in_rfc_7027() -> None:
    number = {
        "a": "81db1ee100150ff2ea338d708271be38300cb54241d79950f77b063039804f1d",
        "b": "55e40bc41e37e3e2ad25c3c6654511ffa8474a91a0032087593852d3e7d76bd3",
    }
    a, b = (crypto.otpk_private(bytes.fromhex(number[who]), crypto.BRAINPOOL) for who in "ab")
    assert crypto.point(a.public_key()).hex() == (
        "0444106e913f92bc02a1705d9953a8414db95e1aaa49e81d9e85f929a8e3100be5"
        "8ab4846f11caccb73ce49cbdd120f5a900a69fd32c272223f789ef10eb089bdc"
    )
    expected = "89afc39d41d3b327814b80940b042590f96556ec91e6ae7939bce31f3a18bf2b"
    assert crypto.shared_secret(a, b.public_key()).hex() == expected
    assert crypto.shared_secret(b, a.public_key()).hex() == expected


@both
def test_a_signature_is_r_and_s_and_another_library_agrees(key: crypto.PrivateKey) -> None:
    signature = crypto.sign(key, b"message")
    assert len(signature) == 64
    pair = {"r": int.from_bytes(signature[:32], "big"), "s": int.from_bytes(signature[32:], "big")}
    key.public_key().verify(SIGNATURE.encode("Pair", pair), b"message", ec.ECDSA(SHA256()))
    assert crypto.verify(key.public_key(), signature, b"message") is True


@both
@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda s: b"", id="nothing"),
        pytest.param(lambda s: s[:-1], id="a byte short"),
        pytest.param(lambda s: s + b"\x00", id="a byte more"),
        pytest.param(lambda s: bytes(64), id="zeros"),
        pytest.param(lambda s: s[:32] + bytes(32), id="s is zero"),
        pytest.param(lambda s: bytes(32) + s[32:], id="r is zero"),
        pytest.param(lambda s: b"\xff" * 64, id="beyond the order"),
        pytest.param(lambda s: s[32:] + s[:32], id="r and s changed over"),
        pytest.param(lambda s: bytes((s[0] ^ 1,)) + s[1:], id="one bit"),
    ],
)
def test_a_wrong_signature_is_a_no_and_never_an_exception(key: crypto.PrivateKey, wrong: object) -> None:
    assert callable(wrong)
    assert crypto.verify(key.public_key(), wrong(crypto.sign(key, b"message")), b"message") is False


@given(st.binary(max_size=80))
def test_no_bytes_of_a_stranger_verify(signature: bytes) -> None:
    for key in KEY.values():
        assert crypto.verify(key.public_key(), signature, b"message") is False
        assert crypto.verify_der(key.public_key(), signature, b"message") is False


@both
def test_another_key_does_not_verify(key: crypto.PrivateKey) -> None:
    signature = crypto.sign(key, b"message")
    for other in (ec.generate_private_key(key.curve), *(one for one in KEY.values() if one is not key)):
        assert crypto.verify(other.public_key(), signature, b"message") is False


@pytest.mark.parametrize("curve", crypto.CURVES.values(), ids=crypto.CURVES)
def test_two_one_time_keys_agree(curve: crypto.Curve) -> None:
    (server, server_point), (euicc, euicc_point) = crypto.otpk_make(curve), crypto.otpk_make(curve)
    assert len(server_point) == 65
    assert server_point != euicc_point
    secret = crypto.shared_secret(server, crypto.otpk_read(euicc_point, curve))
    assert secret == crypto.shared_secret(euicc, crypto.otpk_read(server_point, curve))
    assert len(secret) == 32


@pytest.mark.parametrize("curve", crypto.CURVES.values(), ids=crypto.CURVES)
def test_a_one_time_key_comes_back_from_its_number(curve: crypto.Curve) -> None:
    private, point = crypto.otpk_make(curve)
    number = crypto.otpk_number(private)
    assert len(number) == 32
    assert crypto.point(crypto.otpk_private(number, curve).public_key()) == point
    with pytest.raises(ValueError, match="private_value"):
        crypto.otpk_private(bytes(32), curve)


@pytest.mark.parametrize("curve", crypto.CURVES.values(), ids=crypto.CURVES)
@pytest.mark.parametrize(
    "point",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x00", id="infinity"),
        pytest.param(b"\x04" + bytes(64), id="not on the curve"),
        pytest.param(b"\x04" + b"\xff" * 64, id="beyond the field"),
        pytest.param(b"\x04" + bytes(63), id="a byte short"),
        pytest.param(b"\x04" + bytes(65), id="a byte more"),
        pytest.param(b"\x02" + bytes(32), id="compressed"),
        pytest.param(b"\x06" + bytes(64), id="hybrid"),
    ],
)
def test_what_is_no_point_of_the_curve(curve: crypto.Curve, point: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        crypto.otpk_read(point, curve)


def test_a_point_of_the_other_curve_is_refused() -> None:
    _, point = crypto.otpk_make(crypto.NIST)
    with pytest.raises(ValueError, match=r"."):
        crypto.otpk_read(point, crypto.BRAINPOOL)
    with pytest.raises(ValueError, match=r"."):
        crypto.shared_secret(KEY["brainpoolP256r1"], crypto.otpk_read(point, crypto.NIST))


def test_the_vault_opens_what_it_sealed() -> None:
    vault = Vault(b"k" * 32)
    sealed = vault.seal(b"Ki", b"keys:1")
    assert b"Ki" not in sealed
    assert Vault(b"k" * 32).open(sealed, b"keys:1") == b"Ki"
    assert vault.seal(b"Ki", b"keys:1") != sealed, "each time another nonce"
    assert vault.open(vault.seal(b"", b"a"), b"a") == b""


def test_the_vault_knows_its_own_labels_and_key_only() -> None:
    sealed = Vault(b"k" * 32).seal(b"Ki", b"keys:1")
    for vault, label in ((Vault(b"k" * 32), b"keys:2"), (Vault(b"k" * 32), b""), (Vault(b"l" * 32), b"keys:1")):
        with pytest.raises(VaultError):
            vault.open(sealed, label)


@given(st.integers(min_value=0), st.integers(0, 7))
def test_the_vault_sees_each_changed_bit(at: int, bit: int) -> None:
    vault = Vault(b"k" * 32)
    sealed = bytearray(vault.seal(b"secret", b"a"))
    sealed[at % len(sealed)] ^= 1 << bit
    with pytest.raises(VaultError):
        vault.open(bytes(sealed), b"a")


@given(st.binary(max_size=60))
def test_the_vault_refuses_strange_bytes(data: bytes) -> None:
    with pytest.raises(VaultError):
        Vault(b"k" * 32).open(data, b"a")


def test_the_vault_wants_a_long_key_and_gives_keys_by_label() -> None:
    with pytest.raises(ValueError, match="31 bytes"):
        Vault(b"k" * 31)
    vault = Vault(b"k" * 32)
    assert len(vault.key(b"transactions")) == 32
    assert vault.key(b"transactions") == Vault(b"k" * 32).key(b"transactions") != vault.key(b"other")


@given(st.binary(max_size=80))
def test_a_vaults_key_is_what_hkdf_says(label: bytes) -> None:
    vault = Vault(b"k" * 32)
    assert vault.key(label) == HKDFExpand(SHA256(), 32, info=label).derive(vault._root)


def test_a_key_that_was_met_is_the_key_that_would_be_read() -> None:
    _, point = crypto.otpk_make(crypto.NIST)
    read = crypto.otpk_read(point, crypto.NIST)
    assert crypto.met(point, crypto.NIST) == read
    crypto.remember(point, crypto.NIST, read)
    assert crypto.met(point, crypto.NIST) is read
    with pytest.raises(ValueError, match="Invalid EC key"):
        crypto.met(point, crypto.BRAINPOOL)


def test_keys_that_were_met_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crypto, "_met", {})
    for number in range(crypto._MOST_MET + 10):
        crypto.remember(number.to_bytes(2, "big"), crypto.NIST, PUBLIC)
        assert len(crypto._met) <= crypto._MOST_MET
    assert len(crypto._met) == 10


PUBLIC = crypto.otpk_make(crypto.NIST)[0].public_key()
