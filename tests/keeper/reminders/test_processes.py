"""Two processes that send the same reminders at the same time, and one that is killed while it does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection

from lineaviva.cli.demo import free_port
from lineaviva.cli.processes import is_listening
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.reminders.models import Reminder
from lineaviva.kernel.clock import ROME
from lineaviva.sandbox.mail import store
from tests import factories
from tests.patience import PATIENCE, until

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

AS_OF = "2026-11-24"
NOW = datetime(2026, 11, 24, 12, tzinfo=ROME)
LINES = 40


class Post:
    """The sandbox's mail sink as a process, and the settings of those who send through it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        argv = [sys.executable, "-m", "lineaviva.sandbox.mail", "--port", str(self.port), "--folder", str(folder)]
        self.process = subprocess.Popen(argv)
        until(lambda: is_listening(self.port))

    def remind(self) -> subprocess.Popen[str]:
        """`lineaviva remind` against this test's database."""
        argv = [sys.executable, "-m", "lineaviva.cli.main", "remind", "--as-of", AS_OF, "--json"]
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "lineaviva.config.settings",
            "LINEAVIVA_PROGRAM": "keeper",
            "LINEAVIVA_DATABASE_URL": database_url(),
            "LINEAVIVA_SMTP_PORT": str(self.port),
        }
        return subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def got(self) -> Counter[str]:
        """How often each message came, by its name."""
        return Counter(store._read(path).message_id for path in self.folder.glob("*.eml"))


def database_url() -> str:
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    base, _, query = os.environ["LINEAVIVA_DATABASE_URL"].partition("?")
    return f"{base.rsplit('/', 1)[0]}/{name}?{query}"


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    found = Post(tmp_path / "mail")
    yield found
    found.process.send_signal(signal.SIGTERM)
    found.process.wait(PATIENCE)


@pytest.fixture
def lines() -> list[Line]:
    anna = factories.holder()
    return [factories.line(holder=anna, last_topup=date(2025, 12, 1), now=NOW) for _ in range(LINES)]


def test_two_at_once_send_each_once(post: Post, lines: list[Line]) -> None:
    two = [post.remind(), post.remind()]
    reports = [json.loads(process.communicate(timeout=PATIENCE)[0]) for process in two]
    assert [process.returncode in {0, 1} for process in two] == [True, True]
    # One of them may end while the other still has some in hand; nothing stays behind.
    last = post.remind()
    last.communicate(timeout=PATIENCE)
    assert last.returncode == 0
    assert sorted(post.got().values()) == [1] * LINES
    assert {row["stage"] for report in reports for row in report["sent"]} == {7}
    assert Reminder.objects.filter(channel="email", state="sent").count() == LINES
    assert Reminder.objects.filter(channel="email", state="open").count() == 0


def test_killed_while_sending_the_rest_goes_out_and_nothing_is_lost(post: Post, lines: list[Line]) -> None:
    first = post.remind()
    until(lambda: sum(post.got().values()) >= 5, every=0.01)
    first.kill()
    first.communicate()
    # What it had in hand is under its lease; as of later, when that has run out, another one takes over.
    over = NOW - timedelta(seconds=1)
    Reminder.objects.exclude(leased_until=None).update(leased_until=over)
    Line.objects.exclude(leased_until=None).update(leased_until=over)
    second = post.remind()
    second.communicate(timeout=PATIENCE)
    assert second.returncode == 0
    got = post.got()
    assert len(got) == LINES
    # Handed over and not yet written down: at most as many as were in hand at once, again under the same name.
    assert sum(got.values()) <= LINES + 8 * 2
    assert Reminder.objects.filter(channel="email", state="sent").count() == LINES
