"""A phone in its folder: who it is, what is on it, and the one command at a time that may change it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lineaviva.kernel.errors import InvalidInput
from lineaviva.sandbox.phone import identity, wire
from lineaviva.sandbox.phone.errors import PhoneError
from lineaviva.sandbox.phone.euicc import Euicc
from lineaviva.sandbox.phone.identity import Identity
from lineaviva.sandbox.phone.lpa import Lpa
from lineaviva.sandbox.phone.store import PATIENCE, State, Store

_CERTIFICATES = "certificates"


@dataclass(frozen=True)
class Phone:
    """What a command works with. `ca` is a file of further TLS authorities, to be trusted instead of the chip's CI."""

    chip: Euicc
    store: Store
    ca: Path | None = None

    def save(self) -> None:
        self.store.save(self.chip.state)

    def lpa(self, say: Callable[[str], None]) -> Lpa:
        return Lpa(self.chip, self._trusted(), self.save, say)

    def _trusted(self) -> ssl.SSLContext:
        if self.ca is None:
            return wire.trust(self.chip.identity.authorities)
        try:
            return wire.trust(self.ca.read_text("ascii"))
        except (OSError, UnicodeDecodeError):
            raise InvalidInput(f"{self.ca} cannot be read as certificates in PEM form.", field="ca") from None


def make(folder: Path, certs: Path, *, now: datetime, another: bool = False, eid: str = "", memory: int = 0) -> Phone:
    """A new phone in `folder` with the chip in `certs`, or `another` chip of the same maker with an EID of its own.

    Raises PhoneError (phone_exists) where there is one, InvalidInput where `certs` has what it takes for none.
    """
    found = identity.another(certs, now, eid) if another or eid else identity.read(certs)
    folder.mkdir(parents=True, exist_ok=True)
    store = Store(folder)
    with store.locked():
        if exists(folder):
            raise PhoneError(f"{folder} has a phone already; give another folder with --phone.", code="phone_exists")
        state = State(memory=memory) if memory else State()
        store.save(state)
        # Last, and at once: where certificates are, there is a phone.
        draft = folder / f".{_CERTIFICATES}"
        identity.write(found, draft)
        draft.rename(folder / _CERTIFICATES)
    return Phone(Euicc(found, state), store)


def exists(folder: Path) -> bool:
    """Whether there is a phone in `folder`."""
    return (folder / _CERTIFICATES).is_dir()


def look(folder: Path) -> Phone:
    """The phone as it was last saved, for reading. Raises PhoneError (phone_missing)."""
    return Phone(Euicc(_identity(folder), Store(folder).read()), Store(folder))


@contextmanager
def hold(folder: Path, *, ca: Path | None = None, patience: float = PATIENCE) -> Iterator[Phone]:
    """The phone for one command alone; whoever changes it saves. Raises PhoneError (phone_missing, phone_busy)."""
    found, store = _identity(folder), Store(folder)
    with store.locked(patience):
        yield Phone(Euicc(found, store.read()), store, ca)


def _identity(folder: Path) -> Identity:
    if not exists(folder):
        raise PhoneError(
            f"There is no phone in {folder}; make one with: lineaviva sandbox phone new --certs DIR",
            code="phone_missing",
        )
    return identity.read(folder / _CERTIFICATES)
