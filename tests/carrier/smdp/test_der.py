"""DER is read strictly: one encoding for each value, and DerError for whatever else."""

from __future__ import annotations

import asn1tools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lineaviva.carrier.smdp import der
from lineaviva.carrier.smdp.der import DerError, Tlv

# asn1tools is the second opinion: another hand wrote it.
ORACLE = asn1tools.compile_string(
    "Kinds DEFINITIONS ::= BEGIN Number ::= INTEGER Yes ::= BOOLEAN Text ::= UTF8String Id ::= OBJECT IDENTIFIER "
    "Bytes ::= OCTET STRING Tagged ::= [PRIVATE 300] IMPLICIT OCTET STRING END",
    "der",
)


@pytest.mark.parametrize(
    ("data", "tag", "value"),
    [
        pytest.param("0500", 0x05, "", id="nothing in it"),
        pytest.param("04020102", 0x04, "0102", id="two bytes"),
        pytest.param("5f3701aa", 0x5F37, "aa", id="tag of two bytes"),
        pytest.param("bf38020500", 0xBF38, "0500", id="constructed tag of two bytes"),
        pytest.param("bf814801aa", 0xBF8148, "aa", id="tag of three bytes"),
        pytest.param("1f1f00", 0x1F1F, "", id="the lowest long tag"),
        pytest.param("048180" + "00" * 128, 0x04, "00" * 128, id="length of two bytes"),
        pytest.param("04820100" + "00" * 256, 0x04, "00" * 256, id="length of three bytes"),
        pytest.param("0483010000" + "00" * 65536, 0x04, "00" * 65536, id="length of four bytes"),
    ],
)
def test_reads_and_writes_the_one_encoding(data: str, tag: int, value: str) -> None:
    found = der.read(bytes.fromhex(data))
    assert found == Tlv(tag, bytes.fromhex(data), bytes.fromhex(value))
    assert der.write(tag, found.value) == found.raw
    assert der.children(bytes.fromhex(data + data)) == [found, found]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("", id="nothing"),
        pytest.param("04", id="only a tag"),
        pytest.param("5f", id="half a tag"),
        pytest.param("5f37", id="a long tag and no length"),
        pytest.param("bf81", id="two thirds of a tag"),
        pytest.param("0402aa", id="cut off"),
        pytest.param("040200aabb", id="a byte behind"),
        pytest.param("0000", id="tag 0"),
        pytest.param("3080020101 0000", id="indefinite length"),
        pytest.param("048101aa", id="one byte of length too many"),
        pytest.param("04817f" + "00" * 127, id="127 said in two bytes"),
        pytest.param("0482007f" + "00" * 127, id="127 said in three bytes"),
        pytest.param("048200ff" + "00" * 255, id="255 said in three bytes"),
        pytest.param("0483000100" + "00" * 256, id="256 said in four bytes"),
        pytest.param("0484000000 01aa", id="four bytes of length"),
        pytest.param("0484ffffffff", id="four gigabytes said"),
        pytest.param("04ff", id="127 bytes of length"),
        pytest.param("0481", id="length missing"),
        pytest.param("048201", id="half a length"),
        pytest.param("1f1e00", id="long tag for a number up to 30"),
        pytest.param("5f8000", id="tag with a zero in front"),
        pytest.param("5f803700", id="longer tag with a zero in front"),
        pytest.param("5f81818100", id="tag of four bytes"),
    ],
)
def test_refuses_every_other_encoding(data: str) -> None:
    with pytest.raises(DerError):
        der.read(bytes.fromhex(data))
    with pytest.raises(DerError):
        der.children(der.Tlv(0x30, b"", bytes.fromhex("0500" + data.replace(" ", "")) if data else b"\x04"))


def test_a_primitive_value_has_no_children() -> None:
    with pytest.raises(DerError, match="5F37 holds no other values"):
        der.children(der.read(bytes.fromhex("5f3702 0500")))


def test_one_and_maybe_take_a_value_or_what_it_holds() -> None:
    outer = der.read(der.write(0x30, der.integer(1), der.utf8("a"), der.integer(2)))
    inner = der.children(outer)
    assert der.one(outer, 0x0C) == der.one(inner, 0x0C) == Tlv(0x0C, b"\x0c\x01a", b"a")
    assert der.maybe(inner, 0x05) is None
    with pytest.raises(DerError, match="5 is missing"):
        der.one(outer, 0x05)
    with pytest.raises(DerError, match="2 is there 2 times"):
        der.maybe(outer, 0x02)


def test_expect_wants_its_tag() -> None:
    assert der.expect(b"\x05\x00", 0x05).value == b""
    with pytest.raises(DerError, match="5 instead of 30"):
        der.expect(b"\x05\x00", 0x30)


@given(st.binary(max_size=200))
@example(b"\x30\x80\x00\x00")
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """What is read is the one encoding: written again it is the same, down to the last leaf."""
    try:
        found = der.children(data)
    except DerError:
        return
    assert b"".join(der.write(tlv.tag, tlv.value) for tlv in found) == data


tags = st.sampled_from([0x02, 0x04, 0x0C, 0x5F37, 0x5F49, 0x80, 0x9F70, 0xDF8101])
trees = st.recursive(
    st.builds(der.write, tags, st.binary(max_size=300)),
    lambda inner: st.builds(
        lambda tag, parts: der.write(tag, *parts), st.sampled_from([0x30, 0xA0, 0xBF38, 0xBF8101]), st.lists(inner)
    ),
)


def again(tlv: Tlv) -> bytes:
    if not der.is_constructed(tlv.tag):
        return der.write(tlv.tag, tlv.value)
    return der.write(tlv.tag, *map(again, der.children(tlv)))


@given(trees)
def test_a_tree_read_and_written_again_is_the_same(tree: bytes) -> None:
    assert again(der.read(tree)) == tree


@given(trees, st.integers(min_value=1))
def test_a_tree_cut_short_or_with_more_behind_is_refused(tree: bytes, cut: int) -> None:
    for data in (tree[: -(cut % len(tree)) or None][: len(tree) - 1], tree + b"\x00"):
        with pytest.raises(DerError):
            der.read(data)


@given(st.integers())
@example(0)
@example(127)
@example(128)
@example(-128)
@example(-129)
def test_numbers_as_another_library_has_them(number: int) -> None:
    assert der.integer(number) == ORACLE.encode("Number", number)
    assert der.to_integer(der.read(der.integer(number))) == number


@pytest.mark.parametrize("data", ["0200", "02020000", "0202007f", "0202ffff", "0202ff80"])
def test_numbers_in_more_bytes_than_needed_are_refused(data: str) -> None:
    with pytest.raises(DerError):
        der.to_integer(der.read(bytes.fromhex(data)))


def test_yes_is_all_ones_and_no_all_zeros() -> None:
    assert der.boolean(True) == ORACLE.encode("Yes", True) == b"\x01\x01\xff"
    assert der.boolean(False) == ORACLE.encode("Yes", False) == b"\x01\x01\x00"
    assert der.to_boolean(der.read(b"\x01\x01\xff")) is True
    assert der.to_boolean(der.read(b"\x01\x01\x00")) is False
    for data in (b"\x01\x01\x01", b"\x01\x00", b"\x01\x02\xff\xff"):
        with pytest.raises(DerError):
            der.to_boolean(der.read(data))


@pytest.mark.parametrize(
    ("text", "data"),
    [
        # Another library reads 2.999 as 26.39; these bytes are X.660's own example.
        ("2.999.10", "060388370a"),
        ("2.999.3", "0603883703"),
        ("2.100.3", "0603813403"),
        ("2.23.146.1.2.1.4", "060767811201020104"),
        ("1.2.840.10045.4.3.2", "06082a8648ce3d040302"),
        ("1.3.6.1.4.1.31746", "06082b0601040181f802"),
        ("0.39", "060127"),
        ("2.0", "060150"),
    ],
)
def test_object_identifiers(text: str, data: str) -> None:
    raw = bytes.fromhex(data)
    assert der.oid(text) == raw
    assert der.to_oid(der.read(raw)) == text


arcs = st.integers(0, 2**40)
oids = st.one_of(
    st.builds(
        lambda first, second, rest: [first, second, *rest],
        st.integers(0, 1),
        st.integers(0, 39),
        st.lists(arcs, max_size=5),
    ),
    st.builds(lambda second, rest: [2, second, *rest], arcs, st.lists(arcs, max_size=5)),
)


@given(oids)
def test_object_identifiers_come_back(numbers: list[int]) -> None:
    text = ".".join(map(str, numbers))
    assert der.to_oid(der.read(der.oid(text))) == text
    assert der.oid(text) == ORACLE.encode("Id", text)


@pytest.mark.parametrize("text", ["", "1", "3.1", "1.40", "1.02", "1.-2", "1..2", "1.2.", "a.b", "1.²", "1.+2"])
def test_what_is_no_object_identifier(text: str) -> None:
    with pytest.raises(DerError):
        der.oid(text)


@pytest.mark.parametrize("data", ["0600", "060180", "06022a80", "06038001 01", "0603 2a8001", "0641" + "01" * 65])
def test_bytes_that_are_no_object_identifier(data: str) -> None:
    with pytest.raises(DerError):
        der.to_oid(der.read(bytes.fromhex(data)))


@given(st.text(max_size=50))
def test_texts_as_another_library_has_them(text: str) -> None:
    try:
        written = der.utf8(text)
    except DerError:
        assert any(0xD800 <= ord(letter) <= 0xDFFF for letter in text)
        return
    assert written == ORACLE.encode("Text", text)
    assert der.to_utf8(der.read(written)) == text


@pytest.mark.parametrize("data", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"a\xe4"])
def test_bytes_that_are_no_text(data: bytes) -> None:
    with pytest.raises(DerError):
        der.to_utf8(der.read(der.write(0x0C, data)))


def test_half_a_character_cannot_be_written() -> None:
    with pytest.raises(DerError):
        der.utf8("\ud800")


def test_a_long_tag_as_another_library_has_it() -> None:
    assert der.write(0xDF822C, b"abc") == ORACLE.encode("Tagged", b"abc")


def test_more_than_sixteen_megabytes_cannot_be_said() -> None:
    assert der.length(0xFFFFFF) == bytes.fromhex("83ffffff")
    with pytest.raises(DerError):
        der.length(0x1000000)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65_535, 65_536])
def test_the_header_stands_in_front_of_the_content(size: int) -> None:
    for tag in (0x04, 0x5F37, 0xBF25):
        assert der.header(tag, size) + bytes(size) == der.write(tag, bytes(size))
        assert der.write(tag, bytes(size), b"", b"x") == der.write(tag, bytes(size) + b"x")


def test_several_are_taken_at_once_or_the_one_that_is_missing_or_doubled_is_named() -> None:
    values = der.children(bytes.fromhex("800101810102820103810104"))
    assert [tlv.value for tlv in der.these(values, 0x82, 0x80)] == [b"\x03", b"\x01"]
    assert der.these(values[:3], 0x81) == [Tlv(0x81, b"\x81\x01\x02", b"\x02")]
    with pytest.raises(DerError, match="81 is there 2 times"):
        der.these(values, 0x80, 0x81)
    for some in (values, values[:3]):
        with pytest.raises(DerError, match="83 is missing"):
            der.these(some, 0x80, 0x83)


@given(
    st.lists(st.tuples(st.sampled_from([0x04, 0x30, 0x5F37, 0xBF25, 0xDF822C]), st.binary(max_size=300)), max_size=6)
)
def test_values_in_a_row_are_read_as_each_alone(parts: list[tuple[int, bytes]]) -> None:
    raws = [der.write(tag, content) for tag, content in parts]
    assert der.children(b"".join(raws)) == [der.read(raw) for raw in raws]


@given(st.binary(max_size=40))
def test_a_row_is_refused_where_its_first_value_is(data: bytes) -> None:
    """Read one by one or all at once, the same bytes are right or wrong."""
    found, rest = [], data
    while rest:
        try:
            tlv, end = der._next(rest, 0)
        except DerError:
            with pytest.raises(DerError):
                der.children(data)
            return
        found.append(tlv)
        rest = rest[end:]
    assert der.children(data) == found
