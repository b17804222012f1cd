"""What was paid, delivered and given back before there were books, as if they had been there.

Until now money went back only where nothing was delivered for it.
"""

from itertools import islice

from django.db import migrations

SINGLE_STAGE = "sales:single_stage"  # top-ups and plans were all there was
PIECE = 1000


def put(apps, schema_editor):
    Posting, Entry = apps.get_model("books", "Posting"), apps.get_model("books", "Entry")
    for happened in (_payments(apps), _sales(apps), _refunds(apps)):
        while piece := list(islice(happened, PIECE)):
            postings = [
                Posting(key=key, kind=kind, at=at, reference=code, detail={"before_the_books": True})
                for key, kind, at, code, *_moved in piece
            ]
            Posting.objects.bulk_create(postings)
            Entry.objects.bulk_create(
                Entry(posting=posting, account=account, amount_minor=minor, currency=currency)
                for posting, (_key, _kind, _at, _code, debit, credit, amount, currency) in zip(postings, piece)
                for account, minor in ((debit, amount), (credit, -amount))
            )


def _payments(apps):
    rows = apps.get_model("payments", "PaymentAttempt").objects.filter(state="succeeded", amount_minor__gt=0)
    for row in rows.select_related("order").order_by("pk").iterator(chunk_size=PIECE):
        at, code = row.finished_at or row.created_at, row.order.code
        moved = (_place(row.provider), "held", row.amount_minor, row.currency)
        yield f"payment:{row.idempotency_key}", "payment", at, code, *moved


def _sales(apps):
    rows = apps.get_model("orders", "ProductOrder").objects.filter(state="active", total_minor__gt=0)
    for row in rows.order_by("pk").iterator(chunk_size=PIECE):
        at = row.active_at or row.placed_at
        yield f"sale:{row.code}", "sale", at, row.code, "held", SINGLE_STAGE, row.total_minor, row.currency


def _refunds(apps):
    rows = apps.get_model("payments", "Refund").objects.filter(state="succeeded", amount_minor__gt=0)
    for row in rows.select_related("attempt__order").order_by("pk").iterator(chunk_size=PIECE):
        at, key, code = row.finished_at or row.requested_at, row.attempt.idempotency_key, row.attempt.order.code
        came_by = "till:cash" if row.provider_ref.startswith("clerk:") else _place(row.attempt.provider)
        yield f"refund:{key}", "refund", at, code, "held", came_by, row.amount_minor, row.currency


def _place(provider):
    return "till:cash" if provider == "cash" else f"provider:{provider}"


class Migration(migrations.Migration):
    dependencies = [
        ("books", "0002_never_changed"),
        ("orders", "0001_initial"),
        ("payments", "0001_initial"),
    ]
    operations = [migrations.RunPython(put, migrations.RunPython.noop)]
