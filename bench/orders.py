"""Interactive renewals: how many a second, how long each takes, what CPU it costs, and where the time goes.

The real programs run, each a process of its own: web, worker, the sandbox's bank, three carriers, mail. Clients order
through the pages, pay on the bank's pages with 3-D Secure, and are done when the receipt is there: payment by webhook,
activation over TMF. Bank and carriers are the outside world; what they take is told apart.

    python bench/orders.py
    python bench/orders.py --clients 8 --renewals 100 --database postgres --json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from renewals import cpu, shares
from renewals.people import Client, Renewal, renew
from renewals.receipts import Receipts
from renewals.stage import Stage, catalogues, lines, rest, sessions, stage
from rich.console import Console
from rich.table import Table

WARM_UP = 6
OURS = ("web", "worker", "database")
_PROBE_SECONDS = 0.6  # after which the probes have written what they know


@dataclass
class People:
    """Holders with their browsers, and who tells them that a receipt is there."""

    holders: list[Any]
    browsers: list[Client]
    receipts: Receipts
    numbers: int = 0

    def renew(self, clients: int, count: int, begin: Callable[[], None] = lambda: None) -> list[Renewal]:
        """`count` renewals by so many clients at once, each of a new line; `begin` is called when those are there."""
        todo = lines(self.holders[:clients], count, self.numbers)
        self.numbers += count
        rest()
        begin()

        def one_after_the_other(place: int) -> list[Renewal]:
            return [renew(self.browsers[place], line, self.receipts) for line in todo[place]]

        with ThreadPoolExecutor(clients) as crowd:
            done = [renewal for found in crowd.map(one_after_the_other, range(clients)) for renewal in found]
        rest()
        return done


def measure(built: Stage, people: People, clients: int, count: int) -> dict[str, Any]:
    """One line of the result: the same figures for each number of clients."""
    people.renew(clients, max(WARM_UP, clients))
    used: dict[str, float] = {}
    done = people.renew(clients, count, lambda: used.update(cpu.used(built.roots)))
    spent = {name: seconds - used[name] for name, seconds in cpu.used(built.roots).items()}
    time.sleep(_PROBE_SECONDS)
    return summary(done, clients, spent, shares.read(built.spans, min(renewal.began for renewal in done)))


def summary(
    done: Sequence[Renewal], clients: int, spent: Mapping[str, float], spans: Mapping[str, list[shares.Span]]
) -> dict[str, Any]:
    took = sorted((renewal.done - renewal.began) * 1000 for renewal in done)
    paid = sorted((renewal.done - renewal.paid) * 1000 for renewal in done)
    seconds = max(renewal.done for renewal in done) - min(renewal.began for renewal in done)
    each = {name: round(value / len(done) * 1000, 1) for name, value in sorted(spent.items())}
    ours = [span for name in OURS for span in spans.get(name, [])]
    return {
        "clients": clients,
        "renewals": len(done),
        "renewals_per_s": round(len(done) / seconds, 2),
        "p50_ms": round(_at(took, 0.5)),
        "p99_ms": round(_at(took, 0.99)),
        "paid_to_receipt_p50_ms": round(_at(paid, 0.5)),
        "paid_to_receipt_p99_ms": round(_at(paid, 0.99)),
        "cpu_ms_per_renewal": {**each, "ours": round(sum(each.get(name, 0.0) for name in OURS), 1)},
        "shares": shares.of_wall(done, ours, shares.owners(done)),
        "cpu_ms_by_work": {name: shares.of_cpu(spans.get(name, []), len(done)) for name in ("worker", "web")},
    }


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def run(asked: argparse.Namespace) -> dict[str, Any]:
    with stage(asked.database, tell) as built:
        tell("making holders and catalogues")
        signed_in = sessions(max(asked.clients))
        catalogues()
        people = People(
            [holder for holder, _ in signed_in],
            [Client(built.world.keeper_url, cookie) for _, cookie in signed_in],
            Receipts(),
        )
        found = []
        try:
            for clients in asked.clients:
                tell(f"{asked.renewals} renewals by {clients} clients")
                found.append(measure(built, people, clients, asked.renewals))
        finally:
            people.receipts.close()
        return {"database": asked.database, "levels": found}


def tell(text: str) -> None:
    """Where the run is, on one line."""
    print(f"\r{text:<70}", end="", file=sys.stderr, flush=True)


def show(found: dict[str, Any]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 110)
    heads = ["Clients", "Renewals/s", "p50 ms", "p99 ms", "paid to receipt", *found["levels"][0]["cpu_ms_per_renewal"]]
    table = Table(title=f"Renewals on {found['database']}; CPU in ms a renewal", title_justify="left")
    for head in heads:
        table.add_column(head, justify="right")
    for level in found["levels"]:
        plain = [level[name] for name in ("clients", "renewals_per_s", "p50_ms", "p99_ms", "paid_to_receipt_p50_ms")]
        table.add_row(*map(str, [*plain, *level["cpu_ms_per_renewal"].values()]))
    console.print(table)
    for level in found["levels"]:
        parts = ", ".join(f"{name.replace('_', ' ')} {share:.0%}" for name, share in level["shares"].items())
        console.print(f"{level['clients']} clients, where the time goes: {parts}.")
    for program, work in found["levels"][-1]["cpu_ms_by_work"].items():
        console.print(f"CPU ms a renewal in {program}: {', '.join(f'{name} {ms}' for name, ms in work.items())}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=_numbers, default=[1, 8, 32], help="renewals at a time, by comma: 1,8,32")
    parser.add_argument("--renewals", type=int, default=48, help="how many are measured for each of them")
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    asked = parser.parse_args()
    began = time.monotonic()
    found = {**run(asked), "seconds": round(time.monotonic() - began, 1)}
    print(file=sys.stderr)
    print(json.dumps(found)) if asked.json else show(found)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
