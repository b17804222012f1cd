"""The demo's eSIM line: its plan is paid, a message brings the way to install it, a phone takes it, the plan begins."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

from lineaviva.cli.demo import Demo, StepFailed, activation_state, has_receipt, mails, wait_for
from lineaviva.kernel import clock
from lineaviva.kernel.mask import masked
from lineaviva.sandbox import person

if TYPE_CHECKING:
    import httpx

    from lineaviva.keeper.delivery.models import Delivery
    from lineaviva.keeper.orders.models import ProductOrder

OPERATOR = "vodafone"


def order(run: Demo) -> str:
    """A plan, since only a plan waits for its profile; and a new profile with it."""
    from lineaviva.keeper.catalogue.actions import quote_make
    from lineaviva.keeper.catalogue.queries import offerings_for
    from lineaviva.keeper.orders.actions import order_place
    from lineaviva.keeper.payments.actions import payment_begin

    now, line, holder = clock.now(), run.lines[OPERATOR], run.holder
    plans = [one for one in offerings_for(OPERATOR, now) if one.kind == "plan" and one.sellable]
    if not plans or holder is None:
        raise StepFailed(f"{OPERATOR} has no plan on sale")
    quote = quote_make(line=line, offering=plans[0], by=holder, now=now)
    placed = order_place(quote=quote, by=holder, language="en", with_profile=True, now=now)
    payment_begin(order=placed, provider="stripe", now=now)
    run.orders.append(placed)
    return f"{placed.code}: {plans[0].name}, with a new eSIM profile"


def pay(run: Demo) -> str:
    """Paid; the plan must wait for the phone."""
    placed = run.orders[-1]
    person.pay(placed.attempts.get().redirect_url, card=person.SUCCESS)
    state = wait_for(lambda: activation_state(placed), "the payment led to no activation")
    if state != "held":
        raise StepFailed(f"the plan should wait for its profile, and is {state}")
    return "approved; the plan waits for its profile"


def deliver(run: Demo) -> str:
    """The operator's SM-DP+ has one, and a message says how to install it."""
    placed = run.orders[-1]
    wait_for(
        lambda: _delivery(placed, "released"),
        lambda: f"the profile is {_state(placed)}, should be ready to be installed",
    )
    (mail, *_) = wait_for(lambda: mails(run.world, "/e/"), "no message about the profile reached the mailbox")
    run.install_link = _first(r"https?://\S+/e/\S+?/(?=\s|$)", mail["text"])
    return str(mail["subject"])


def download(run: Demo) -> str:
    """Open the message's link, tap on the pretend phone's, and say yes there; all as a person with a browser would."""
    import httpx

    with httpx.Client(follow_redirects=True, timeout=30) as client:
        page = client.get(run.install_link).raise_for_status()
        link = _first(rf'href="({re.escape(run.world.provider_url)}/phone/[^"]+)"', page.text)
        phone = _taken(client, client.get(unescape(link)).raise_for_status())
    found = wait_for(
        lambda: _delivery(run.orders[-1], "installed"), lambda: f"the profile is {_state(run.orders[-1])} after that"
    )
    return f"profile {masked(found.iccid)} on chip {masked(found.eid)}; {phone}"


def _taken(client: httpx.Client, page: httpx.Response) -> str:
    answer = person.send(client, page, person.forms(page)[0])
    if answer.is_error:
        raise StepFailed(f"the phone says: {_text(answer, 'alert')}")
    return _text(answer, "status")


def enable(run: Demo) -> str:
    """The phone has switched it on, and said so to the operator, which said so to us."""
    found = wait_for(
        lambda: _delivery(run.orders[-1], "installed", "enabled"),
        lambda: f"nobody said that the profile is switched on: {_state(run.orders[-1])}",
    )
    line = run.lines[OPERATOR]
    line.refresh_from_db()
    if line.iccid != found.iccid:
        raise StepFailed("the line does not have the profile's ICCID")
    return f"{line} is on {masked(line.iccid)}"


def begin(run: Demo) -> str:
    """The plan that waited begins, not before the phone has its profile; and the receipt is there."""
    from lineaviva.keeper.activation.models import Activation

    placed = run.orders[-1]
    wait_for(lambda: has_receipt(placed), lambda: f"order {placed.code} is {placed.state}")
    line, activation = run.lines[OPERATOR], Activation.objects.get(order=placed)
    line.refresh_from_db()
    if line.plan != placed.offering.name:
        raise StepFailed(f"the line's plan is {line.plan or 'none'}, should be {placed.offering.name}")
    found = _delivery(placed, "installed")
    if not (found and found.installed_at and activation.sent_at and activation.sent_at >= found.installed_at):
        raise StepFailed("the plan did not wait for its profile")
    return (
        f"{line.plan} until {line.plan_expires_on}, begun once the phone had it; receipt {placed.receipt.full_number}"
    )


def facts(placed: ProductOrder) -> dict[str, str] | None:
    """What became of the order's profile, None where it came with none."""
    from lineaviva.keeper.delivery.queries import delivery_of

    found = delivery_of(placed)
    if found is None:
        return None
    return {"profile": found.code, "state": found.state, "phone": found.phone, "iccid": masked(found.iccid)}


def _delivery(placed: ProductOrder, state: str, phone: str = "") -> Delivery | None:
    from lineaviva.keeper.delivery.queries import delivery_of

    found = delivery_of(placed)
    fits = found is not None and found.state == state and phone in ("", found.phone)
    return found if fits else None


def _state(placed: ProductOrder) -> str:
    known = facts(placed)
    return " ".join(filter(None, (known["state"], known["phone"]))) if known else "not there"


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.M)
    if found is None:
        raise StepFailed(f"there is no link as {pattern} in what came")
    return found[found.lastindex or 0]


def _text(page: httpx.Response, role: str) -> str:
    found = re.search(rf'role="{role}"[^>]*>(.*?)</p>', page.text, re.S)
    return unescape(re.sub(r"<[^>]+>", "", found[1])).strip() if found else f"HTTP status {page.status_code}"
