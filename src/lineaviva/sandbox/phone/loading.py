"""LoadBoundProfilePackage: the chip takes a package apart, checks every piece, and installs it or says why not.

Source: SGP.22 v2.2.2 2.5.3, 2.5.4, 5.5 (ES8+) and 5.7.6. Whatever the outcome, there is a signed result for the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from lineaviva.carrier.smdp import bsp, crypto, der
from lineaviva.carrier.smdp.bsp import BspError, Keys, Opener
from lineaviva.carrier.smdp.der import DerError, Tlv
from lineaviva.sandbox.phone import messages
from lineaviva.sandbox.phone.checks import same_address
from lineaviva.sandbox.phone.errors import PhoneError
from lineaviva.sandbox.phone.euicc import Euicc, Prepared, Session
from lineaviva.sandbox.phone.messages import Metadata
from lineaviva.sandbox.phone.store import Profile

# BppCommandId
INITIALISE, CONFIGURE, STORE, STORE2, REPLACE, LOAD = range(6)
# ErrorReason
INCORRECT, SIGNATURE, TRANSACTION, CRT, OPERATION, CLASS, STRUCTURE, SECURITY, EXISTS, MEMORY = range(1, 11)
ELEMENT, MISMATCH, PPR = 12, 13, 15
_INSTALLED = bytes.fromhex("3007a0053003800100")  # EUICCResponse: one element, status ok
_DP_DATA_BYTES = 128


class LoadFailed(Exception):
    """The chip does not install: `command` and `reason` for the server, `check` and `sentence` for the holder."""

    def __init__(self, command: int, reason: int, check: str, sentence: str) -> None:
        super().__init__(sentence)
        self.command, self.reason, self.check, self.sentence = command, reason, check, sentence


@dataclass(frozen=True)
class Package:
    """A BoundProfilePackage in its parts; each segment as it came."""

    initialise: Tlv
    configure: list[bytes]
    metadata: list[bytes]
    replace: list[bytes]
    elements: list[bytes]

    @property
    def size(self) -> int:
        return sum(map(len, self.elements))


def split(data: bytes) -> Package:
    """Take BF36 apart, as the LPA must before it hands it to the chip (2.5.5). DerError where it is not one."""
    parts = der.children(der.expect(data, 0xBF36))
    second = der.maybe(parts, 0xA2)
    allowed = [0xBF23, 0xA0, 0xA1, *([0xA2] if second else []), 0xA3]
    if [part.tag for part in parts] != allowed:
        raise DerError("the package's parts are not in their order")
    return Package(
        der.one(parts, 0xBF23),
        _segments(der.one(parts, 0xA0), 0x87),
        _segments(der.one(parts, 0xA1), 0x88),
        _segments(second, 0x87) if second else [],
        _segments(der.one(parts, 0xA3), 0x86),
    )


def _segments(sequence: Tlv, tag: int) -> list[bytes]:
    segments = der.children(sequence)
    if not segments or any(one.tag != tag for one in segments):
        raise DerError(f"not segments {tag:X}")
    return [one.raw for one in segments]


def announced(package: Package) -> bytes:
    """The metadata in the package, which is not encrypted: what the LPA compares with what the server showed before."""
    return b"".join(der.read(one).value[: -bsp.MAC_BYTES] for one in package.metadata)


def load(chip: Euicc, package: Package, now: datetime) -> tuple[Profile | None, LoadFailed | None]:
    """Install `package` and keep its signed result: the profile, or why there is none. The caller saves the state.

    Either way the one-time key is spent and the session over (5.7.6).
    """
    prepared, found = chip.session.prepared, _Found()
    if prepared is None:
        raise PhoneError("No download was prepared on this chip.", code="no_session")
    try:
        metadata, size = _open_all(chip, prepared, package, found)
        profile, failed = _profile(chip, prepared, metadata, size, now), None
        final = der.write(0xA0, der.write(0x4F, bytes.fromhex(profile.aid)), der.write(0x04, _INSTALLED))
    except LoadFailed as reason:
        profile, failed = None, reason
        final = der.write(0xA1, der.integer(reason.command, 0x80), der.integer(reason.reason, 0x81))
    _keep_result(chip, prepared, found.iccid, final, now)
    if profile is not None:
        chip.state.profiles.append(profile)
        _keep_install_notices(chip, profile, now)
    chip.state.one_time_key, chip.session = None, Session(b"")
    return profile, failed


@dataclass
class _Found:
    """What is known of the profile so far, for a result that must tell of it even when loading breaks off."""

    iccid: str = ""


def _open_all(chip: Euicc, prepared: Prepared, package: Package, found: _Found) -> tuple[Metadata, int]:
    """Every piece checked in its order: what the profile says of itself, and its size in bytes."""
    opener = Opener(_initialise(chip, prepared, package.initialise))
    _configure(_open(opener, 0x87, package.configure, CONFIGURE))
    metadata = _store(chip, _open(opener, 0x88, package.metadata, STORE), found)
    if package.replace:
        opener.replace(_replacement(_open(opener, 0x87, package.replace, REPLACE)))
    if package.size > chip.state.free:
        _fail(LOAD, MEMORY, "memory", "There is no room for this profile on the phone; delete another one first.")
    content = _open(opener, 0x86, package.elements, LOAD)
    _elements(content, metadata)
    return metadata, len(content)


def _fail(command: int, reason: int, check: str, sentence: str) -> NoReturn:
    raise LoadFailed(command, reason, check, sentence)


# --- InitialiseSecureChannel (5.5.1) -------------------------------------------------------------------------------


def _initialise(chip: Euicc, prepared: Prepared, request: Tlv) -> Keys:
    try:
        parts = der.children(request)
        tags = [part.tag for part in parts]
        if tags != [0x82, 0x80, 0xA6, 0x5F49, 0x5F37]:
            raise DerError("not an InitialiseSecureChannel")
        operation, transaction, template, otpk, signature = parts
        number = der.to_integer(operation)
        key_type, key_size, host = der.children(template)
        if [key_type.tag, key_size.tag, host.tag] != [0x80, 0x81, 0x84]:
            raise DerError("not a control reference template")
    except (DerError, ValueError):
        _fail(INITIALISE, INCORRECT, "secure_channel", "The secure channel to the chip is not set up as it should be.")
    if number != 1:
        _fail(INITIALISE, OPERATION, "remote_operation", "The server wants something else than to install a profile.")
    if transaction.value != chip.session.transaction_id:
        _fail(INITIALISE, TRANSACTION, "channel_transaction", "The profile was bound for another download.")
    if (key_type.value, key_size.value) != (bytes((bsp.KEY_TYPE,)), bytes((bsp.KEY_BYTES,))):
        _fail(INITIALISE, CRT, "key_type", "The server wants keys of a kind that this chip does not use.")
    covered = b"".join(part.raw for part in parts[:4]) + der.write(0x5F49, prepared.otpk)
    if not crypto.verify(prepared.dp_pb.public_key, signature.value, covered):
        _fail(INITIALISE, SIGNATURE, "smdp_sign", "The profile does not carry the signature of the server.")
    return _agree(chip, prepared.private, otpk.value, host.value)


def _agree(chip: Euicc, private: crypto.PrivateKey, otpk: bytes, host_id: bytes) -> Keys:
    try:
        secret = crypto.shared_secret(private, crypto.otpk_read(otpk, private.curve))
        return bsp.session_keys(secret, host_id, chip.identity.eid)
    except ValueError:
        _fail(INITIALISE, INCORRECT, "one_time_key", "The server's one-time key is not one.")


# --- segments --------------------------------------------------------------------------------------------------------


def _open(opener: Opener, tag: int, segments: list[bytes], command: int) -> bytes:
    if any(len(one) > bsp.SEGMENT_BYTES for one in segments):
        _fail(command, STRUCTURE, "segment_size", "The profile comes in pieces that are larger than a chip takes.")
    try:
        return (opener.authenticated if tag == 0x88 else opener.decrypted)(tag, segments)
    except BspError:
        _fail(command, SECURITY, "segment_mac", "A piece of the profile was changed on its way.")


def _configure(content: bytes) -> None:
    """ConfigureISDP (5.5.2)."""
    try:
        parts = der.children(der.expect(content, 0xBF24))
        data = der.maybe(parts, 0xB8)
        if data is not None:
            der.to_oid(der.children(data)[0])
    except (DerError, IndexError):
        _fail(CONFIGURE, INCORRECT, "configure", "The profile's container is not described as it should be.")
    if data is not None and len(data.raw) > _DP_DATA_BYTES:
        _fail(CONFIGURE, INCORRECT, "configure", "The profile's container is not described as it should be.")


def _store(chip: Euicc, content: bytes, found: _Found) -> Metadata:
    """StoreMetadata (5.5.3)."""
    try:
        metadata = messages.metadata(content)
    except DerError:
        _fail(STORE, INCORRECT, "metadata", "The profile does not describe itself as it should.")
    found.iccid = metadata.iccid
    if metadata.profile_class not in messages.CLASSES:
        _fail(STORE, CLASS, "profile_class", "The profile is of a kind that this chip does not know.")
    if metadata.ppr & messages.PPR1:
        _fail(STORE, PPR, "ppr", "The profile forbids what this phone's holder may always do.")
    if any(one.iccid == metadata.iccid for one in chip.state.profiles):
        _fail(STORE, EXISTS, "already_installed", "This profile is on the phone already; there is nothing to install.")
    return metadata


def _replacement(content: bytes) -> Keys:
    """ReplaceSessionKeys (5.5.4): the keys under which the profile was protected ahead of time."""
    try:
        parts = der.children(der.expect(content, 0xBF26))
        if [part.tag for part in parts] != [0x80, 0x81, 0x82]:
            raise DerError("not three keys")
        return Keys(*(part.value for part in parts))
    except (DerError, BspError):
        _fail(REPLACE, INCORRECT, "replace_keys", "The keys of the profile are not as they should be.")


# --- the profile itself ----------------------------------------------------------------------------------------------


def _elements(content: bytes, metadata: Metadata) -> None:
    """Walk the profile elements: a header first, that of the announced ICCID, and an end (SAIP 2.x, 8.1)."""
    try:
        elements = der.children(content)
        if not elements or elements[0].tag != 0xA0 or elements[-1].tag != 0xAA:
            raise DerError("no header or no end")
        iccid = messages.iccid_plain(der.one(elements[0], 0x83).value)
    except DerError:
        _fail(LOAD, ELEMENT, "profile_elements", "The profile is damaged: its parts are not complete.")
    if iccid != metadata.iccid:
        _fail(LOAD, MISMATCH, "iccid_mismatch", "The profile inside is another one than the server announced.")


def _profile(chip: Euicc, prepared: Prepared, metadata: Metadata, size: int, now: datetime) -> Profile:
    slot = chip.state.next_slot
    chip.state.next_slot += 1
    return Profile(
        slot=slot,
        iccid=metadata.iccid,
        # AIDs of the containers (ISD-P) count up from 1000 (SGP.02 annex H, kept by SGP.22).
        aid=f"a0000005591010ffffffff890000{0x1000 + slot:04x}",
        name=metadata.name,
        provider=metadata.provider,
        profile_class=messages.CLASSES[metadata.profile_class],
        ppr=metadata.ppr,
        notify=list(metadata.notify),
        size=size,
        smdp=chip.session.address,
        ci=prepared.credentials.ci.subject_key_id.hex(),
        installed_at=now.isoformat(),
    )


def _keep_result(chip: Euicc, prepared: Prepared, iccid: str, final: bytes, now: datetime) -> None:
    """ProfileInstallationResult: signed, and kept until the server has it (2.5.6)."""
    number, session = chip.take_number(), chip.session
    told = messages.notification(number, messages.INSTALL, session.address, iccid)
    oid = der.oid(prepared.dp_pb.oid or "")
    data = der.write(0xBF27, der.write(0x80, session.transaction_id), told, oid, der.write(0xA2, final))
    result = der.write(0xBF37, data, messages.signed(crypto.sign(prepared.credentials.key, data)))
    chip.keep(number, "install", session.address, iccid, result, now)


def _keep_install_notices(chip: Euicc, profile: Profile, now: datetime) -> None:
    """Servers other than the one that has the result, where the profile asks for it (3.5)."""
    for events, address in profile.notify:
        if events & messages.INSTALL and not same_address(address, profile.smdp):
            chip.keep_notification("install", address, profile.iccid, now, ci=profile.ci)
