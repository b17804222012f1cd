"""What Prometheus reads from a carrier, and that the dashboard asks for nothing else."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from lineaviva.carrier.access.models import Client as Partner
from lineaviva.carrier.hub.models import EventDelivery, Listener
from lineaviva.carrier.nightly.models import Run
from lineaviva.carrier.partitions import parts
from lineaviva.carrier.subscriptions.models import Plan
from lineaviva.kernel import clock as kernel_clock
from lineaviva.kernel.agenda import exposition, metrics
from lineaviva.kernel.clock import FrozenClock
from tests.agenda_app.models import Task
from tests.carrier.nightly import lines
from tests.carrier.nightly.lines import NIGHT, at, day, night

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a long token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
HOUR = 3600.0


@pytest.fixture
def carrier(operator: str, settings: Any, clock: FrozenClock) -> FrozenClock:
    """A carrier that may be watched, at two in the morning of the night."""
    settings.METRICS_TOKEN = TOKEN
    clock.move_to(at(NIGHT))
    return clock


Values = dict[tuple[str, ...], float]


def read() -> dict[str, Values]:
    """Every figure that the page has: its values by those of its labels."""
    answer = Client().get("/metrics", headers=BEARER)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert answer.headers["Cache-Control"] == "no-store"
    families = text_string_to_metric_families(answer.content.decode())
    return {one.name: {tuple(sample.labels.values()): sample.value for sample in one.samples} for one in families}


def value(name: str) -> float:
    return read()[f"lineaviva_{name}"][()]


# --- who may read -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "headers", "status"),
    [
        (TOKEN, BEARER, 200),
        (TOKEN, {}, 401),
        (TOKEN, {"Authorization": "Bearer another"}, 401),
        (TOKEN, {"Authorization": TOKEN}, 401),
        (TOKEN, {"Authorization": "Bearer ä"}, 401),
        ("", {}, 404),
        ("", {"Authorization": "Bearer "}, 404),
    ],
    ids=["token", "none", "wrong", "not borne", "not ascii", "no page", "no page, empty token"],
)
@pytest.mark.parametrize("urls", ["lineaviva.carrier.urls", "lineaviva.config.urls"], ids=["carrier", "keeper"])
def test_who_bears_the_token_may_read(
    settings: Any, urls: str, token: str, headers: dict[str, str], status: int
) -> None:
    settings.ROOT_URLCONF, settings.METRICS_TOKEN = urls, token
    answer = Client().get("/metrics", headers=headers)
    assert answer.status_code == status
    assert (b"lineaviva_agenda_stuck_rows" in answer.content) is (status == 200)


def test_a_carrier_answers_prometheus_own_accept_header(carrier: FrozenClock) -> None:
    asked = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    assert Client().get("/metrics", headers={**BEARER, "Accept": asked}).status_code == 200


def test_it_is_only_read(carrier: FrozenClock) -> None:
    assert Client().post("/metrics", headers=BEARER).status_code == 405


def test_without_a_database_there_are_no_figures(carrier: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(now: object) -> list[metrics.Figure]:
        raise DatabaseError("gone")

    monkeypatch.setattr(exposition, "figures", away)
    assert Client().get("/metrics", headers=BEARER).status_code == 503


# --- the night ----------------------------------------------------------------------------------------------------


def test_before_the_first_night_the_oldest_due_line_says_how_late_it_is(carrier: FrozenClock) -> None:
    assert value("night_lag_seconds") == 0
    lines.offer()
    lines.plan(lines.line(credit=1500), paid_until=day(-2))
    assert value("night_lag_seconds") == 50 * HOUR
    assert read()["lineaviva_night_parts"] == {("done",): 0, ("held",): 0, ("free",): 0}


def test_a_night_that_is_done(carrier: FrozenClock) -> None:
    lines.offer()
    lines.offer("vodafone")
    for credit in (1500, 1500, 150):
        lines.plan(lines.line(credit=credit))
    lines.plan(lines.line("vodafone", credit=10), "vodafone-base")
    lines.plan(lines.line(credit=1500), "tim-nobody-has-it")
    night()
    found = read()
    assert found["lineaviva_night_lines"] == {
        ("tim", "asleep"): 1,
        ("tim", "renewed"): 2,
        ("tim", "stuck"): 1,
        ("vodafone", "courtesy"): 1,
    }
    assert found["lineaviva_night_due_lines"] == {(): 5}
    assert found["lineaviva_night_stuck_lines"] == {(): 1}
    assert found["lineaviva_night_lag_seconds"] == {(): 0}
    assert found["lineaviva_night_parts"] == {("done",): len(parts()), ("held",): 0, ("free",): 0}
    assert found["lineaviva_night_began_timestamp_seconds"] == {(): at(NIGHT).timestamp()}
    assert found["lineaviva_night_ended_timestamp_seconds"] == {(): at(NIGHT).timestamp()}
    run = Run.objects.get()
    assert (run.as_of, run.due, run.lines, run.seconds > 0) == (NIGHT, 5, 5, True)
    assert found["lineaviva_night_seconds"] == {(): run.seconds}
    assert found["lineaviva_night_lines_per_second"] == {(): pytest.approx(5 / max(run.seconds, 0.001))}


def test_a_night_that_was_missed_is_late_from_its_midnight_on(carrier: FrozenClock) -> None:
    night()
    carrier.move_to(at(day(1)) + timedelta(hours=1))
    assert value("night_lag_seconds") == 3 * HOUR
    carrier.move_to(at(day(3)) + timedelta(hours=1))
    assert value("night_lag_seconds") == 51 * HOUR


def test_a_run_that_was_killed_has_no_end_and_no_speed(carrier: FrozenClock) -> None:
    lines.offer()
    lines.plan(lines.line(credit=1500))
    night()
    speed = value("night_lines_per_second")
    Run.objects.create(as_of=day(1), host="left", due=7, began_at=at(day(1)))
    found = read()
    assert found["lineaviva_night_ended_timestamp_seconds"] == {(): 0}
    assert found["lineaviva_night_began_timestamp_seconds"] == {(): at(day(1)).timestamp()}
    assert found["lineaviva_night_due_lines"] == {(): 7}
    assert found["lineaviva_night_lines"] == {}
    assert found["lineaviva_night_lines_per_second"] == {(): speed}


def test_the_same_night_again_is_no_run(carrier: FrozenClock) -> None:
    lines.offer()
    lines.plan(lines.line(credit=1500))
    night()
    assert night()["already_done"] is True
    assert Run.objects.count() == 1


# --- rows that wait -----------------------------------------------------------------------------------------------


def test_rows_that_wait_and_that_are_stuck(carrier: FrozenClock) -> None:
    now = kernel_clock.now()
    Task.objects.create(look_at=now - timedelta(minutes=5))
    Task.objects.create(look_at=now)
    Task.objects.create(look_at=now + timedelta(seconds=1))
    Task.objects.create(look_at=None, stuck_reason="a person must")
    found = read()
    assert found["lineaviva_agenda_due_rows"][("task",)] == 2
    assert found["lineaviva_agenda_lag_seconds"][("task",)] == 300
    assert found["lineaviva_agenda_stuck_rows"][("task",)] == 1
    assert found["lineaviva_agenda_lag_seconds"][("errand",)] == 0


def test_what_listeners_are_still_to_be_told(carrier: FrozenClock) -> None:
    now = kernel_clock.now()
    partner = Partner.objects.create(operator="tim", client_id="partner", created_at=now, secret_at=now)
    listener = Listener.objects.create(client=partner, operator="tim", api="order", same="x", created_at=now)
    for state, look_at in (("waiting", now), ("waiting", now + timedelta(hours=1)), ("delivered", None)):
        EventDelivery.objects.create(listener=listener, state=state, look_at=look_at, body={}, created_at=now)
    assert value("outbox_waiting") == 2
    assert read()["lineaviva_agenda_due_rows"][("eventdelivery",)] == 1


def test_more_rows_than_anybody_needs_to_know_of_are_not_counted(
    carrier: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MOST_COUNTED", 3)
    Task.objects.bulk_create([Task(look_at=kernel_clock.now()) for _ in range(5)])
    assert read()["lineaviva_agenda_due_rows"][("task",)] == 3


# --- what it costs, what it shows ---------------------------------------------------------------------------------


def test_no_line_is_counted_and_none_is_named(carrier: FrozenClock) -> None:
    lines.offer()
    line = lines.line(credit=1500)
    lines.plan(line)
    night()
    with CaptureQueriesContext(connection) as queries:
        text = Client().get("/metrics", headers=BEARER).content.decode()
    asked = " ".join(query["sql"] for query in queries)
    assert Plan._meta.db_table not in asked
    assert "carrier_subscriptions" not in asked
    assert "carrier_ledger" not in asked
    assert line.msisdn[-7:] not in text
    assert TOKEN not in text


def named_in(text: str) -> set[str]:
    return set(re.findall(r"\blineaviva_\w+", text))


def test_the_dashboard_asks_for_figures_that_there_are(carrier: FrozenClock) -> None:
    dashboard = json.loads((ROOT / "docs" / "grafana" / "lineaviva.json").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [variable["query"]["query"] for variable in dashboard["templating"]["list"][1:]]
    there = set(read())
    assert {name for text in asked for name in named_in(text)} == there


def test_the_guide_names_figures_that_there_are(carrier: FrozenClock) -> None:
    named = named_in((ROOT / "docs" / "operating.md").read_text(encoding="utf-8"))
    assert named >= {"lineaviva_night_lag_seconds", "lineaviva_night_stuck_lines"}
    assert named <= set(read())


def test_every_panel_has_a_place_and_a_name() -> None:
    panels = json.loads((ROOT / "docs" / "grafana" / "lineaviva.json").read_text(encoding="utf-8"))["panels"]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _y in cells) < 24
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
