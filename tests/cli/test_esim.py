"""`lineaviva esim`, and what `lineaviva renew` and `lineaviva orders` say of profiles, as their user types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import typer

from lineaviva.keeper.accounts.models import AuditEntry
from lineaviva.keeper.delivery.models import Delivery, DeliveryMail
from lineaviva.keeper.delivery.queries import activation_code, deliveries, matching_id
from lineaviva.keeper.delivery.rules import Point
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.orders.rules import code_grouped
from lineaviva.kernel.clock import FrozenClock
from tests import factories
from tests.cli.conftest import Command
from tests.keeper.delivery import pretend
from tests.keeper.delivery.conftest import EID, Way, plan, states

NUMBER = "3391234567"


@pytest.fixture
def way(clock: FrozenClock, transactional_db: None, settings: Any) -> Way:
    """An operator in this process that hands out profiles."""
    settings.PROFILE_GATEWAYS = {"pretend": "tests.keeper.delivery.pretend.Gateway"}
    settings.GATEWAYS = {"operator": "tests.keeper.delivery.pretend.Operator"}
    return Way(clock, pretend.fresh())


@pytest.fixture
def ready(way: Way) -> Delivery:
    """The profile of Anna's TIM eSIM waits for her phone, its plan for the profile."""
    made = way.released(line=way.esim(msisdn=f"+39{NUMBER}", label="Mamma [bold]"))
    return deliveries().get(pk=made.pk)


@pytest.fixture
def lineaviva(here: Command) -> Command:
    return here


@pytest.fixture
def yes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return answering(monkeypatch, True)


@pytest.fixture
def no(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return answering(monkeypatch, False)


def answering(monkeypatch: pytest.MonkeyPatch, answer: bool) -> list[str]:
    """What was asked; each question gets `answer`."""
    asked: list[str] = []

    def confirm(question: str, **_how: Any) -> bool:
        asked.append(question)
        return answer

    monkeypatch.setattr(typer, "confirm", confirm)
    return asked


def rows() -> list[tuple[str, str, str]]:
    return [(one.state, one.reason, one.phone) for one in Delivery.objects.order_by("pk")]


# --- list ---------------------------------------------------------------------------------------------------------


def test_list_names_what_is_on_its_way_and_no_secret(lineaviva: Command, way: Way, ready: Delivery) -> None:
    (found,) = lineaviva("esim", "list", "--json").json["deliveries"]
    noon = "2026-11-22T11:00:00+00:00"
    assert ready.order is not None
    assert found == {
        "code": ready.code,
        "state": "released",
        "phone": "",
        "reason": "order",
        "line": "…4567",
        "operator": "tim",
        "gateway": "pretend",
        "order": ready.order.code,
        "iccid": "…" + ready.iccid[-4:],
        "failure": "",
        "stuck_reason": "",
        "expires_at": None,
        "created_at": noon,
        "ordered_at": noon,
        "released_at": noon,
        "downloaded_at": None,
        "installed_at": None,
        "enabled_at": None,
        "closed_at": None,
    }
    text = lineaviva("esim", "list").out
    assert ready.code in text
    assert "tim …4567" in text
    assert NUMBER not in text


@pytest.mark.parametrize("words", [("list",), ("show",), ("resend",), ("installed", "--yes"), ("replace", "--yes")])
@pytest.mark.parametrize("how", [(), ("--json",)])
def test_no_command_prints_the_activation_code_or_whole_numbers(
    lineaviva: Command, way: Way, ready: Delivery, words: tuple[str, ...], how: tuple[str, ...]
) -> None:
    way.tell(ready, Point.DOWNLOAD, eid=EID)
    code = activation_code(deliveries().get(pk=ready.pk))
    assert code is not None
    way.clock.advance(timedelta(hours=1))
    of = () if words == ("list",) else (ready.code,)
    ran = lineaviva("esim", words[0], *of, *words[1:], *how)
    assert ran.code == 0, ran.err
    for secret in (code.matching_id, matching_id(ready), NUMBER, ready.iccid, EID):
        assert secret not in ran.out + ran.err


def test_list_by_state_and_by_number(lineaviva: Command, way: Way, ready: Delivery) -> None:
    other = way.installed(line=way.esim(operator="vodafone"))

    def codes(*words: str) -> list[str]:
        return [one["code"] for one in lineaviva("esim", "list", *words, "--json").json["deliveries"]]

    assert codes() == [other.code, ready.code]
    assert codes("--limit", "1") == [other.code]
    assert codes("--state", "installed") == [other.code]
    assert codes("--number", "339 123 4567") == [ready.code]
    assert codes("--number", NUMBER, "--state", "installed") == []
    assert "No eSIM profiles yet." in lineaviva("esim", "list", "--state", "expired").out


@pytest.mark.parametrize(
    ("words", "field"),
    [(("--state", "somewhere"), "state"), (("--number", "12"), "number")],
    ids=["no such state", "no such number"],
)
def test_list_refuses_what_it_does_not_know(lineaviva: Command, way: Way, words: tuple[str, str], field: str) -> None:
    ran = lineaviva("esim", "list", *words, "--json")
    assert (ran.code, json.loads(ran.out)["error"]["field"]) == (2, field)


# --- show ---------------------------------------------------------------------------------------------------------


def test_show_tells_all_that_was_told(lineaviva: Command, way: Way, ready: Delivery) -> None:
    way.clock.advance(timedelta(minutes=5))
    way.tell(ready, Point.ELIGIBILITY, ok=False, failure="8.2.5/4.3", eid=EID)
    way.tell(ready, Point.DOWNLOAD, eid=EID)
    facts = lineaviva("esim", "show", ready.code, "--json").json
    assert (facts["state"], facts["eid"], facts["replaces"], facts["replaced_by"]) == (
        "downloaded",
        "…" + EID[-4:],
        None,
        None,
    )
    assert [(one["kind"], one["at"][11:16], one["detail"]) for one in facts["events"]] == [
        ("ordered", "11:00", {}),
        ("released", "11:00", {}),
        ("not_eligible", "11:05", {"failure": "8.2.5/4.3"}),
        ("downloaded", "11:05", {}),
    ]
    assert facts["mails"] == [
        {"kind": "ready", "to": "anna@example.org", "state": "sent", "sent_at": "2026-11-22T11:00:00+00:00"}
    ]
    text = lineaviva("esim", "show", ready.code).out
    assert "failure: 8.2.5/4.3" in text
    assert "2026-11-22 12:05" in text


def test_show_of_one_that_is_stuck_says_why(lineaviva: Command, ready: Delivery) -> None:
    Delivery.objects.update(stuck_reason="Ask the operator [now].", failure="8.1/4.8")
    text = lineaviva("esim", "show", ready.code).out
    assert "Why: 8.1/4.8" in text
    assert "Why: Ask the operator [now]." in text
    assert "released (stuck)" in lineaviva("esim", "list").out


def test_a_code_is_read_as_people_type_it(lineaviva: Command, ready: Delivery) -> None:
    typed = f"{ready.code[:4]}-{ready.code[4:]}".lower()
    assert lineaviva("esim", "show", typed, "--json").json["code"] == ready.code


@pytest.mark.parametrize("command", ["show", "resend", "replace", "transfer", "installed"])
@pytest.mark.parametrize("code", ["AAAAAAAA", "x", ""])
def test_a_code_that_was_never_given(
    lineaviva: Command, ready: Delivery, command: str, code: str, yes: list[str]
) -> None:
    before = rows()
    ran = lineaviva("esim", command, code, "--json")
    assert (ran.code, json.loads(ran.out)["error"]["code"]) == (2, "delivery_unknown")
    assert (rows(), yes) == (before, [])


# --- resend -------------------------------------------------------------------------------------------------------


def test_resend_to_the_holder(lineaviva: Command, way: Way, ready: Delivery) -> None:
    DeliveryMail.objects.update(state="sent")
    ran = lineaviva("esim", "resend", ready.code, "--json")
    assert ran.json == {"code": ready.code, "to": "anna@example.org", "state": "open"}
    assert DeliveryMail.objects.filter(delivery=ready).count() == 2


def test_resend_says_where_it_goes_and_not_too_often(lineaviva: Command, way: Way, ready: Delivery) -> None:
    for _ in range(3):
        DeliveryMail.objects.update(state="sent")
        assert (
            f"The way to install {ready.code} goes to anna@example.org." in lineaviva("esim", "resend", ready.code).out
        )
    DeliveryMail.objects.update(state="sent")
    ran = lineaviva("esim", "resend", ready.code, "--json")
    assert (ran.code, json.loads(ran.out)["error"]["code"]) == (2, "too_many")
    assert DeliveryMail.objects.filter(delivery=ready).count() == 4


def test_resend_of_what_is_installed_is_refused(lineaviva: Command, way: Way) -> None:
    done = way.installed()
    before = DeliveryMail.objects.count()
    ran = lineaviva("esim", "resend", done.code, "--json")
    assert (ran.code, json.loads(ran.out)["error"]["code"]) == (2, "delivery_not_ready")
    assert DeliveryMail.objects.count() == before


# --- replace, transfer --------------------------------------------------------------------------------------------


def test_replace_asks_and_then_withdraws_and_orders(lineaviva: Command, way: Way, yes: list[str]) -> None:
    lost = way.installed(line=way.esim(msisdn=f"+39{NUMBER}"))
    ran = lineaviva("esim", "replace", lost.code, "--json")
    assert yes == [f"Withdraw {lost.code} (tim …4567) at once, and order another profile for its line?"]
    assert (ran.json["state"], ran.json["reason"], ran.json["replaces"]) == ("waiting", "replacement", lost.code)
    assert rows() == [("withdrawing", "order", ""), ("waiting", "replacement", "")]
    way.look()
    assert rows() == [("withdrawn", "order", ""), ("released", "replacement", "")]
    assert lineaviva("esim", "show", lost.code, "--json").json["replaced_by"] == ran.json["code"]


def test_transfer_asks_and_leaves_the_old_one(lineaviva: Command, way: Way, yes: list[str]) -> None:
    old = way.installed(line=way.esim(msisdn=f"+39{NUMBER}"))
    ran = lineaviva("esim", "transfer", old.code)
    assert yes == [
        f"Order another profile for the line of {old.code} (tim …4567)? This one works until that one is installed."
    ]
    assert "transfer" in ran.out
    assert rows() == [("installed", "order", ""), ("waiting", "transfer", "")]


@pytest.mark.parametrize("command", ["replace", "transfer", "installed"])
def test_who_says_no_changes_nothing(lineaviva: Command, way: Way, no: list[str], command: str) -> None:
    made = way.installed() if command != "installed" else way.released()
    before, calls = rows(), dict(way.server.calls)
    ran = lineaviva("esim", command, made.code)
    assert (ran.code, len(no)) == (130, 1)
    assert "nothing was changed" in ran.err
    assert (rows(), dict(way.server.calls)) == (before, calls)


@pytest.mark.parametrize("command", ["replace", "transfer", "installed"])
def test_yes_asks_nothing(lineaviva: Command, way: Way, no: list[str], command: str) -> None:
    made = way.installed() if command != "installed" else way.released()
    assert lineaviva("esim", command, made.code, "--yes").code == 0
    assert no == []


@pytest.mark.parametrize("command", ["replace", "transfer"])
def test_one_that_is_on_its_way_is_not_replaced(
    lineaviva: Command, ready: Delivery, yes: list[str], command: str
) -> None:
    ran = lineaviva("esim", command, ready.code, "--json")
    assert (ran.code, json.loads(ran.out)["error"]["code"]) == (2, "delivery_on_its_way")
    assert rows() == [("released", "order", "")]


# --- installed ----------------------------------------------------------------------------------------------------


def test_the_holders_word_lets_the_plan_begin(lineaviva: Command, way: Way, ready: Delivery, yes: list[str]) -> None:
    order = ready.order
    assert order is not None
    assert states(order) == ("paid", "held", "released")
    ran = lineaviva("esim", "installed", ready.code, "--json")
    assert yes == [f"The holder says that {ready.code} (tim …4567) is installed?"]
    assert (ran.json["state"], ran.json["events"][-1]["kind"]) == ("installed", "holder_says")
    assert states(order) == ("paid", "waiting", "installed")
    way.look()
    assert states(order) == ("active", "succeeded", "installed")


def test_what_staff_does_is_written_down_under_its_name(lineaviva: Command, way: Way, ready: Delivery) -> None:
    dora = factories.holder("dora@example.org", role="operations", now=way.now)
    assert lineaviva("esim", "installed", ready.code, "--by", dora.email, "--yes").code == 0
    (entry,) = AuditEntry.objects.filter(act="delivery_say_installed")
    assert (entry.actor_id, entry.subject) == (dora.pk, f"delivery:{ready.code}")


def test_an_outsider_at_the_command_line_is_refused(lineaviva: Command, way: Way, ready: Delivery) -> None:
    eve = factories.holder("eve@example.org", now=way.now)
    ran = lineaviva("esim", "installed", ready.code, "--by", eve.email, "--yes", "--json")
    assert (ran.code, json.loads(ran.out)["error"]["code"]) == (2, "delivery_not_yours")
    assert rows() == [("released", "order", "")]


# --- renew and orders ----------------------------------------------------------------------------------------------

RENEW = ("renew", NUMBER, "--offering", "tim:plan-10", "--pay", "cash", "--yes", "--json")


@pytest.mark.parametrize(
    ("words", "with_profile"),
    [((), True), (("--esim",), True), (("--no-esim",), False)],
    ids=["by itself", "asked for", "not wanted"],
)
def test_renew_an_esim_line_for_the_first_time(
    lineaviva: Command, way: Way, words: tuple[str, ...], with_profile: bool
) -> None:
    way.esim(msisdn=f"+39{NUMBER}")
    plan()
    facts = lineaviva(*RENEW, *words).json
    assert (facts["with_profile"], facts["delivery"]) == (with_profile, None)
    assert ProductOrder.objects.get().with_profile is with_profile


@pytest.mark.parametrize(("words", "with_profile"), [((), False), (("--esim",), True)], ids=["by itself", "asked for"])
def test_renew_an_esim_line_that_has_its_profile(
    lineaviva: Command, way: Way, words: tuple[str, ...], with_profile: bool
) -> None:
    way.installed(line=way.esim(msisdn=f"+39{NUMBER}"))
    assert lineaviva(*RENEW, *words).json["with_profile"] is with_profile


def _sim(way: Way) -> None:
    factories.line(msisdn=f"+39{NUMBER}", now=way.now)
    plan()


def _unreached(way: Way) -> None:
    way.esim(msisdn=f"+39{NUMBER}", operator="windtre")
    plan("windtre")


@pytest.mark.parametrize("line", [_sim, _unreached], ids=["a SIM card", "an operator that gives none"])
def test_renew_without_a_profile_where_there_is_none(lineaviva: Command, way: Way, line: Callable[[Way], None]) -> None:
    line(way)
    words = [word.replace("tim:", "windtre:") if line is _unreached else word for word in RENEW]
    ran = lineaviva(*words, "--esim")
    assert (ran.code, json.loads(ran.out)["error"]["code"]) == (2, "esim_not_offered")
    assert ProductOrder.objects.count() == 0
    assert lineaviva(*words).json["with_profile"] is False


def test_renew_asks_with_the_profile_in_the_question(lineaviva: Command, way: Way, no: list[str]) -> None:
    way.esim(msisdn=f"+39{NUMBER}")
    plan()
    words = [word for word in RENEW if word != "--yes"]
    assert lineaviva(*words).code == 130
    assert lineaviva(*words, "--no-esim").code == 130
    assert no == [
        "Order 10 GB for …4567 (tim): 9.99 EUR, with a new eSIM profile?",
        "Order 10 GB for …4567 (tim): 9.99 EUR?",
    ]
    assert ProductOrder.objects.count() == 0


def test_an_order_shows_its_profile(lineaviva: Command, way: Way, ready: Delivery) -> None:
    assert ready.order is not None
    facts = lineaviva("orders", "show", ready.order.code, "--json").json
    assert facts["delivery"] == {"code": ready.code, "state": "released", "phone": ""}
    assert facts["activation"]["state"] == "held"
    text = lineaviva("orders", "show", ready.order.code).out
    assert "eSIM profile" in text
    assert ready.code in text


def test_who_waits_reads_that_a_phone_is_waited_for(way: Way, ready: Delivery) -> None:
    from lineaviva.cli import order_texts

    assert ready.order is not None
    assert order_texts.progress(ready.order).endswith(": paid, waiting for its eSIM profile to be installed ...")
    way.tell(ready, Point.INSTALLATION)
    assert order_texts.progress(ready.order).endswith(": paid, being activated ...")


def test_what_is_stuck_names_the_order_of_its_profile(lineaviva: Command, way: Way, yes: list[str]) -> None:
    lost = way.installed()
    assert lineaviva("esim", "replace", lost.code, "--yes").code == 0
    Delivery.objects.update(stuck_reason="Ask the operator.", look_at=None)
    DeliveryMail.objects.filter(delivery=lost).update(stuck_reason="No such mailbox.", look_at=None)
    ran = lineaviva("orders", "stuck", "--json")
    assert ran.code == 1
    order = lost.order
    assert order is not None
    mail = DeliveryMail.objects.get(delivery=lost)
    new = Delivery.objects.get(replaces=lost)
    assert {(row["row"], row["order"]) for row in ran.json["stuck"]} == {
        (f"delivery:{lost.pk}", code_grouped(order.code)),
        (f"delivery:{new.pk}", ""),
        (f"deliverymail:{mail.pk}", code_grouped(order.code)),
    }
