"""Numbers stay without gap when several processes issue at once, some transactions break and one process is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime

import pytest
from django.conf import settings
from django.db import connection

from lineaviva.keeper.receipts.models import Receipt, ReceiptCounter
from tests.keeper.receipts.conftest import active_order
from tests.patience import PATIENCE

# Breaks every third transaction after its number was taken; "kill" dies there as kill -9 does.
CHILD = """
import os, signal, sys
import django
django.setup()
from datetime import datetime
from django.db import transaction
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.receipts.actions import receipt_issue

mode, now, *keys = sys.argv[1:]
for turn, key in enumerate(keys):
    try:
        with transaction.atomic():
            receipt_issue(order=ProductOrder.objects.get(pk=key), now=datetime.fromisoformat(now))
            if mode == "kill" and turn == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            if turn % 3 == 1:
                raise ZeroDivisionError
    except ZeroDivisionError:
        continue
"""


def same_database() -> str:
    """The address of this run's test database, for another process."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    server, _, options = os.environ["LINEAVIVA_DATABASE_URL"].partition("?")
    return f"{server.rpartition('/')[0]}/{name}?{options}"


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_several_processes_leave_no_gap(now: datetime) -> None:
    keys = [str(active_order(now=now).pk) for _ in range(12)]
    env = {
        **os.environ,
        "LINEAVIVA_PROGRAM": "keeper",
        "LINEAVIVA_DATABASE_URL": same_database(),
        "LINEAVIVA_HOME": str(settings.HOME),
        "DJANGO_SETTINGS_MODULE": "lineaviva.config.settings",
    }
    works = [("work", keys), ("kill", keys[::-1]), ("work", keys[6:] + keys[:6])]
    children = [
        subprocess.Popen([sys.executable, "-c", CHILD, mode, now.isoformat(), *mine], env=env) for mode, mine in works
    ]

    codes = [child.wait(PATIENCE) for child in children]

    assert codes == [0, -9, 0]
    numbers = list(Receipt.objects.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 8  # both that lived went through all orders; each breaks at four others
    assert ReceiptCounter.objects.get().last == len(numbers)
