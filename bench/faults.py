"""The fault run: programs killed with -9 at random moments while the outside fails in every way it knows.

At the end every order must be active with one receipt, or refunded once, or on the stuck list; money and the carriers'
ledgers must agree to the cent. Prints the counts; exit code 1 otherwise.

    python bench/faults.py --orders 300
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from lineaviva.cli import output, running
from lineaviva.cli.demo import free_port
from lineaviva.cli.processes import Group, is_listening
from lineaviva.kernel import clock
from lineaviva.kernel.calendar import add_months
from lineaviva.kernel.clock import rome_date
from lineaviva.sandbox import person
from lineaviva.sandbox.world import CARRIERS, World

FAULT_PERCENT = 20


class Victim:
    """One of our programs, in a process group of its own, killed with -9 and started again until told to stop."""

    def __init__(self, name: str, argv: list[str], log: Path) -> None:
        self.name, self.argv, self.log, self.deaths = name, argv, log, 0
        self.start()

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as file:
            self.process = subprocess.Popen(self.argv, stdout=file, stderr=file, start_new_session=True)

    def kill(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.deaths += 1


def kill_at_random(victims: list[Victim], stop: threading.Event, chance: random.Random) -> None:
    while not stop.wait(chance.uniform(0.5, 3.0)):
        victim = chance.choice(victims)
        victim.kill()
        victim.start()


def set_faults(world: World, percent: int) -> None:
    """Every knob that is a share of calls, on every part of the outside."""
    urls = [world.provider_url, *(world.carrier_url(name) for name in CARRIERS)]
    for url in urls:
        knobs = httpx.get(f"{url}/sandbox/knobs", timeout=5).json()
        shares = [name for name, value in knobs.items() if name.endswith("_percent") and isinstance(value, int)]
        each = {name: percent // max(1, len(shares)) for name in shares}
        if "latency_percent" in each:
            each["latency_ms"] = 3000
        httpx.post(f"{url}/sandbox/knobs", json=each, timeout=5).raise_for_status()


def make_lines(count: int) -> tuple[Any, Any, list[Any]]:
    """A holder, a clerk and `count` lines spread over the three carriers."""
    from lineaviva.cli.sandbox import people_make
    from lineaviva.keeper.lines.actions import line_register

    now = clock.now()
    holder, clerk = people_make(language="it", now=now)
    lines = [
        line_register(
            holder=holder,
            by=holder,
            now=now,
            msisdn=f"+39{prefix}{index:07d}",
            operator=operator,
            label=f"Line {index}",
            last_topup=add_months(rome_date(now), -6),
        )
        for index in range(count)
        for operator, prefix in [(("tim", "333"), ("vodafone", "347"), ("windtre", "329"))[index % 3]]
    ]
    return holder, clerk, lines


def renew(line: Any, holder: Any, clerk: Any, seed: int) -> str:
    """Renew one line as its holder would; returns the order's code. The bank's page is tried again when it breaks."""
    from django.db import close_old_connections

    from lineaviva.keeper.catalogue.actions import quote_make
    from lineaviva.keeper.catalogue.queries import cheapest_keepalive
    from lineaviva.keeper.orders.actions import order_place
    from lineaviva.keeper.payments.actions import cash_confirm

    chance = random.Random(seed)
    close_old_connections()
    try:
        now = clock.now()
        offer = cheapest_keepalive(line=line, now=now)
        if offer is None:
            raise SystemExit(f"Nothing on sale keeps the {line.operator} line.")
        quote = quote_make(line=line, offering=offer.offering, by=holder, now=now)
        order = order_place(quote=quote, by=holder, language="it", now=now)
        if chance.random() < 0.2:
            begin(order, "cash")
            cash_confirm(code=order.code, clerk=clerk, now=clock.now())
        else:
            pay_by_card(order, chance)
        return str(order.code)
    finally:
        close_old_connections()


def begin(order: Any, provider: str) -> Any:
    from lineaviva.keeper.payments.actions import payment_begin

    for _ in range(8):
        attempt = payment_begin(order=order, provider=provider, now=clock.now())
        if provider == "cash" or attempt.redirect_url:
            return attempt
        time.sleep(0.5)
        attempt.refresh_from_db()
    return attempt


def pay_by_card(order: Any, chance: random.Random) -> None:
    card = chance.choice([person.SUCCESS, person.THREE_D_SECURE, person.THREE_D_SECURE])
    for _ in range(10):
        order.refresh_from_db()
        if order.state != "placed":
            return
        attempt = begin(order, "stripe")
        if attempt.redirect_url:
            try:
                person.pay(attempt.redirect_url, card=card)
                return
            except (httpx.HTTPError, StopIteration, IndexError):
                continue  # the page broke, or the bank says it is paid already: look again, as a person would
            finally:
                time.sleep(0.3)
        time.sleep(0.3)


def unfinished() -> list[str]:
    """Codes of orders that are neither done nor stuck."""
    from lineaviva.keeper.orders.models import ProductOrder
    from lineaviva.kernel import agenda

    stuck = stuck_codes(agenda.stuck())
    return [
        order.code
        for order in ProductOrder.objects.select_related("receipt")
        if order.code not in stuck and not is_done(order)
    ]


def is_done(order: Any) -> bool:
    return order.state in {"refunded", "expired", "cancelled"} or (
        order.state == "active" and hasattr(order, "receipt")
    )


def stuck_codes(rows: list[Any]) -> set[str]:
    def order_of(row: Any) -> Any:
        for name in ("order", "attempt"):
            if hasattr(row, name):
                return order_of(getattr(row, name))
        return row

    return {getattr(order_of(row), "code", "") for row in rows}


def hurry() -> None:
    """Make everything that waits due now, so that the run need not sit out the back-offs."""
    from lineaviva.keeper.activation.models import Activation
    from lineaviva.keeper.orders.models import ProductOrder
    from lineaviva.keeper.payments.models import InboxEvent, PaymentAttempt, Refund
    from lineaviva.kernel import agenda

    for model in (ProductOrder, PaymentAttempt, InboxEvent, Refund, Activation):
        agenda.wake(model._default_manager.filter(look_at__isnull=False, look_at__gt=clock.now()), clock.now())


def settle(seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and unfinished():
        hurry()
        time.sleep(2)


def findings(world: World, codes: list[str]) -> dict[str, Any]:
    """The counts, and a sentence for everything that is not as it should be."""
    from lineaviva.keeper.orders.models import ProductOrder
    from lineaviva.keeper.payments.posting import disagreement
    from lineaviva.keeper.payments.queries import money_balance
    from lineaviva.keeper.receipts.models import Receipt
    from lineaviva.kernel import agenda

    orders = list(ProductOrder.objects.select_related("receipt", "line"))
    stuck = stuck_codes(agenda.stuck())
    credited: Counter[str] = Counter()
    wrong = [f"unfinished: {code}" for code in unfinished()]
    for name in CARRIERS:
        audit = httpx.get(f"{world.carrier_url(name)}/sandbox/audit", timeout=30).json()
        credited.update(audit["references"])
        if not audit["balanced"]:
            wrong.append(f"the ledger of {name} does not balance")
    bank = httpx.get(f"{world.provider_url}/sandbox/list", timeout=30).json()
    charged = Counter(charge["order"] for charge in bank["charges"])
    given_back = Counter(refund["order"] for refund in bank["refunds"])
    for order in orders:
        wrong += order_faults(order, order.code in stuck, credited, charged, given_back)
    numbers = sorted(Receipt.objects.values_list("number", flat=True))
    if numbers != list(range(1, len(numbers) + 1)):
        wrong.append(f"receipt numbers have gaps or doubles: {len(numbers)} receipts, last {numbers[-1]}")
    money = money_balance()
    if money.collected != money.refunded + money.delivered + money.held:
        wrong.append(f"money does not balance: {money}")
    wrong += [f"the books disagree: {said}" for said in disagreement()]
    if len(orders) != len(codes):
        wrong.append(f"{len(orders)} orders for {len(codes)} renewals")
    states = Counter("stuck" if order.code in stuck else order.state for order in orders)
    return {
        "orders": len(orders),
        "states": dict(states),
        "receipts": len(numbers),
        "money": vars(money),
        "stuck": sorted(f"stuck: {row.__class__.__name__} {row.pk}: {row.stuck_reason}" for row in agenda.stuck()),
        "wrong": wrong,
    }


def order_faults(
    order: Any, stuck: bool, credited: Counter[str], charged: Counter[str], given_back: Counter[str]
) -> list[str]:
    credits, charges, refunds = credited[f"LV-{order.code}"], charged[order.code], given_back[order.code]
    seen = f"{order.code} {order.state}: credited {credits}, charged {charges}, refunded {refunds}"
    card = order.attempts.filter(provider="stripe", state="succeeded").exists()
    if credits > 1 or charges - refunds > 1:
        return [f"doubled: {seen}"]
    if order.state == "active" and (credits != 1 or (card and charges - refunds != 1)):
        return [f"active, but {seen}"]
    if order.state == "active" and not stuck and not hasattr(order, "receipt"):
        return [f"active without a receipt: {order.code}"]
    if order.state != "active" and hasattr(order, "receipt"):
        return [f"a receipt, but {seen}"]
    if order.state == "refunded" and not stuck and (credits != 0 or charges != refunds):
        return [f"refunded, but {seen}"]
    return []


def run(orders: int, seed: int, say: Callable[[str], None]) -> dict[str, Any]:
    home = Path(tempfile.mkdtemp(prefix="lineaviva-faults-"))
    world, group, stop = World(home, free_port()), Group(), threading.Event()
    victims: list[Victim] = []
    try:
        say("starting the world")
        running.start_sandbox(group, world)
        os.environ.update(
            {**world.keeper_env(), "LINEAVIVA_DATABASE_URL": os.environ.get("LINEAVIVA_DATABASE_URL", "")}
        )
        output.setup_django()
        running.migrate_database()
        group.wait_until_up()
        holder, clerk, lines = make_lines(orders)
        log = home / "log"
        victims += [Victim("web", running.web_argv(world.port), log / "web.log")]
        victims += [Victim(f"worker {n}", running.worker_argv(), log / f"worker{n}.log") for n in (1, 2)]
        wait_until(lambda: is_listening(world.port))
        set_faults(world, FAULT_PERCENT)
        killer = threading.Thread(target=kill_at_random, args=(victims, stop, random.Random(seed)), daemon=True)
        killer.start()
        codes = []
        with ThreadPoolExecutor(8) as people:
            for done, code in enumerate(
                people.map(lambda pair: renew(pair[1], holder, clerk, seed + pair[0]), enumerate(lines)), 1
            ):
                codes.append(code)
                say(f"{done} of {orders} renewals ordered, {sum(v.deaths for v in victims)} kills")
        say("settling while the faults go on")
        settle(30)
        stop.set()
        killer.join()
        set_faults(world, 0)
        say("settling in peace")
        settle(120)
        return {"kills": sum(victim.deaths for victim in victims), **findings(world, codes)}
    finally:
        stop.set()
        for victim in victims:
            victim.kill()
        group.stop()
        shutil.rmtree(home, ignore_errors=True)


def wait_until(look: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            sys.exit("The web server did not start.")
        time.sleep(0.05)


def tell(text: str) -> None:
    """Where the run is, on one line."""
    print(f"\r{text:<70}", end="", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    start = time.monotonic()
    found = run(asked.orders, asked.seed, tell)
    print(file=sys.stderr)
    found["seconds"] = round(time.monotonic() - start, 1)
    if asked.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:>10}: {value if not isinstance(value, list) else len(value)}")
        for sentence in [*found["stuck"], *found["wrong"]][:40]:
            print(" ", sentence)
    sys.exit(bool(found["wrong"]))


if __name__ == "__main__":
    main()
