"""Two clicks, two tabs, two processes, two workers: one attempt, one charge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.db import connection

from lineaviva.keeper.orders.actions import order_activate, order_cancel, order_fail
from lineaviva.keeper.payments.actions import payment_settle
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.payments.ports import Status
from lineaviva.keeper.payments.queries import money_balance
from lineaviva.keeper.payments.refunding import refund_request
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import LineavivaError
from lineaviva.kernel.money import Money
from tests import factories
from tests.keeper.payments.conftest import Till, balance, busy, state
from tests.keeper.together import together
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.processes


@busy
def test_four_clicks_at_once_are_one_attempt_and_one_page(till: Till) -> None:
    order = till.order()
    answers = together(4, lambda: till.begin(order))
    assert len({answer.pk for answer in answers}) == 1
    assert len({answer.redirect_url for answer in answers}) == 1
    assert PaymentAttempt.objects.get().provider_ref


@busy
def test_card_and_cash_at_once_leave_one_way_open(till: Till) -> None:
    for _ in range(3):
        order = till.order()
        ways = ["stripe", "cash"]
        answers = together(2, lambda order=order, ways=ways: till.begin(order, ways.pop()))
        assert all(not isinstance(answer, LineavivaError) or answer.code == "payment_in_progress" for answer in answers)
        assert order.attempts.filter(state="open").count() == 1


BEGIN = """
import json, sys, time, os
import django
django.setup()
from lineaviva.keeper.orders.queries import order_by_code
from lineaviva.keeper.payments.actions import payment_begin
from lineaviva.kernel import clock
order = order_by_code(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
attempt = payment_begin(order=order, provider="stripe", now=clock.now())
print(json.dumps([attempt.number, attempt.provider_ref, attempt.redirect_url]), flush=True)
"""


def _database_url() -> str:
    facts = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{facts['NAME']}"
    host = quote(facts["OPTIONS"].get("host", "") or facts["HOST"], safe="")
    return f"postgresql://{facts['USER']}:{facts['PASSWORD']}@/{facts['NAME']}?host={host}"


@busy
def test_two_processes_at_once_are_one_attempt_and_one_page(till: Till) -> None:
    order = till.order()
    connection.close()
    env = {
        **os.environ,
        "LINEAVIVA_PROGRAM": "keeper",
        "LINEAVIVA_DATABASE_URL": _database_url(),
        "LINEAVIVA_STRIPE_API_KEY": django_settings.STRIPE_API_KEY,
        "LINEAVIVA_STRIPE_API_BASE": django_settings.STRIPE_API_BASE,
        "LINEAVIVA_PUBLIC_URL": django_settings.PUBLIC_URL,
        "LINEAVIVA_CLOCK": till.clock.now().isoformat(),
        "DJANGO_SETTINGS_MODULE": "lineaviva.config.settings",
    }
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([sys.executable, "-c", BEGIN, order.code], env=env, **pipes) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [json.loads(process.communicate(timeout=PATIENCE)[0]) for process in processes]
    attempt = PaymentAttempt.objects.get()
    assert answers == [[1, attempt.provider_ref, attempt.redirect_url]] * 2
    till.pay(attempt)
    till.after(timedelta(seconds=10))
    assert state(order) == "paid"
    assert len(till.bank.money()["charges"]) == 1


@busy
def test_settled_four_times_at_once_it_is_paid_once(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order)
    status = Status("succeeded", Money(500), "ch_1")
    together(4, lambda: payment_settle(attempt=attempt, status=status, now=till.clock.now()))
    order.refresh_from_db()
    assert (order.state, order.wakes) == ("paid", 1)
    assert money_balance() == balance(collected=500, held=500)


@busy
def test_paying_and_cancelling_at_once_the_money_is_held_or_goes_back(till: Till) -> None:
    for _ in range(3):
        order = till.order()
        attempt = till.begin(order)
        till.pay(attempt, "4000000000009441")
        charge = next(c for c in till.bank.money()["charges"] if c["order"] == order.code)
        status = Status("succeeded", Money(500), charge["id"])
        acts = [
            lambda order=order: order_cancel(order=order, by=None, now=till.clock.now()),
            lambda attempt=attempt, status=status: payment_settle(attempt=attempt, status=status, now=till.clock.now()),
        ]
        together(2, lambda acts=acts: acts.pop()())
        till.look()
        attempt.refresh_from_db()
        assert attempt.state == "succeeded"
        assert (state(order), attempt.surplus) in {("paid", False), ("cancelled", True)}
        assert Refund.objects.filter(attempt=attempt, state="succeeded").exists() is attempt.surplus


@busy
def test_two_workers_ask_and_give_back_once(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order)
    till.pay(attempt, "4000000000009441")
    till.clock.advance(timedelta(seconds=5))
    together(3, lambda: agenda.run_due(till.clock.now()))
    assert state(order) == "paid"
    order_fail(order=order, reason="refused", now=till.clock.now())
    requests = together(3, lambda: refund_request(attempt=attempt, reason="x", now=till.clock.now()))
    assert len({request.pk for request in requests}) == 1
    together(3, lambda: agenda.run_due(till.clock.now()))
    assert state(order) == "refunded"
    assert len(till.bank.money()["refunds"]) == 1
    assert money_balance() == balance(collected=500, refunded=500)


@busy
def test_a_worker_that_runs_hears_of_a_payment_by_what_the_bank_tells(till: Till) -> None:
    """By nothing else: the clock stands still, and no look comes to be due."""
    order = till.order()
    attempt = till.begin(order)
    stop = threading.Event()
    worker = threading.Thread(target=agenda.Worker(threads=2).run_forever, args=(stop,))
    worker.start()
    try:
        till.pay(attempt)
        until(lambda: state(order) == "paid")
    finally:
        stop.set()
        worker.join(PATIENCE)


@busy
def test_four_people_give_back_at_once_and_one_part_goes_back(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order, "cash")
    payment_settle(attempt=attempt, status=Status("succeeded", Money(500), "c"), now=till.clock.now())
    order_activate(order=order, dates_after={}, now=till.clock.now())
    dora = factories.holder("dora@example.org", role="operations")
    reasons = ["late", "late", "dear", "wrong"]

    def ask() -> Refund:
        return refund_request(attempt=attempt, reason=reasons.pop(), amount=Money(300), by=dora, now=till.clock.now())

    answers = together(4, ask)
    refund = Refund.objects.get()
    assert {answer.pk if isinstance(answer, Refund) else answer.code for answer in answers} <= {
        refund.pk,
        "refund_on_its_way",
    }
    assert (refund.number, refund.amount_minor, refund.state) == (1, 300, "requested")
