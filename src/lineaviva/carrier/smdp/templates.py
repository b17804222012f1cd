"""Profile packages made from a template: the numbers and secrets of one line put where another's stand.

Source: Trusted Connectivity Alliance, eUICC Profile Package: Interoperable Format 2.3 and 3.x. A profile element is a
value with a tag of its own; a file is a row of settings (A1), offsets (82) and contents (83).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from stdnum import luhn

from lineaviva.carrier.smdp import der
from lineaviva.carrier.smdp.der import Tlv, children, one, write
from lineaviva.carrier.smdp.packages import PackageError, iccid_packed, iccid_swapped, read_upp

_HEADER, _PINS, _PUKS, _AKA, _MF, _USIM = 0xA0, 0xA2, 0xA3, 0xA4, 0xB0, 0xB3
_EF_ICCID, _EF_IMSI = 0xA4, 0xA3
_CONTENT = 0x83
_PIN1, _PIN2, _ADM1, _PUK1, _PUK2 = 1, 129, 10, 1, 129


@dataclass(frozen=True, slots=True)
class Person:
    """What makes a profile one line's own. Ki and OPc are 16 bytes; codes are digits; none of it is ever shown.

    A code that is not given stays as the template has it.
    """

    iccid: str = field(repr=False)
    imsi: str = field(repr=False)
    ki: bytes = field(repr=False)
    opc: bytes = field(repr=False)
    pin1: str | None = field(default=None, repr=False)
    pin2: str | None = field(default=None, repr=False)
    puk1: str | None = field(default=None, repr=False)
    puk2: str | None = field(default=None, repr=False)
    adm1: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        iccid_packed(self.iccid)
        if not re.fullmatch("[0-9]{14,15}", self.imsi, re.ASCII):
            raise PackageError("an IMSI has 14 or 15 digits")
        if len(self.ki) != 16 or len(self.opc) != 16:
            raise PackageError("Ki and OPc have 16 bytes each")
        for code, least in ((self.pin1, 4), (self.pin2, 4), (self.puk1, 8), (self.puk2, 8), (self.adm1, 4)):
            if code is not None and not (least <= len(code) <= 8 and code.isascii() and code.isdigit()):
                raise PackageError(f"a code has {least} to 8 digits")


def personalise(template: bytes, person: Person) -> bytes:
    """The template as this line's package; PackageError if it has no place for the ICCID, IMSI or keys."""
    read_upp(template)
    work = _Personalising(person)
    package = b"".join(work.element(element) for element in children(template))
    if missing := {"ICCID", "EF.ICCID", "IMSI", "keys"} - work.done:
        raise PackageError(f"the template has no place for {', '.join(sorted(missing))}")
    return package


class _Personalising:
    def __init__(self, person: Person) -> None:
        self._person = person
        self.done: set[str] = set()

    def element(self, element: Tlv) -> bytes:
        change: Callable[[Tlv], bytes] | None = {
            _HEADER: self._header,
            _MF: self._mf,
            _USIM: self._usim,
            _AKA: self._aka,
            _PINS: self._pins,
            _PUKS: self._puks,
        }.get(element.tag)
        return change(element) if change else element.raw

    def _header(self, element: Tlv) -> bytes:
        self.done.add("ICCID")
        return _with(element, {0x83: write(0x83, iccid_packed(self._person.iccid))})

    def _mf(self, element: Tlv) -> bytes:
        self.done.add("EF.ICCID")
        return _with(element, {_EF_ICCID: _filled(one(element, _EF_ICCID), iccid_swapped(self._person.iccid))})

    def _usim(self, element: Tlv) -> bytes:
        self.done.add("IMSI")
        return _with(element, {_EF_IMSI: _filled(one(element, _EF_IMSI), _imsi(self._person.imsi))})

    def _aka(self, element: Tlv) -> bytes:
        configuration = one(element, 0xA1)
        algorithm = der.maybe(configuration, 0xA1)
        if algorithm is None:  # takes the algorithm of another application
            return element.raw
        self.done.add("keys")
        keys = {0x82: write(0x82, self._person.ki), 0x83: write(0x83, self._person.opc)}
        return _with(element, {0xA1: write(0xA1, _with(algorithm, keys))})

    def _pins(self, element: Tlv) -> bytes:
        person = self._person
        codes = {_PIN1: person.pin1, _PIN2: person.pin2, _ADM1: person.adm1}
        choice = one(element, 0xA1)
        rows = der.maybe(choice, 0xA0)
        if rows is None:  # shares the PINs of another directory
            return element.raw
        return _with(element, {0xA1: write(0xA1, _with_codes(rows, codes))})

    def _puks(self, element: Tlv) -> bytes:
        codes = {_PUK1: self._person.puk1, _PUK2: self._person.puk2}
        return _with(element, {0xA1: _with_codes(one(element, 0xA1), codes)})


def _with(element: Tlv, new: dict[int, bytes]) -> bytes:
    """The element with some of its parts replaced; PackageError if one of them is not there."""
    parts = children(element)
    if missing := new.keys() - {part.tag for part in parts}:
        raise PackageError(f"{element.tag:X} of the template has no {min(missing):X}")
    return write(element.tag, *(new.get(part.tag, part.raw) for part in parts))


def _filled(file: Tlv, content: bytes) -> bytes:
    """The file with this as its one content."""
    if len(one(file, _CONTENT).value) != len(content):
        raise PackageError("a file of the template has another size than what belongs into it")
    return _with(file, {_CONTENT: write(_CONTENT, content)})


def _with_codes(rows: Tlv, codes: dict[int, str | None]) -> bytes:
    """PIN or PUK rows (80 which, 81 the code) with the codes that are given."""
    return write(rows.tag, *(_with_code(row, codes.get(_which(row))) for row in children(rows)))


def _which(row: Tlv) -> int:
    return der.to_integer(one(row, 0x80))


def _with_code(row: Tlv, code: str | None) -> bytes:
    return _with(row, {0x81: write(0x81, _code(code))}) if code is not None else row.raw


def _code(digits: str) -> bytes:
    return digits.encode().ljust(8, b"\xff")


def _imsi(imsi: str) -> bytes:
    """EF.IMSI (3GPP TS 31.102 4.2.2): length, then the digits, the first half byte telling whether they are odd."""
    odd = len(imsi) % 2
    packed = bytes.fromhex((("9" if odd else "1") + imsi).ljust(16, "F"))
    return bytes((8,)) + bytes((byte << 4 | byte >> 4) & 0xFF for byte in packed)


# --- a package of our own, for demonstrations -----------------------------------------------------------------------

_ZEROS = "0" * 19
_USIM_AID = bytes.fromhex("A0000000871002FF33FF018900000100")


# ICCIDs begin with telecommunications, Italy and the issuer (ITU-T E.118); IMSIs with Italy and the network.
_NETWORKS = {"tim": ("8939010", "22201"), "vodafone": ("8939100", "22210"), "windtre": ("8939880", "22288")}


def demo_person(operator: str = "tim") -> Person:
    """The numbers and secrets of a line that no network knows, drawn by chance; an operator unknown here has TIM's."""
    issuer, network = _NETWORKS.get(operator, _NETWORKS["tim"])
    digits = issuer + _digits(11)
    imsi, pin, puk = network + _digits(10), _digits(4), _digits(8)
    iccid = digits + luhn.calc_check_digit(digits)
    return Person(iccid, imsi, secrets.token_bytes(16), secrets.token_bytes(16), pin1=pin, puk1=puk)


def _digits(many: int) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(many))


def demo_template(size: int = 0) -> bytes:
    """A small package with a USIM, to be personalised; filled up with a file to about `size` bytes.

    Enough for the eUICC of the sandbox and for readers of the format. No network knows its keys. PackageError if the
    size is more than one file can have.
    """
    if size >= 0x10000:
        raise PackageError("a demonstration has less than 65536 bytes")
    numbers = iter(range(1, 100))
    rest = [
        _mf_element(next(numbers)),
        _pukcodes_element(next(numbers)),
        _pincodes_element(next(numbers), (_PIN1, b"0000"), (_ADM1, b"00000000")),
        _usim_element(next(numbers)),
        _pincodes_element(next(numbers), (_PIN2, b"0000")),
        _aka_element(next(numbers)),
    ]
    head = _header_element()
    missing = size - len(head) - sum(map(len, rest))
    if missing > _FILE_HEAD:
        rest.append(_file_element(next(numbers), missing - _FILE_HEAD))
    return b"".join((head, *rest, write(0xAA, _numbered(next(numbers)))))


_FILE_HEAD = 64


def _numbered(number: int) -> bytes:
    """The head of a profile element: the eUICC must know it, and its number."""
    return write(0xA0, write(0x80), der.integer(number, 0x81))


def _header_element() -> bytes:
    services = write(0xA5, write(0x81), write(0x84))  # USIM and Milenage
    templates = write(0xA6, der.oid("2.23.143.1.2.1"), der.oid("2.23.143.1.2.4"))
    return write(
        0xA0,
        der.integer(2, 0x80),
        der.integer(3, 0x81),
        der.utf8("Lineaviva demo", 0x82),
        write(0x83, iccid_packed(_ZEROS)),
        services,
        templates,
    )


def _mf_element(number: int) -> bytes:
    pins = write(0xA1, write(0xC6, bytes((_PIN1, _ADM1))))
    application = write(0x61, write(0x4F, _USIM_AID), write(0x50, b"USIM"))
    return write(
        _MF,
        _numbered(number),
        der.oid("2.23.143.1.2.1", 0x81),
        write(0xA2, pins),
        write(_EF_ICCID, write(_CONTENT, iccid_swapped(_ZEROS))),
        write(0xA5, write(0xA1, write(0x82, bytes.fromhex("42210026"))), write(_CONTENT, application)),
        write(0xA6, write(_CONTENT, bytes.fromhex("800101900080010290008001049000"))),
    )


def _usim_element(number: int) -> bytes:
    adf = write(0xA1, write(0x83, b"\x7f\xf0"), write(0x84, _USIM_AID), write(0xC6, bytes((_PIN1, _PIN2, _ADM1))))
    return write(
        _USIM,
        _numbered(number),
        der.oid("2.23.143.1.2.4", 0x81),
        write(0xA2, adf),
        write(_EF_IMSI, write(_CONTENT, _imsi("001010000000000"))),
        write(0xA4, write(_CONTENT, bytes.fromhex("800101900080010290008001049000"))),
        write(0xA8, write(_CONTENT, bytes.fromhex("0A2E178CE73204000000000000"))),
        write(0xAD, write(_CONTENT, b"\x01Lineaviva\xff\xff\xff\xff\xff\xff\xff")),
        write(0xAE, write(_CONTENT, b"\x00")),
        write(0xB2, write(_CONTENT, b"\x00\x01")),
        write(0xB6, write(_CONTENT, bytes.fromhex("11F2FFFFFF00"))),
    )


def _pukcodes_element(number: int) -> bytes:
    rows = [write(0x30, der.integer(which, 0x80), write(0x81, b"00000000")) for which in (_PUK1, _PUK2)]
    return write(_PUKS, _numbered(number), write(0xA1, *rows))


def _pincodes_element(number: int, *codes: tuple[int, bytes]) -> bytes:
    rows = [write(0x30, der.integer(which, 0x80), write(0x81, _code(code.decode()))) for which, code in codes]
    return write(_PINS, _numbered(number), write(0xA1, write(0xA0, *rows)))


def _aka_element(number: int) -> bytes:
    milenage = (der.integer(1, 0x80), write(0x81, b"\x01"), write(0x82, bytes(16)), write(0x83, bytes(16)))
    return write(_AKA, _numbered(number), write(0xA1, write(0xA1, *milenage)))


def _file_element(number: int, size: int) -> bytes:
    """Generic file management: one transparent file below the MF, its content as long as asked for."""
    described = (
        write(0x82, b"\x41\x21"),
        write(0x83, b"\x2f\x0a"),
        write(0x8B, b"\x01"),
        write(0x80, size.to_bytes((size.bit_length() + 7) // 8, "big")),
    )
    content = bytes(at * 37 & 0xFF for at in range(size))
    command = write(0x30, write(0x80), write(0x62, *described), write(0x81, content))
    return write(0xA1, _numbered(number), write(0xA1, command))
