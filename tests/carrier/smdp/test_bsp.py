"""SCP03t: the segments are those that another program makes, and a changed one is never opened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.carrier.smdp import bsp, crypto, der
from lineaviva.carrier.smdp.bsp import BspError, Keys, Opener, Protector

SESSION = Keys(*(bytes(range(at, at + 16)) for at in (0x00, 0x10, 0x20)))
PACKAGE = Keys(*(bytes(range(at, at + 16)) for at in (0x30, 0x40, 0x50)))
# Made with openssl's `enc` and `mac` on the command line, step by step as the specification says.
CONFIGURE = "87184b1448616e13e7e460d74d27756b5f2224ec2e9969b98cac"
METADATA = "880dbf25025a00b5ee434433bcf7f7"
WHOLE_BLOCK = "87289425a253f0ec1dcc4f867deea4fd2a256ca9a334a2ee366191abcc21046ef596ac9578643149bbef"
PROFILE = [
    "8618044bc9bd9165d5eed58d73555c0a952c04242d099e9d5b82",
    "8618dfd25850373d70e188fe41c3d1b20e8a846144eaac3b6fd8",
]


def segments(*texts: str) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


def test_a_package_is_protected_as_by_hand_with_openssl() -> None:
    """Encrypted, authenticated (which counts too), a whole block of padding, then other keys and from 1 again."""
    protector = Protector(SESSION)
    assert protector.encrypted(0x87, bytes.fromhex("bf2400")) == segments(CONFIGURE)
    assert protector.authenticated(0x88, bytes.fromhex("bf25025a00")) == segments(METADATA)
    assert protector.encrypted(0x87, b"0123456789012345") == segments(WHOLE_BLOCK)
    protector.replace(PACKAGE)
    assert protector.encrypted(0x86, b"abc") + protector.encrypted(0x86, b"def") == segments(*PROFILE)


def test_and_opened_again() -> None:
    opener = Opener(SESSION)
    assert opener.decrypted(0x87, segments(CONFIGURE)).hex() == "bf2400"
    assert opener.authenticated(0x88, segments(METADATA)).hex() == "bf25025a00"
    assert opener.decrypted(0x87, segments(WHOLE_BLOCK)) == b"0123456789012345"
    opener.replace(PACKAGE)
    assert opener.decrypted(0x86, segments(*PROFILE)) == b"abcdef"


def test_session_keys_are_cut_from_the_kdf_in_the_order_of_the_specification() -> None:
    secret, eid = bytes(range(32)), "89049032123451234512345678901235"
    info = bytes.fromhex("8810" + "04" + b"host".hex() + "10" + eid)
    expected = crypto.x963_kdf(secret, info, 48)
    found = bsp.session_keys(secret, b"host", eid)
    assert (found.mcv, found.enc, found.mac) == (expected[:16], expected[16:32], expected[32:])
    assert found != bsp.session_keys(secret, b"hosT", eid)
    assert found != bsp.session_keys(secret, b"host", eid[:-1] + "6")


@pytest.mark.parametrize(
    ("host", "eid"),
    [
        pytest.param(b"", "89" * 16, id="no host"),
        pytest.param(b"h" * 17, "89" * 16, id="long host"),
        pytest.param(b"h", "89" * 15, id="short EID"),
        pytest.param(b"h", "8" * 31, id="odd EID"),
        pytest.param(b"h", "zz" * 16, id="no digits"),
    ],
)
def test_session_keys_want_a_host_and_an_eid(host: bytes, eid: str) -> None:
    with pytest.raises(BspError):
        bsp.session_keys(bytes(32), host, eid)


def test_keys_are_three_of_sixteen_bytes_and_never_shown() -> None:
    assert Keys.read(SESSION.joined()) == SESSION
    assert repr(SESSION) == "Keys()"
    for size in (0, 47, 49):
        with pytest.raises(BspError):
            Keys.read(bytes(size))
    with pytest.raises(BspError):
        Keys(bytes(16), bytes(15), bytes(17))


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        (0, []),
        (1, [26]),
        (15, [26]),
        (16, [42]),
        (1007, [1020]),
        (1008, [1020, 26]),
        (2014, [1020, 1020]),
        (12_000, [1020] * 11 + [940]),
    ],
)
def test_an_encrypted_segment_has_at_most_1020_bytes(size: int, sizes: list[int]) -> None:
    assert [len(segment) for segment in Protector(SESSION).encrypted(0x86, bytes(size))] == sizes


@pytest.mark.parametrize(("size", "sizes"), [(0, []), (1, [11]), (1008, [1020]), (1009, [1020, 11])])
def test_an_authenticated_segment_has_at_most_1020_bytes(size: int, sizes: list[int]) -> None:
    assert [len(segment) for segment in Protector(SESSION).authenticated(0x88, bytes(size))] == sizes


@given(st.lists(st.tuples(st.sampled_from([0x86, 0x87, 0x88]), st.binary(max_size=2100)), max_size=4))
def test_what_was_protected_is_opened(parts: list[tuple[int, bytes]]) -> None:
    protector, opener = Protector(SESSION), Opener(SESSION)
    for tag, data in parts:
        if tag == 0x88:
            made = protector.authenticated(tag, data)
            assert opener.authenticated(tag, made) == data
        else:
            made = protector.encrypted(tag, data)
            assert opener.decrypted(tag, made) == data
        assert all(len(segment) <= 1020 and der.read(segment).tag == tag for segment in made)


@given(st.integers(min_value=0), st.integers(0, 7))
def test_each_changed_bit_is_seen(at: int, bit: int) -> None:
    for made, open_ in (
        (Protector(SESSION).encrypted(0x87, b"secret")[0], "decrypted"),
        (Protector(SESSION).authenticated(0x88, b"open")[0], "authenticated"),
    ):
        changed = bytearray(made)
        changed[at % len(made)] ^= 1 << bit
        with pytest.raises(BspError):
            getattr(Opener(SESSION), open_)(made[0], [bytes(changed)])


@given(st.binary(max_size=60))
def test_strange_bytes_are_refused(data: bytes) -> None:
    for segment in (data, der.write(0x86, data)):
        with pytest.raises(BspError):
            Opener(SESSION).decrypted(0x86, [segment])
        with pytest.raises(BspError):
            Opener(SESSION).authenticated(0x86, [segment])


def test_segments_in_another_order_left_out_or_doubled_are_refused() -> None:
    made = Protector(SESSION).encrypted(0x86, bytes(3000))
    for wrong in (made[::-1], made[1:], [made[0], made[0]], [made[0], made[2]]):
        with pytest.raises(BspError, match="C-MAC"):
            Opener(SESSION).decrypted(0x86, wrong)


def test_a_segment_under_another_tag_or_other_keys_is_refused() -> None:
    made = Protector(SESSION).encrypted(0x87, b"a")
    with pytest.raises(BspError, match="87 instead of 86"):
        Opener(SESSION).decrypted(0x86, made)
    with pytest.raises(BspError, match="C-MAC"):
        Opener(SESSION).decrypted(0x86, [b"\x86" + made[0][1:]])
    with pytest.raises(BspError, match="C-MAC"):
        Opener(PACKAGE).decrypted(0x87, made)


def authentic(content: bytes) -> bytes:
    """A segment with this content whose C-MAC is right."""
    covered = b"\x86" + der.length(len(content) + 8) + content
    return covered + crypto.cmac(SESSION.mac, SESSION.mcv, covered)[:8]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b"", "whole blocks", id="nothing"),
        pytest.param(bytes(15), "whole blocks", id="not whole blocks"),
        pytest.param(bytes(16), "padding", id="no padding in it"),
        pytest.param(bytes(1009), "more than 1020", id="too long"),
    ],
)
def test_a_right_cmac_does_not_make_the_content_right(content: bytes, why: str) -> None:
    with pytest.raises(BspError, match=why):
        Opener(SESSION).decrypted(0x86, [authentic(content)])


@pytest.mark.parametrize("padded", [bytes(16), b"a" * 16, b"a" * 16 + b"\x80" + bytes(31), b"a" * 15 + b"\x81"])
def test_padding_is_one_bit_and_fewer_zeros_than_a_block(padded: bytes) -> None:
    icv = crypto.cbc_encrypt(SESSION.enc, bytes(16), (1).to_bytes(16, "big"))
    with pytest.raises(BspError, match="padding"):
        Opener(SESSION).decrypted(0x86, [authentic(crypto.cbc_encrypt(SESSION.enc, icv, padded))])


@given(st.binary(max_size=200))
def test_few_blocks_are_chained_as_many_are(data: bytes) -> None:
    keys = Keys(b"m" * 16, b"e" * 16, b"c" * 16)
    padded = data + b"\x80" + bytes(-(len(data) + 1) % 16)
    icv = crypto.cbc_encrypt(keys.enc, bytes(16), (1).to_bytes(16, "big"))
    segment = Protector(keys).encrypted(0x87, data)[0] if data else b""
    if segment:
        assert der.read(segment).value[:-8] == crypto.cbc_encrypt(keys.enc, icv, padded)
        assert segment[-8:] == crypto.cmac(keys.mac, keys.mcv, segment[:-8])[:8]
