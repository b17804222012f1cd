"""What a person does with the phone, each in one go: install a profile and switch it on, switch, delete, tell.

The phone is made when it is first used. Twice changes nothing: a second tap, and a link that is opened again, find what
the first brought.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.sandbox.phone import device, switching
from lineaviva.sandbox.phone.device import Phone
from lineaviva.sandbox.phone.errors import PhoneError
from lineaviva.sandbox.phone.lpa import Lpa, Wish

ACTS = {"enable": switching.enable, "disable": switching.disable, "delete": switching.delete}
# A page is waited for by a person.
_PATIENCE = 15.0


def slot_of(folder: Path, code: ActivationCode) -> int:
    """The number of the profile that this code brought onto the phone; 0 where there is none."""
    if not device.exists(folder):
        return 0
    return _slot(device.look(folder), code)


def install(
    folder: Path,
    certs: Path,
    code: ActivationCode,
    *,
    confirmation_code: str = "",
    accept_rules: bool = False,
    now: datetime,
) -> int:
    """Download, install, switch on, and tell the server; the profile's number. A new phone has its chip from `certs`.

    Raises PhoneError and what is under it, or InvalidInput where `certs` has no chip.
    """
    _made(folder, certs, now)
    with _held(folder) as (phone, lpa):
        slot = _slot(phone, code)
        if not slot:
            profile = lpa.download(Wish(code, confirmation_code, accept_rules), now)
            profile.code, slot = _digest(code), profile.slot
        switching.enable(phone.chip, switching.find(phone.chip, str(slot)), now)
        phone.save()
    return slot


def switch(folder: Path, slot: int, act: str, *, now: datetime) -> None:
    """One of ACTS. Raises PhoneError; a profile that is on is switched off before it is deleted."""
    with _held(folder) as (phone, _):
        profile = switching.find(phone.chip, str(slot))
        if act == "delete":
            switching.disable(phone.chip, profile, now)
        ACTS[act](phone.chip, profile, now)
        phone.save()


def send(folder: Path) -> None:
    """Tell the servers what waits."""
    with _held(folder):
        pass


@contextmanager
def _held(folder: Path) -> Iterator[tuple[Phone, Lpa]]:
    """The phone alone; afterwards its servers are told, of what failed too. What they do not take is kept."""
    with device.hold(folder, patience=_PATIENCE) as phone:
        lpa = phone.lpa(_silent)
        try:
            yield phone, lpa
        finally:
            lpa.send_notifications()


def _made(folder: Path, certs: Path, now: datetime) -> None:
    if device.exists(folder):
        return
    try:
        device.make(folder, certs, now=now)
    except PhoneError as error:
        # Two taps at once make one phone.
        if error.code != "phone_exists":
            raise


def _slot(phone: Phone, code: ActivationCode) -> int:
    digest = _digest(code)
    return next((one.slot for one in phone.chip.state.profiles if one.code == digest), 0)


def _digest(code: ActivationCode) -> str:
    # Whoever has the code has the line: it is not kept.
    return hashlib.sha256(f"{code.host.lower()}${code.matching_id}".encode()).hexdigest()


def _silent(_sentence: str) -> None:
    pass
