"""An operator in this process: it sells plans, and hands out profiles by the port's own rules, or breaks on demand."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from lineaviva.keeper.activation.ports import Request, Result
from lineaviva.keeper.delivery.ports import Cancelled, Ordered, ProfileRequest, Released, Seen
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.kernel.errors import Unknown
from lineaviva.kernel.iccid import parse_iccid

HOST = "smdp.example.com"


@dataclass
class Profile:
    iccid: str
    matching_id: str = ""
    state: str = "ordered"


@dataclass
class Server:
    """What the operator has; `calls` counts what came in, `fails` says what goes wrong next."""

    profiles: dict[str, Profile] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    # Raised instead of doing anything; the next call of that name takes the first.
    fails: dict[str, list[Exception]] = field(default_factory=dict)
    # Done, and then the answer is lost, so often.
    loses: Counter[str] = field(default_factory=Counter)
    # Called when a request has arrived: what others do at that moment.
    meanwhile: dict[str, Callable[[], object]] = field(default_factory=dict)
    seen: Seen | None = None
    expires_at: datetime | None = None
    plan: Result = field(default_factory=lambda: Result("succeeded", operator_reference="OP-1"))
    sold: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, name: str) -> None:
        with self.lock:
            self.calls[name] += 1
        # Taken away first: what it does may come back here.
        if act := self.meanwhile.pop(name, None):
            act()
        if self.fails.get(name):
            raise self.fails[name].pop(0)

    def leave(self, name: str, reference: str) -> None:
        if self.loses[name]:
            self.loses[name] -= 1
            raise Unknown(reference)

    def take(self, reference: str, again: bool) -> Profile:
        with self.lock:
            if reference not in self.profiles or not again:
                iccid = parse_iccid(f"893901000000000{len(self.profiles):03d}")
                self.profiles[reference if again else f"{reference}/{len(self.profiles)}"] = Profile(iccid)
                return Profile(iccid) if not again else self.profiles[reference]
            return self.profiles[reference]

    def by_iccid(self, iccid: str) -> Profile:
        return next(one for one in self.profiles.values() if one.iccid == iccid)

    def states(self) -> list[str]:
        return [one.state for one in self.profiles.values()]


SERVER = Server()


def fresh() -> Server:
    """The same object, as it was in the beginning: adapters are made anew for each call."""
    SERVER.__init__()  # type: ignore[misc]
    return SERVER


class Gateway:
    """A server that tells by itself, and knows our references."""

    name, follows, idempotent = "pretend", True, True

    def serves(self, operator: str) -> bool:
        return operator in ("tim", "vodafone")

    def order(self, request: ProfileRequest) -> Ordered:
        SERVER.enter("order")
        profile = SERVER.take(request.reference, again=True)
        SERVER.leave("order", request.reference)
        return Ordered(profile.iccid)

    def release(self, request: ProfileRequest, iccid: str) -> Released:
        SERVER.enter("release")
        profile = SERVER.by_iccid(iccid)
        profile.matching_id, profile.state = request.matching_id, "released"
        SERVER.leave("release", request.reference)
        return Released(ActivationCode(HOST, request.matching_id), SERVER.expires_at)

    def cancel(self, request: ProfileRequest, iccid: str) -> Cancelled:
        SERVER.enter("cancel")
        profile = SERVER.by_iccid(iccid)
        if profile.state in ("downloaded", "installed"):
            return "too_late"
        profile.state = "cancelled"
        SERVER.leave("cancel", request.reference)
        return "cancelled"

    def look(self, request: ProfileRequest, iccid: str) -> Seen | None:
        SERVER.enter("look")
        return None


class Reseller(Gateway):
    """Sells codes: at once, not twice by one reference, and tells nothing unless it is asked."""

    name, follows, idempotent = "reseller", False, False

    def order(self, request: ProfileRequest) -> Ordered:
        SERVER.enter("order")
        profile = SERVER.take(request.reference, again=False)
        SERVER.leave("order", request.reference)
        return Ordered(profile.iccid, ActivationCode(HOST, "K2-RESOLD"), SERVER.expires_at)

    def release(self, request: ProfileRequest, iccid: str) -> Released:
        raise AssertionError("it has given its code already")

    def look(self, request: ProfileRequest, iccid: str) -> Seen | None:
        SERVER.enter("look")
        return SERVER.seen


class Operator:
    """The way to the operator's plans."""

    name, idempotent, per_minute, burst = "operator", True, 6000.0, 1000

    def serves(self, operator: str) -> bool:
        return True

    def perform(self, request: Request) -> Result:
        SERVER.sold.append(request.reference)
        return SERVER.plan

    def look(self, request: Request) -> Result:
        return SERVER.plan if request.reference in SERVER.sold else Result("not_found")
