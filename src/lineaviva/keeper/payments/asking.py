"""What a provider without a list of its own is asked about again: our payments, and what its webhooks told of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from lineaviva.keeper.payments.models import AttemptState, InboxEvent, PaymentAttempt, Refund
from lineaviva.keeper.payments.ports import About, Asked


def asked(name: str, since: datetime, until: datetime) -> Iterator[Asked]:
    """What happened at this provider from `since` to before `until`, as far as we have heard.

    Every payment of ours that was collected or given back, and whatever its webhooks named that is not ours.
    """
    within = Q(finished_at__gte=since, finished_at__lt=until)
    back = Refund.objects.filter(within, attempt=OuterRef("pk"), state=Refund.State.SUCCEEDED)
    mine = PaymentAttempt.objects.filter(provider=name, state=AttemptState.SUCCEEDED).exclude(provider_ref="")
    for reference in mine.filter(within | Exists(back)).order_by("pk").values_list("provider_ref", flat=True):
        yield Asked("payment", reference)
    told = InboxEvent.objects.filter(source=name, received_at__gte=since, received_at__lt=until).exclude(reference="")
    yield from _named(told.filter(about="capture"), "capture")
    payments = PaymentAttempt.objects.filter(provider=name, provider_ref=OuterRef("reference"))
    yield from _named(told.filter(~Exists(payments), about="payment"), "payment")
    refunds = Refund.objects.filter(attempt__provider=name, provider_ref=OuterRef("reference"))
    yield from _named(told.filter(~Exists(refunds), about="refund"), "refund")


def _named(events: QuerySet[InboxEvent], about: About) -> Iterator[Asked]:
    for reference in events.order_by("reference").values_list("reference", flat=True).distinct():
        yield Asked(about, reference)
