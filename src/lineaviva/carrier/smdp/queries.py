"""Reads of profiles and what became of them."""

from __future__ import annotations

from typing import NamedTuple

from django.conf import settings
from django.db import models
from django.db.models import QuerySet

from lineaviva.carrier.smdp.models import Notice, Profile, Session
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.kernel.errors import Conflict, NotFound


def profiles_listed(operator: str = "", state: str = "", profile_type: str = "") -> QuerySet[Profile]:
    """Profiles by their ICCID; an argument that is empty leaves nothing out."""
    wanted = {"operator": operator, "state": state, "profile_type": profile_type}
    return Profile.objects.filter(**{name: value for name, value in wanted.items() if value}).order_by("iccid")


def profile_by_iccid(iccid: str) -> Profile:
    """Raises NotFound."""
    profile = Profile.objects.filter(iccid=iccid).first()
    if profile is None:
        raise NotFound("There is no profile with this ICCID.", code="profile_unknown", field="iccid")
    return profile


class Count(NamedTuple):
    """How many profiles of an operator and a type are in a state."""

    operator: str
    profile_type: str
    state: str
    profiles: int


def stock() -> list[Count]:
    by = ("operator", "profile_type", "state")
    return [Count._make(row) for row in Profile.objects.values_list(*by).annotate(models.Count("pk")).order_by(*by)]


def activation_code(profile: Profile) -> ActivationCode:
    """What the phone is given. Raises Conflict where nothing is ordered (yet), or only the EID finds the order."""
    if not profile.matching_id:
        raise Conflict("The profile has no matching id.", code="activation_code_missing")
    return ActivationCode(
        settings.SMDP_ADDRESS, profile.matching_id, needs_confirmation=profile.confirmation_hash is not None
    )


def attempts(profile: Profile) -> int:
    """Downloads that were begun under the present order."""
    return Session.objects.filter(profile=profile, order_number=profile.order_number).count()


def notices(profile: Profile) -> QuerySet[Notice]:
    """What eUICCs signed about it, in the order of its arrival."""
    return Notice.objects.filter(profile=profile).order_by("pk")
