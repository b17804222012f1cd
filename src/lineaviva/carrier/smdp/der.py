"""Strict DER, by hand: what SGP.22 signs is the received bytes, so each value keeps the slice it came in.

Tags are integers of their bytes (0x30, 0x5F37, 0xBF38). Source: ITU-T X.690 chapters 8 and 10. Whatever is not the
one right encoding (indefinite or padded lengths, padded tags, something behind the end) raises DerError, nothing else.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

# Three bytes of length are 16 MiB: more than any profile package, and less than what would hurt.
_LENGTH_BYTES = 3
_OID_BYTES = 64


class DerError(ValueError):
    """These bytes are not the DER that was expected."""


class Tlv(NamedTuple):
    """One value: its tag, its content and the slice that holds all of it. A tuple, for one download makes hundreds."""

    tag: int
    raw: bytes
    value: bytes


# What Tlv(...) ends in, without the call of Python in between.
_tlv = tuple.__new__


def read(data: bytes) -> Tlv:
    """The one value that `data` holds, from its first byte to its last."""
    tlv, end = _next(data, 0)
    if end != len(data):
        raise DerError(f"{len(data) - end} bytes behind the value")
    return tlv


def children(within: Tlv | bytes) -> list[Tlv]:
    """The values inside a constructed one (or inside the content given as bytes), in their order."""
    if isinstance(within, Tlv):
        if not is_constructed(within.tag):
            raise DerError(f"{within.tag:X} holds no other values")
        data = within.value
    else:
        data = within
    found, at, end = [], 0, len(data)
    while at + 2 <= end:
        # All of them are read in each download: with a tag of one byte or two and a length of one, without a call.
        tag, size, content = data[at], data[at + 1], at + 2
        if tag & 0x1F == 0x1F and 0x1F <= size < 0x80 and content < end:
            tag, size, content = tag << 8 | size, data[content], at + 3
        elif tag & 0x1F == 0x1F or not tag:
            size = 0x80
        if size >= 0x80:
            tlv, at = _next(data, at)
            found.append(tlv)
            continue
        stop = content + size
        if stop > end:
            raise DerError("the value is cut off")
        found.append(_tlv(Tlv, (tag, data[at:stop], data[content:stop])))
        at = stop
    if at < end:
        raise DerError("the value is cut off")
    return found


def one(within: Tlv | list[Tlv], tag: int) -> Tlv:
    """The value with this tag; DerError if it is missing or there twice. A list saves reading the same twice."""
    found = maybe(within, tag)
    if found is None:
        raise DerError(f"{tag:X} is missing")
    return found


def these(values: list[Tlv], *tags: int) -> list[Tlv]:
    """Of these values those with these tags; as `one` for each of them, at the price of one."""
    found = {tlv.tag: tlv for tlv in values}
    if len(found) == len(values):
        try:
            return [found[tag] for tag in tags]
        except KeyError:
            pass
    return [one(values, tag) for tag in tags]


def maybe(within: Tlv | list[Tlv], tag: int) -> Tlv | None:
    """The value with this tag, or None; DerError if it is there twice."""
    found = None
    values = children(within) if isinstance(within, Tlv) else within
    for tlv in values:
        if tlv.tag == tag:
            if found is not None:
                raise DerError(f"{tag:X} is there {sum(each.tag == tag for each in values)} times")
            found = tlv
    return found


def expect(data: bytes, tag: int) -> Tlv:
    """As `read`, and the value must have this tag."""
    tlv = read(data)
    if tlv.tag != tag:
        raise DerError(f"{tlv.tag:X} instead of {tag:X}")
    return tlv


def write(tag: int, *parts: bytes) -> bytes:
    """The value with this tag whose content is `parts`, one behind the other."""
    if len(parts) == 1:
        return header(tag, len(parts[0])) + parts[0]
    return b"".join((header(tag, sum(map(len, parts))), *parts))


def header(tag: int, size: int) -> bytes:
    """What stands in front of a content of this many bytes."""
    return _tag(tag) + (_SHORT[size] if size < 0x80 else length(size))


def length(size: int) -> bytes:
    """The length bytes of a content of this many bytes."""
    if size < 0x80:
        return _SHORT[size]
    count = (size.bit_length() + 7) // 8
    if count > _LENGTH_BYTES:
        raise DerError(f"{size} bytes are too many for one value")
    return bytes((0x80 | count,)) + size.to_bytes(count, "big")


_SHORT = [bytes((size,)) for size in range(0x80)]


@lru_cache(maxsize=1024)
def _tag(tag: int) -> bytes:
    return tag.to_bytes((tag.bit_length() + 7) // 8 or 1, "big")


@lru_cache(maxsize=1024)
def is_constructed(tag: int) -> bool:
    while tag > 0xFF:
        tag >>= 8
    return bool(tag & 0x20)


def _next(data: bytes, at: int) -> tuple[Tlv, int]:
    """The value that begins at `at`, and where the one behind it would begin."""
    begin = at
    try:
        tag = data[at]
        at += 1
        if tag & 0x1F == 0x1F:
            tag, at = _long_tag(data, at, tag)
        elif tag == 0:
            raise DerError("tag 0 is no value")
        size = data[at]
        at += 1
        if size >= 0x80:
            size, at = _long_length(data, at, size & 0x7F)
    except IndexError:
        raise DerError("the value is cut off") from None
    end = at + size
    if end > len(data):
        raise DerError(f"the value is cut off: {size} bytes were said, {len(data) - at} are there")
    return _tlv(Tlv, (tag, data[begin:end], data[at:end])), end


def _long_tag(data: bytes, at: int, first: int) -> tuple[int, int]:
    second = data[at]
    if second < 0x80:
        # Numbers up to 30 fit into the first byte, and DER wants the short form then.
        if second < 0x1F:
            raise DerError("the tag is longer than it needs to be")
        return first << 8 | second, at + 1
    third = data[at + 1]
    if second == 0x80:
        raise DerError("the tag is longer than it needs to be")
    if third >= 0x80:
        raise DerError("the tag has more than three bytes")
    return first << 16 | second << 8 | third, at + 2


def _long_length(data: bytes, at: int, count: int) -> tuple[int, int]:
    if not 1 <= count <= _LENGTH_BYTES:
        raise DerError("the length is indefinite or out of bounds")
    end = at + count
    size = int.from_bytes(data[at:end], "big")
    if len(data) < end:
        raise DerError("the value is cut off")
    if size < 0x80 or size < 1 << 8 * (count - 1):
        raise DerError("the length is longer than it needs to be")
    return size, end


# --- the kinds of content that SGP.22 uses --------------------------------------------------------------------------


def integer(value: int, tag: int = 0x02) -> bytes:
    """A whole number, in as few bytes as it needs."""
    bits = value.bit_length() if value >= 0 else (value + 1).bit_length()
    return write(tag, value.to_bytes(bits // 8 + 1, "big", signed=True))


def to_integer(tlv: Tlv) -> int:
    content = tlv.value
    if not content:
        raise DerError("a number without bytes")
    # The first nine bits must not all be the same (X.690 8.3.2).
    if len(content) > 1 and content[0] == (0xFF if content[1] >= 0x80 else 0x00):
        raise DerError("the number is longer than it needs to be")
    return int.from_bytes(content, "big", signed=True)


def boolean(value: bool, tag: int = 0x01) -> bytes:
    return write(tag, b"\xff" if value else b"\x00")


def to_boolean(tlv: Tlv) -> bool:
    if tlv.value not in (b"\xff", b"\x00"):
        raise DerError("neither yes nor no")
    return tlv.value == b"\xff"


def oid(text: str, tag: int = 0x06) -> bytes:
    """An object identifier from its dotted text; DerError if the text is none."""
    arcs = text.split(".")
    if len(arcs) < 2 or not all(arc.isascii() and arc.isdigit() and arc == str(int(arc)) for arc in arcs):
        raise DerError("no object identifier")
    first, second, *rest = map(int, arcs)
    if first > 2 or (first < 2 and second > 39):
        raise DerError("no object identifier")
    # The first two arcs share one number (X.690 8.19.4): 2.999 is 1079, not a byte.
    return write(tag, *(_base128(arc) for arc in (first * 40 + second, *rest)))


def to_oid(tlv: Tlv) -> str:
    content = tlv.value
    if not content or len(content) > _OID_BYTES or content[-1] >= 0x80:
        raise DerError("no object identifier")
    numbers, number, fresh = [], 0, True
    for byte in content:
        if fresh and byte == 0x80:
            raise DerError("the object identifier is longer than it needs to be")
        number = number << 7 | byte & 0x7F
        fresh = byte < 0x80
        if fresh:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def _base128(number: int) -> bytes:
    found = [number & 0x7F]
    while number := number >> 7:
        found.append(0x80 | number & 0x7F)
    return bytes(reversed(found))


def utf8(text: str, tag: int = 0x0C) -> bytes:
    try:
        return write(tag, text.encode())
    except UnicodeEncodeError:
        raise DerError("the text has half a character") from None


def to_utf8(tlv: Tlv) -> str:
    try:
        return tlv.value.decode()
    except UnicodeDecodeError:
        raise DerError("the text is not UTF-8") from None
