"""The phone's memory: one folder with a JSON file, written whole or not at all, and a lock that one command holds."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lineaviva.sandbox.phone.errors import PhoneError

# Commands on one phone follow each other; a download over a slow network takes some seconds.
PATIENCE = 30.0
_POLL = 0.05
_STATE, _LOCK = "state.json", "lock"


@dataclass
class Profile:
    """One installed profile. Its keys are not here: nothing on this phone ever speaks to a radio network.

    `slot` is its number on this phone, `ppr` the bits of its policy rules (1: PPR1, 2: PPR2), `notify` pairs of event
    bits and address, `size` bytes of the package, `ci` the key identifier of the issuer under which it was installed,
    `code` a digest of the activation code, where a page installed it.
    """

    slot: int
    iccid: str
    aid: str
    name: str
    provider: str
    profile_class: str
    ppr: int
    notify: list[tuple[int, str]]
    size: int
    smdp: str
    ci: str
    installed_at: str
    enabled: bool = False
    code: str = ""


@dataclass
class Notification:
    """What the eUICC has signed for a server that has not taken it yet; `der` is its PendingNotification in base64."""

    number: int
    event: str
    address: str
    iccid: str
    der: str
    made_at: str

    @property
    def bytes(self) -> bytes:
        return base64.b64decode(self.der)


@dataclass
class OneTimeKey:
    """The key pair of a download that was not finished: the private half sealed with the chip's own key."""

    point: str
    sealed: str
    oid: str


@dataclass
class State:
    """`next_number` counts notifications and `next_slot` profiles; both never go back."""

    next_number: int = 1
    next_slot: int = 1
    memory: int = 400_000
    profiles: list[Profile] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    one_time_key: OneTimeKey | None = None

    @property
    def free(self) -> int:
        """Bytes left for profiles."""
        return self.memory - sum(profile.size for profile in self.profiles)

    @classmethod
    def of(cls, document: dict[str, Any]) -> State:
        """Read what `asdict` made. Raises KeyError, TypeError or ValueError on anything else."""
        rest = dict(document)
        profiles = [Profile(**row) for row in rest.pop("profiles")]
        for profile in profiles:
            profile.notify = [(int(events), str(address)) for events, address in profile.notify]
        notifications = [Notification(**row) for row in rest.pop("notifications")]
        key = rest.pop("one_time_key")
        return cls(
            **rest, profiles=profiles, notifications=notifications, one_time_key=OneTimeKey(**key) if key else None
        )


class Store:
    """The state in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self) -> State:
        """The state as last saved. Raises PhoneError (phone_damaged) when the file is not one."""
        path = self.folder / _STATE
        if not path.exists():
            return State()
        try:
            return State.of(json.loads(path.read_text("utf-8")))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise PhoneError(
                f"{path} cannot be read as a phone's memory; remove the folder and make the phone anew.",
                code="phone_damaged",
            ) from None

    def save(self, state: State) -> None:
        """Write all of it; a reader, or a crash at any moment, finds the old state or the new one."""
        write_whole(self.folder / _STATE, json.dumps(asdict(state), indent=1).encode())

    @contextmanager
    def locked(self, patience: float = PATIENCE) -> Iterator[None]:
        """Hold the phone alone. Raises PhoneError (phone_busy) when another command holds it for `patience` seconds."""
        with (self.folder / _LOCK).open("w") as handle:
            _wait_for(handle.fileno(), patience)
            yield


def _wait_for(descriptor: int, patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise PhoneError(
                    "Another command is using this phone; try again when it has finished.", code="phone_busy"
                ) from None
            time.sleep(_POLL)
        else:
            return


def write_whole(path: Path, content: bytes) -> None:
    """Put `content` in the place of `path` for its owner alone, by a draft beside it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
