"""Where the time of renewals goes: each instant of each is given to what was done for it then."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from renewals.people import Renewal


class Span(NamedTuple):
    """As probe.py writes it, in seconds."""

    kind: str
    name: str
    owner: list[str]
    start: float
    end: float
    cpu: float


# First come first served: where several things are done at one instant, it is the first's.
ORDER = (
    "asking_the_carrier",
    "asking_the_bank",
    "commits",
    "pdf",
    "handlers",
    "keeper_pages",
    "bank_pages",
    "client",
    "waiting_for_worker",
)
_CLASS = {
    "carrier": "asking_the_carrier",
    "bank": "asking_the_bank",
    "commit": "commits",
    "pdf": "pdf",
    "step": "handlers",
    "write": "handlers",
    "webhook": "handlers",
}


def read(folder: Path, since: float) -> dict[str, list[Span]]:
    """The spans of each program that began after `since`."""
    found: dict[str, list[Span]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        written = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        spans = (_span(*values) for line in written for values in json.loads(line))
        found[path.name.partition(".")[0]] += [span for span in spans if span.start >= since]
    return found


def _span(kind: str, name: str, owner: list[str], start: int, end: int, cpu: int) -> Span:
    return Span(kind, name, owner, start / 1e6, end / 1e6, cpu / 1e6)


def of_wall(renewals: Sequence[Renewal], spans: Iterable[Span], rows: Mapping[str, str]) -> dict[str, float]:
    """The share of each class in all the renewals' time. `rows`: whose order a row or page is (see `owners`)."""
    mine: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    for span in spans:
        kind = _CLASS.get(span.kind)
        for code in {rows[owner] for owner in span.owner if owner in rows} if kind else ():
            mine[code].append((kind, span.start, span.end))
    sums = dict.fromkeys(ORDER, 0.0)
    for renewal in renewals:
        pages = [(f"{kind}_pages", start, end) for kind, start, end in renewal.pages]
        parts = [*mine[renewal.code], *pages, ("client", renewal.began, renewal.back)]
        for kind, seconds in _split(parts, renewal.began, renewal.done).items():
            sums[kind] += seconds
    whole = sum(sums.values()) or 1.0
    return {kind: round(seconds / whole, 3) for kind, seconds in sums.items()}


def _split(parts: Sequence[tuple[str, float, float]], began: float, done: float) -> dict[str, float]:
    marks = sorted({began, done, *(at for _, *ends in parts for at in ends if began < at < done)})
    found: dict[str, float] = defaultdict(float)
    for start, end in pairwise(marks):
        kinds = {kind for kind, first, last in parts if first <= start and end <= last}
        found[next((kind for kind in ORDER if kind in kinds), "waiting_for_worker")] += end - start
    return found


def of_cpu(spans: Iterable[Span], renewals: int) -> dict[str, float]:
    """CPU milliseconds a renewal by what was done. Spans lie in one another: a PDF is in the step that sends it."""
    sums: dict[str, float] = defaultdict(float)
    for span in spans:
        sums[span.kind if span.kind == span.name else f"{span.kind} {span.name}"] += span.cpu
    return {name: round(seconds / renewals * 1000, 2) for name, seconds in sorted(sums.items(), key=lambda p: -p[1])}


def owners(renewals: Sequence[Renewal]) -> dict[str, str]:
    """The order of each row ("model:key") and of each page's path."""
    from lineaviva.keeper.activation.models import Activation
    from lineaviva.keeper.orders.models import ProductOrder
    from lineaviva.keeper.payments.models import InboxEvent, PaymentAttempt
    from lineaviva.keeper.receipts.models import ReceiptMail

    codes = [renewal.code for renewal in renewals]
    found = {f"/lines/{renewal.line}/renew/": renewal.code for renewal in renewals}
    found |= {f"/orders/{code}/": code for code in codes}
    found |= {f"productorder:{pk}": code for pk, code in _pairs(ProductOrder, "code", codes)}
    found |= {f"activation:{pk}": code for pk, code in _pairs(Activation, "order__code", codes)}
    found |= {f"paymentattempt:{pk}": code for pk, code in _pairs(PaymentAttempt, "order__code", codes)}
    found |= {f"receiptmail:{pk}": code for pk, code in _pairs(ReceiptMail, "receipt__order__code", codes)}
    references = dict(PaymentAttempt.objects.filter(order__code__in=codes).values_list("provider_ref", "order__code"))
    events = InboxEvent.objects.filter(reference__in=references).values_list("pk", "reference")
    return found | {f"inboxevent:{pk}": references[reference] for pk, reference in events}


def _pairs(model: Any, column: str, codes: Sequence[str]) -> Any:
    return model.objects.filter(**{f"{column}__in": codes}).values_list("pk", column)
