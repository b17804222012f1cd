"""A card that is kept for next time because its payer said so while they paid: theirs once the money is here.

Called inside the transaction of what happens to the attempt, which is locked.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lineaviva.keeper.payments import screening
from lineaviva.keeper.payments.models import AttemptState, PaymentAttempt, SavedMethod
from lineaviva.keeper.payments.ports import Card

State = SavedMethod.State


def keep_ask(*, attempt: PaymentAttempt, words: str, now: datetime) -> SavedMethod:
    """Write down that the order's placer agreed; `words` names the version of our sentence.

    Nobody looks at this row by itself: what becomes of the attempt decides.
    """
    return SavedMethod.objects.create(
        holder_id=attempt.order.placed_by_id,
        provider=attempt.provider,
        state=State.ASKED,
        key=keep_key(attempt),
        words=words,
        consented_at=now,
        expires_at=attempt.expires_at,
    )


def keep_words(attempt: PaymentAttempt) -> str:
    """Which version was agreed to; "" where the card is not to be kept."""
    found = SavedMethod.objects.filter(key=keep_key(attempt)).values_list("words", flat=True).first()
    return found or ""


def keep_end(*, attempt: PaymentAttempt, card: Card | None, now: datetime) -> None:
    """The attempt has ended: its card is kept where it paid and the provider kept it, else nothing is.

    Money that comes late still brings its card.
    """
    mine = SavedMethod.objects.select_for_update().filter(key=keep_key(attempt))
    method = mine.filter(state__in=(State.ASKED, State.GIVEN_UP)).first()
    if method is None:
        return
    kept = attempt.state == AttemptState.SUCCEEDED and card is not None
    if card is not None and SavedMethod.objects.filter(provider=method.provider, method_ref=card.method_ref).exists():
        kept = False  # it is there already
    changes: dict[str, Any] = {"state": State.GIVEN_UP}
    if kept and card is not None:
        changes = {**card_facts(method.provider, card), "state": State.ACTIVE, "saved_at": now}
    for name, value in changes.items():
        setattr(method, name, value)
    method.save(update_fields=list(changes))


def card_facts(provider: str, card: Card) -> dict[str, Any]:
    """What of a card stands in its row."""
    facts = dict(vars(card))
    return {"card_fingerprint": screening.fingerprint(provider, facts.pop("fingerprint")), **facts}


def keep_key(attempt: PaymentAttempt) -> str:
    """Of the row of the card that is kept with this payment."""
    return f"keep:{attempt.idempotency_key}"
