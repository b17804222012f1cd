"""What a pretend carrier has beyond its rulebook file: a promotion and a plan, so that they can be seen; a client."""

from __future__ import annotations

from datetime import datetime, time

from lineaviva.carrier.access.actions import client_ensure
from lineaviva.carrier.catalogue.models import OwnPlan, Promotion
from lineaviva.carrier.catalogue.queries import offerings
from lineaviva.kernel.calendar import add_months
from lineaviva.kernel.clock import ROME, rome_date

OFF_MINOR = 200
_DEAREST = 2500


def promotion_put(*, operator: str, now: datetime) -> Promotion | None:
    """2 EUR off the largest top-up up to 25 EUR, this month and the next; None where there is no such top-up."""
    topups = [one for one in offerings(operator).values() if one.kind == "topup"]
    fitting = [one for one in topups if OFF_MINOR < one.price_minor <= _DEAREST]
    if not fitting:
        return None
    chosen = max(fitting, key=lambda one: one.price_minor)
    first = rome_date(now).replace(day=1)
    promotion, _ = Promotion.objects.get_or_create(
        operator=operator,
        key=f"sandbox-{first:%Y-%m}",
        defaults={
            "offering_id": chosen.id,
            "name": f"2 € off {chosen.name}",
            "off_minor": OFF_MINOR,
            "valid_from": datetime.combine(first, time.min, ROME),
            "valid_until": datetime.combine(add_months(first, 2), time.min, ROME),
        },
    )
    return promotion


# The rulebook knows no price of a plan of this operator, which is the one that the sandbox's eSIM line is of.
_PLANS = {"vodafone": {"name": "Sandbox 20 GB", "price_minor": 799, "period_months": 1, "data_mb": 20 * 1024}}


def plan_put(*, operator: str) -> OwnPlan | None:
    """A plan with a price, for a month, where the operator would have none to be bought."""
    if operator not in _PLANS:
        return None
    return OwnPlan.objects.get_or_create(operator=operator, offering_id="sandbox-20gb", defaults=_PLANS[operator])[0]


def client_put(*, operator: str, named: str, now: datetime) -> None:
    """The keeper's client as the settings name it, `client-id:secret`; none where they name none."""
    client_id, _, secret = named.partition(":")
    if client_id:
        client_ensure(operator=operator, client_id=client_id, secret=secret, name="Keeper", now=now)
