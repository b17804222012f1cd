"""Enabling, disabling and deleting, each with the notices that the profile asks for (SGP.22 3.2, 5.7)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from lineaviva.sandbox.phone import messages
from lineaviva.sandbox.phone.errors import PhoneError
from lineaviva.sandbox.phone.euicc import Euicc
from lineaviva.sandbox.phone.store import Profile

Act = Callable[[Euicc, Profile, datetime], None]


def find(chip: Euicc, which: str) -> Profile:
    """The profile with this number on the phone, or whose ICCID ends with these digits (four at least)."""
    digits = which.strip().lstrip("…")
    for profile in chip.state.profiles:
        if digits == str(profile.slot):
            return profile
    fitting = [one for one in chip.state.profiles if len(digits) >= 4 and one.iccid.endswith(digits)]
    if len(fitting) == 1:
        return fitting[0]
    hint = "see them with: lineaviva sandbox phone list"
    told = "several profiles fit" if fitting else "there is no such profile on this phone"
    raise PhoneError(f"{told[0].upper()}{told[1:]}; {hint}", code="profile_unknown")


def enable(chip: Euicc, profile: Profile, now: datetime) -> None:
    """Enable it, and disable the one that was: this phone has one line at a time (5.7.16). Twice changes nothing."""
    if profile.enabled:
        return
    for other in chip.state.profiles:
        if other.enabled:
            disable(chip, other, now)
    profile.enabled = True
    _tell(chip, profile, "enable", now)


def disable(chip: Euicc, profile: Profile, now: datetime) -> None:
    """Disable it (5.7.17). Twice changes nothing."""
    if not profile.enabled:
        return
    profile.enabled = False
    _tell(chip, profile, "disable", now)


def delete(chip: Euicc, profile: Profile, now: datetime) -> None:
    """Delete it for good (5.7.18). PhoneError while it is enabled, or where its rules forbid it (PPR2)."""
    if profile.enabled:
        raise PhoneError(
            f"This profile is enabled; disable it first: lineaviva sandbox phone disable {profile.slot}",
            code="profile_enabled",
        )
    if profile.ppr & messages.PPR2:
        raise PhoneError("The operator's rules for this profile forbid deleting it.", code="profile_rules")
    chip.state.profiles.remove(profile)
    _tell(chip, profile, "delete", now)


def _tell(chip: Euicc, profile: Profile, event: str, now: datetime) -> None:
    for events, address in profile.notify:
        if events & messages.EVENTS[event]:
            chip.keep_notification(event, address, profile.iccid, now, ci=profile.ci)
