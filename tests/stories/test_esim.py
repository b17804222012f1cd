"""The eSIM line from end to end: our own adapter, the real eSIM server, a phone that checks all it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Condition, Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections

from lineaviva.keeper.catalogue.actions import quote_make
from lineaviva.keeper.catalogue.models import Offering
from lineaviva.keeper.delivery import agenda as steps
from lineaviva.keeper.delivery.actions import delivery_replace
from lineaviva.keeper.delivery.es2plus.adapter import Es2PlusGateway
from lineaviva.keeper.delivery.models import Delivery, DeliveryEvent
from lineaviva.keeper.delivery.ports import Ordered, ProfileRequest
from lineaviva.keeper.delivery.queries import activation_code, delivery_of
from lineaviva.keeper.orders.actions import order_place
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import payment_begin
from lineaviva.sandbox import person
from lineaviva.sandbox.phone import device, using
from tests.patience import PATIENCE
from tests.stories.conftest import Story

pytestmark = pytest.mark.processes


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing: what a server tells has a secret in its address."""


class Ears:
    """The keeper's pages, where the eSIM server tells how a download gets on."""

    def __init__(self, port: int) -> None:
        self._heard, self._handler = Condition(), WSGIHandler()
        self._server: WSGIServer = make_server("127.0.0.1", port, self._answer, handler_class=_Quiet)
        self._thread = Thread(target=self._listen)
        self._thread.start()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Any:
        answer = self._handler(environ, start_response)
        with self._heard:
            self._heard.notify_all()
        return answer

    def _listen(self) -> None:
        self._server.serve_forever(poll_interval=0.05)
        connections.close_all()

    def until(self, seen: Callable[[], bool]) -> bool:
        """Whether `seen` is so by the time that enough was told."""
        with self._heard:
            return self._heard.wait_for(seen, PATIENCE)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def ears(story: Story, settings: Any) -> Iterator[Ears]:
    env = story.world.keeper_env()
    for name in ("ES2_CERTS", "ES2_CA", "INSTALL_LINK"):
        setattr(settings, name, env[f"LINEAVIVA_{name}"])
    for name in ("ES2_URLS", "ES2_TOKENS"):
        setattr(settings, name, dict(pair.split("=", 1) for pair in env[f"LINEAVIVA_{name}"].split(",")))
    ears = Ears(story.world.port)
    yield ears
    ears.close()


def paid(story: Story) -> ProductOrder:
    """Anna's eSIM of Vodafone gets a plan and a profile; she has paid by card."""
    line = story.line("vodafone", date(2026, 11, 1), sim_type="esim")
    now = story.clock.now()
    story.faults("provider", clock_shift_seconds=round((now - datetime.now(UTC)).total_seconds()))
    plan = Offering.objects.get(operator="vodafone", external_id="sandbox-20gb")
    quote = quote_make(line=line, offering=plan, by=story.anna, now=now)
    order = order_place(quote=quote, by=story.anna, language="zh-hans", with_profile=True, now=now)
    payment_begin(order=order, provider="stripe", now=now)
    person.pay(order.attempts.get(state="open").redirect_url)
    return order


def goes_on(story: Story) -> None:
    story.after(timedelta(minutes=2))


def install(story: Story, delivery: Delivery, phone: Path) -> None:
    code = activation_code(delivery)
    assert code is not None
    using.install(phone, story.world.smdp_certs, code, now=datetime.now(UTC))


def how(order: ProductOrder) -> tuple[str, str, str, str]:
    """The order, its activation, its profile, and what the phone says of that."""
    order = ProductOrder.objects.select_related("activation").get(pk=order.pk)
    found = delivery_of(order)
    assert found is not None
    return order.state, order.activation.state, found.state, found.phone


def test_an_esim_line_is_renewed_delivered_installed_and_on_its_new_plan(
    story: Story, ears: Ears, tmp_path: Path
) -> None:
    order = paid(story)
    goes_on(story)
    assert how(order) == ("paid", "held", "released", "")
    assert story.credited("vodafone").count(f"LV-{order.code}") == 0
    delivery = Delivery.objects.get(order=order)
    assert (delivery.gateway, delivery.operator, len(story.mails("/e/"))) == ("es2plus", "vodafone", 1)

    install(story, delivery, tmp_path / "phone")
    assert ears.until(lambda: how(order)[3] == "enabled")
    story.let_happen()
    assert how(order) == ("active", "succeeded", "installed", "enabled")
    eid = device.look(tmp_path / "phone").chip.identity.eid
    delivery = Delivery.objects.select_related("line").get(pk=delivery.pk)
    assert (delivery.eid, delivery.line.eid, delivery.line.iccid) == (eid, eid, delivery.iccid)
    assert (delivery.line.plan, delivery.line.plan_expires_on) == ("Sandbox 20 GB", date(2026, 12, 22))
    told = set(DeliveryEvent.objects.filter(delivery=delivery).values_list("kind", flat=True))
    assert told == {"ordered", "released", "eligible", "downloaded", "installed", "enabled"}
    assert story.credited("vodafone").count(f"LV-{order.code}") == 1
    assert activation_code(delivery) is None


def test_a_lost_phones_profile_is_withdrawn_and_another_phone_takes_the_new_one(
    story: Story, ears: Ears, tmp_path: Path
) -> None:
    order = paid(story)
    goes_on(story)
    old = Delivery.objects.get(order=order)
    install(story, old, tmp_path / "phone")
    assert ears.until(lambda: how(order)[3] == "enabled")
    story.let_happen()

    new = delivery_replace(delivery=old, reason="replacement", by=story.anna, now=story.clock.now())
    story.let_happen()
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.state, new.state, new.iccid != old.iccid) == ("withdrawn", "released", True)
    assert DeliveryEvent.objects.get(delivery=old, kind="withdrawn").detail == {"answer": "too_late"}
    device.make(tmp_path / "new", story.world.smdp_certs, now=datetime.now(UTC), another=True)
    install(story, new, tmp_path / "new")
    assert ears.until(lambda: how(order)[3] == "enabled")
    new = Delivery.objects.select_related("line").get(pk=new.pk)
    assert (new.line.iccid, new.line.eid) == (new.iccid, device.look(tmp_path / "new").chip.identity.eid)


def test_a_worker_that_dies_after_the_server_took_its_order_leads_to_no_second_profile(
    story: Story, ears: Ears, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    taken: list[str] = []
    perform = Es2PlusGateway.order

    def order_and_note(way: Es2PlusGateway, request: ProfileRequest) -> Ordered:
        ordered = perform(way, request)
        taken.append(ordered.iccid)
        return ordered

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Es2PlusGateway, "order", order_and_note)
    order = paid(story)
    with monkeypatch.context() as patch:
        patch.setattr(steps, "_ordered", killed)
        with pytest.raises(KeyboardInterrupt):
            goes_on(story)
    delivery = Delivery.objects.get(order=order)
    assert (delivery.state, delivery.iccid, len(taken)) == ("waiting", "", 1)
    story.after(timedelta(seconds=91))
    delivery.refresh_from_db()
    assert (delivery.state, taken) == ("released", [delivery.iccid] * 2)
    install(story, delivery, tmp_path / "phone")
    assert ears.until(lambda: how(order)[2] == "installed")
    story.let_happen()
    assert how(order)[:3] == ("active", "succeeded", "installed")
