"""`lineaviva demo`: the whole way of a renewal without a browser, in a world of its own that is thrown away."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from lineaviva.cli import output, running
from lineaviva.cli.output import Json
from lineaviva.cli.processes import Group, Program, refuse_busy
from lineaviva.kernel import clock
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.errors import Conflict, LineavivaError
from lineaviva.kernel.money import Money
from lineaviva.sandbox.world import CARRIERS, World

if TYPE_CHECKING:
    from lineaviva.keeper.accounts.models import User
    from lineaviva.keeper.lines.models import Line
    from lineaviva.keeper.orders.models import ProductOrder

app = typer.Typer()
T = TypeVar("T")
# What an old machine with much else to do may need for one step.
PATIENCE = 120.0


class StepFailed(Exception):
    """A step of the demo did not end as it should; the message says what was seen."""


@dataclass
class Demo:
    """What the steps hand on to each other, and the table they leave."""

    world: World
    steps: list[dict[str, Any]] = field(default_factory=list)
    orders: list[ProductOrder] = field(default_factory=list)
    holder: User | None = None
    clerk: User | None = None
    lines: dict[str, Line] = field(default_factory=dict)
    install_link: str = ""

    def take(self, name: str, step: Callable[[Demo], str]) -> bool:
        """Take one step and write down how it went; False when it did not go as it should."""
        start = time.monotonic()
        try:
            detail, ok = step(self), True
        except (StepFailed, LineavivaError) as failure:
            detail, ok = str(failure), False
        self.steps.append({"step": name, "ok": ok, "detail": detail, "seconds": round(time.monotonic() - start, 2)})
        return ok


@app.command()
def demo(json: Json = False) -> None:
    """Take a renewal by card, one in cash and an eSIM's the whole way, against the sandbox; takes about 20 seconds.

    Exit code 1 if any step is not as it should be. Example: `lineaviva demo --json`
    """
    home = Path(tempfile.mkdtemp(prefix="lineaviva-demo-"))
    world = World(home, free_port())
    group = Group()
    try:
        with output.errors.status("Starting the sandbox ..."):
            start_world(group, world)
        run = Demo(world)
        with output.errors.status("") as status:
            balanced = _walk(run, lambda name: status.update(f"{name} ..."))
    finally:
        group.stop()
        shutil.rmtree(home, ignore_errors=True)
    _report(run, balanced, json)
    if not balanced or not all(step["ok"] for step in run.steps):
        raise typer.Exit(1)


def start_world(group: Group, world: World) -> None:
    """The sandbox, the pages and a worker, as `lineaviva serve --sandbox` has them."""
    running.start_sandbox(group, world)
    # The demo's own database, whatever the reader's settings say.
    os.environ.update({**world.keeper_env(), "LINEAVIVA_DATABASE_URL": ""})
    output.setup_django()
    running.migrate_database()
    log = world.home / "log"
    group.start(Program("web", running.web_argv(world.port), {}, log / "web.log", world.port))
    group.start(Program("worker", running.worker_argv(), {}, log / "worker.log"))
    group.wait_until_up()


def free_port() -> int:
    """The first of ten free ports in a row, below those that the kernel gives to connections that go out."""
    for _ in range(50):
        port = random.randrange(20000, 32700, 10)  # noqa: S311 - not a secret
        try:
            refuse_busy(range(port, port + 10))
        except Conflict:
            continue
        return port
    raise Conflict("No ten free ports in a row were found.", code="port_in_use")


def _walk(run: Demo, say: Callable[[str], None]) -> bool:
    from lineaviva.cli import demo_esim

    way: list[tuple[str, Callable[[Demo], str]]] = [
        ("register lines", _register),
        ("show what is due", _due),
        ("send the reminder", _remind),
        ("order by card", lambda run: _order(run, "tim", "stripe")),
        ("pay by card with 3-D Secure", _pay_card),
        ("activate the first", lambda run: _activate(run, 0)),
        ("order in cash", lambda run: _order(run, "windtre", "cash")),
        ("pay at the counter", _pay_cash),
        ("activate the second", lambda run: _activate(run, 1)),
        ("order a plan for the eSIM", demo_esim.order),
        ("pay for it", demo_esim.pay),
        ("deliver the profile", demo_esim.deliver),
        ("download it onto a phone", demo_esim.download),
        ("switch it on", demo_esim.enable),
        ("begin the plan", demo_esim.begin),
        ("balance the ledgers", _balance),
    ]
    for name, step in way:
        say(name)
        if not run.take(name, step):
            return False
    return True


def _register(run: Demo) -> str:
    from lineaviva.cli.sandbox import people_make
    from lineaviva.keeper.lines.queries import lines_for

    run.holder, run.clerk = people_make(language="en", now=clock.now())
    run.lines = {line.operator: line for line in lines_for(run.holder)}
    if sorted(run.lines) != sorted(CARRIERS):
        raise StepFailed(f"registered {sorted(run.lines)}")
    return f"{len(run.lines)} lines: {', '.join(sorted(run.lines))}"


def _due(_run: Demo) -> str:
    from lineaviva.keeper.lines.queries import lines_due

    due = list(lines_due(within_days=60, as_of=rome_date(clock.now())))
    if [line.operator for line in due] != ["tim"]:
        raise StepFailed(f"due within 60 days: {[line.operator for line in due]}, should be the TIM line alone")
    return f"{due[0]} TIM, {due[0].next_deadline_on}"


def _remind(run: Demo) -> str:
    from lineaviva.keeper.reminders.actions import send_due

    send_due(now=clock.now())
    mail = wait_for(lambda: mails(run.world, "/r/"), "no reminder reached the mailbox")
    return str(mail[0]["subject"])


def mails(world: World, text: str) -> list[dict[str, Any]]:
    """The mails that were sent, newest first, whose text has `text`."""
    import httpx

    found = httpx.get(f"{world.provider_url}/mail/messages.json", timeout=5).json()["messages"]
    return [mail for mail in found if text in mail["text"]]


def _order(run: Demo, operator: str, provider: str) -> str:
    from lineaviva.keeper.catalogue.actions import quote_make
    from lineaviva.keeper.catalogue.queries import cheapest_keepalive
    from lineaviva.keeper.orders.actions import order_place
    from lineaviva.keeper.payments.actions import payment_begin

    now, line, holder = clock.now(), run.lines[operator], run.holder
    keepalive = cheapest_keepalive(line=line, now=now)
    if keepalive is None or holder is None:
        raise StepFailed(f"nothing on sale keeps the {operator} line")
    quote = quote_make(line=line, offering=keepalive.offering, by=holder, now=now)
    order = order_place(quote=quote, by=holder, language="en", now=now)
    payment_begin(order=order, provider=provider, now=now)
    run.orders.append(order)
    return f"{order.code}: {keepalive.offering.name}, {keepalive.total}"


def _pay_card(run: Demo) -> str:
    from lineaviva.sandbox import person

    attempt = run.orders[0].attempts.get()
    person.pay(attempt.redirect_url)
    wait_for(lambda: _attempt_state(run.orders[0]) == "succeeded", "the payment was not confirmed")
    return "approved by the bank, confirmed to us"


def _attempt_state(order: ProductOrder) -> str:
    return order.attempts.values_list("state", flat=True).get()


def _pay_cash(run: Demo) -> str:
    from lineaviva.keeper.payments.actions import cash_confirm

    if run.clerk is None:
        raise StepFailed("there is no clerk")
    order = cash_confirm(code=run.orders[1].code, clerk=run.clerk, now=clock.now())
    return f"{order.code} taken by the clerk"


def _activate(run: Demo, index: int) -> str:
    order = run.orders[index]
    before = order.line.next_deadline_on
    wait_for(lambda: has_receipt(order), f"order {order.code} is {_state(order)}")
    order.line.refresh_from_db()
    if before is None or order.line.next_deadline_on is None or order.line.next_deadline_on <= before:
        raise StepFailed(f"the line's date did not move on from {before}")
    return f"{before} becomes {order.line.next_deadline_on}, receipt {order.receipt.full_number}"


def has_receipt(order: ProductOrder) -> bool:
    """Whether the order is through; reads it again."""
    from lineaviva.keeper.receipts.models import Receipt

    order.refresh_from_db()
    return order.state == "active" and Receipt.objects.filter(order=order).exists()


def activation_state(order: ProductOrder) -> str:
    """How far its activation is; empty where there is none yet."""
    from lineaviva.keeper.activation.models import Activation

    return Activation.objects.filter(order=order).values_list("state", flat=True).first() or ""


def _state(order: ProductOrder) -> str:
    order.refresh_from_db()
    return order.state


def _balance(run: Demo) -> str:
    import httpx

    from lineaviva.keeper.payments.posting import disagreement
    from lineaviva.keeper.payments.queries import money_balance

    money = money_balance()
    if (money.refunded, money.held) != (0, 0) or money.collected != sum(order.total_minor for order in run.orders):
        raise StepFailed(f"keeper: {money}")
    if problems := disagreement():
        raise StepFailed(f"keeper's books: {problems[0]}")
    audits = {name: httpx.get(f"{run.world.carrier_url(name)}/sandbox/audit", timeout=5).json() for name in CARRIERS}
    if wrong := [name for name, audit in audits.items() if not audit["balanced"]]:
        raise StepFailed(f"the ledger of {', '.join(wrong)} does not balance")
    return f"collected {money.collected} cents, delivered {money.delivered}; the books agree; three carriers balance"


def wait_for(look: Callable[[], T | None], complaint: str | Callable[[], str], patience: float = PATIENCE) -> T:
    """Look until there is something; StepFailed with the complaint, as it is then, when patience ends."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise StepFailed(complaint if isinstance(complaint, str) else complaint())


def _report(run: Demo, balanced: bool, json: bool) -> None:
    orders = [_order_facts(order) for order in run.orders]
    if json:
        steps = [{key: step[key] for key in ("step", "ok", "detail")} for step in run.steps]
        output.print_json({"steps": steps, "orders": orders, "ledger_balanced": balanced})
        return
    rows = [(s["step"], "ok" if s["ok"] else "FAILED", f"{s['seconds']:.2f} s", s["detail"]) for s in run.steps]
    output.print_table("Demo", ["Step", "", "Time", "What was seen"], rows)
    columns = ["Order", "Line", "Paid", "State", "Receipt", "Old date", "New date", "eSIM"]
    output.print_table("Orders", columns, [list(_for_people(order).values()) for order in orders])


def _order_facts(order: ProductOrder) -> dict[str, Any]:
    from lineaviva.cli import demo_esim

    receipt = getattr(order, "receipt", None)
    return {
        "code": order.code,
        "line": f"{order.line.operator} {order.line}",
        "total_minor": order.total_minor,
        "state": order.state,
        "receipt": receipt.full_number if receipt else None,
        "old_date": _first(order.dates_before),
        "new_date": _first(order.dates_after),
        "esim": demo_esim.facts(order),
    }


def _for_people(order: dict[str, Any]) -> dict[str, Any]:
    esim = order["esim"]
    shown = f"{esim['state']}, {esim['phone']}" if esim else None
    return {**order, "total_minor": Money(order["total_minor"]), "esim": shown}


def _first(dates: dict[str, str]) -> date | None:
    found = sorted(date.fromisoformat(day) for day in dates.values() if day)
    return found[0] if found else None
