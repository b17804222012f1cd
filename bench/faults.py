"""The fault run: programs and people killed with -9 once a second while the outside fails in every way it knows.

Orders are paid in three ways (the pretend Stripe, the pretend PayPal, cash over a counter), and each knob of the
outside is set to 20 %: calls refused with 5xx, answers lost after the work, pages that break, webhooks that never come,
come twice or late, operators that refuse, are slow, or cut the connection. Where the system lets us have a network
namespace the network between all programs is cut again and again.

At the end every order must be active with one receipt, or given back once, or on the stuck list; nothing lost, nothing
doubled, the books agree with themselves, with payments and with each provider's own list. Exit code 1 otherwise.

    python bench/faults.py --orders 1000 [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.fault_run import findings, network, people, stage, victims  # noqa: E402 - the path comes first
from lineaviva.cli import output, running  # noqa: E402 - as above
from lineaviva.cli.demo import free_port  # noqa: E402 - as above
from lineaviva.cli.processes import Group, is_listening  # noqa: E402 - as above
from lineaviva.kernel import clock  # noqa: E402 - as above
from lineaviva.sandbox.world import World  # noqa: E402 - as above

FAULT_PERCENT = 20
WORKERS = 2
_PATIENCE = 240.0


def hurry() -> None:
    """Make everything that waits due now, so that the run need not sit out the back-offs."""
    from lineaviva.keeper.activation.models import Activation
    from lineaviva.keeper.orders.models import ProductOrder
    from lineaviva.keeper.payments.models import InboxEvent, PaymentAttempt, Refund
    from lineaviva.kernel import agenda

    for model in (ProductOrder, PaymentAttempt, InboxEvent, Refund, Activation):
        agenda.wake(model._default_manager.filter(look_at__isnull=False, look_at__gt=clock.now()), clock.now())


def settle(seconds: float, say: Callable[[str], None]) -> None:
    """Wait until nothing is on its way; longer where the machine is slow and something still comes to its end."""
    left = findings.unfinished()
    deadline = time.monotonic() + seconds
    while (left or findings.going_back()) and time.monotonic() < deadline:
        hurry()
        time.sleep(2)
        before, left = left, findings.unfinished()
        say(f"settling: {len(left)} orders to go")
        if len(left) < len(before):
            deadline = time.monotonic() + seconds


def leases_over() -> None:
    """No worker lives that held a row: what the dead ones held is due, as it would be after a minute or two."""
    from lineaviva.keeper.activation.models import Activation
    from lineaviva.keeper.orders.models import ProductOrder
    from lineaviva.keeper.payments.models import InboxEvent, PaymentAttempt, Refund

    for model in (ProductOrder, PaymentAttempt, InboxEvent, Refund, Activation):
        model._default_manager.filter(leased_until__gt=clock.now()).update(leased_until=clock.now())


def release() -> None:
    """Operations set what is stuck going again, once; cash goes back over the counter."""
    from lineaviva.keeper.books.models import Difference
    from lineaviva.kernel import agenda

    people.cash_back_once(random.Random(0))
    for row in agenda.stuck():
        if not isinstance(row, Difference):
            agenda.unstick(row, clock.now())


class Run:
    """One run from the empty world to its findings."""

    def __init__(self, asked: argparse.Namespace, say: Callable[[str], None]) -> None:
        self.asked, self.say = asked, say
        self.home = Path(tempfile.mkdtemp(prefix="lineaviva-faults-"))
        self.world, self.group, self.stop = World(self.home, free_port()), Group(), threading.Event()
        self.victims: list[Any] = []
        self.people: list[victims.Fork] = []
        self.workers: list[victims.Fork] = []
        self.chance = random.Random(asked.seed)

    def whole(self) -> dict[str, Any]:
        try:
            self._begin()
            killed = self._under_fire()
            self._in_peace()
            return {**killed, **findings.findings(self.world, self.asked.orders)}
        finally:
            self.stop.set()
            for victim in self.victims:
                victim.kill()
            self.group.stop()
            shutil.rmtree(self.home, ignore_errors=True)

    def _begin(self) -> None:
        self.say("starting the world")
        running.start_sandbox(self.group, self.world)
        limits = {"LINEAVIVA_PAYMENT_LIMITS": str(stage.limits_file(self.home))}
        database = {"LINEAVIVA_DATABASE_URL": os.environ.get("LINEAVIVA_DATABASE_URL", "")}
        os.environ.update({**self.world.keeper_env(), **limits, **database})
        output.setup_django()
        running.migrate_database()
        self.group.wait_until_up()
        self.say("making people and lines")
        stage.make_lines(self.asked.orders)
        log, many = self.home / "log", self.asked.people
        victims.forks_ready(ROOT)
        self.victims.append(victims.Server(running.web_argv(self.world.port), log / "web.log", self.world.port))
        self.workers = [victims.Fork(people.work, log=log / f"worker{n}.log") for n in range(WORKERS)]
        self.victims += self.workers
        self.clerk = victims.Fork(people.give_cash_back, log=log / "clerk.log")
        self.victims.append(self.clerk)
        self.people = [victims.Fork(people.renew_all, n, many, log=log / f"person{n}.log") for n in range(many)]
        self.victims += self.people
        wait_until(lambda: is_listening(self.world.port))

    def _under_fire(self) -> dict[str, Any]:
        stage.set_faults(self.world, FAULT_PERCENT)
        killer = victims.Killer(self.victims, self.asked.kill_every, self.stop, self.chance)
        cutter = network.Cutter(self.asked.cut_every, self.stop, random.Random(self.asked.seed))
        begun = time.monotonic()
        killer.start()
        cutter.start()
        while not all(person.finished for person in self.people):
            time.sleep(1)
            victims.check(self.victims)
            self.say(f"{_paid()} of {self.asked.orders} orders paid, {killer.kills} kills, {cutter.cuts} cuts")
        settle(20, self.say)
        self.stop.set()
        killer.end()
        cutter.end()
        under_fire = round(time.monotonic() - begun, 1)
        killed = {"web": self.victims[0].deaths, "clerk": self.clerk.deaths}
        killed |= {"workers": _deaths(self.workers), "people": _deaths(self.people)}
        cuts = cutter.cuts if network.is_own() else None
        return {"under_fire_s": under_fire, "kills": killer.kills, "killed": killed, "cuts": cuts}

    def _in_peace(self) -> None:
        stage.set_faults(self.world, 0)
        for worker in self.workers:
            worker.kill()
        leases_over()
        for worker in self.workers:
            worker.start()
        settle(_PATIENCE, self.say)
        release()
        settle(_PATIENCE, self.say)
        self.say("reading the providers' lists")
        findings.reconcile()


def _deaths(forks: list[victims.Fork]) -> int:
    return sum(fork.deaths for fork in forks)


def _paid() -> int:
    from lineaviva.keeper.orders.models import ProductOrder

    return ProductOrder.objects.exclude(state="placed").count()


def wait_until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not look():
        if time.monotonic() > deadline:
            sys.exit("The web server did not start.")
        time.sleep(0.05)


def tell(text: str) -> None:
    """Where the run is, on one line."""
    print(f"\r{text:<76}", end="", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--people", type=int, default=4, help="Processes that order and pay, each killed as well.")
    parser.add_argument("--kill-every", type=float, default=1.0, metavar="SECONDS")
    parser.add_argument("--cut-every", type=float, default=15.0, metavar="SECONDS", help="0: never.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if asked.cut_every:
        network.enter()
    start = time.monotonic()
    found = Run(asked, tell).whole()
    print(file=sys.stderr)
    found["seconds"] = round(time.monotonic() - start, 1)
    if asked.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:>28}: {value if not isinstance(value, list) else len(value)}")
        for sentence in [*found["stuck"], *found["wrong"]][:40]:
            print(" ", sentence)
    sys.exit(bool(found["wrong"]))


if __name__ == "__main__":
    main()
