"""`lineaviva lines`, `due` and `users` as their owner types them."""

from __future__ import annotations

import stat
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.models import Line
from lineaviva.kernel.clock import FrozenClock
from tests.cli.conftest import Command, Ran
from tests.conftest import NOON

FILE = (
    "msisdn,operator,sim_type,iccid,eid,label,holder_email,last_topup,plan,plan_expires_on,auto_renew\n"
    "+393471234567,tim,physical,,,妈妈,anna@example.org,2025-12-01,,,no\n"
    "+393471234568,vodafone,esim,,,'=1+1,bo@example.org,2026-06-01,Base,2027-01-01,yes\n"
)


@pytest.fixture
def home(here: Command, clock: FrozenClock, db: None) -> Command:
    """The command in this process, from noon on 22 November 2026, each time five minutes later."""

    def run(*words: str, **more: int) -> Ran:
        ran = here(*words, **more)
        clock.advance(timedelta(minutes=5))
        return ran

    return run


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    path = tmp_path / "lines.csv"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_from_nothing_to_a_line_that_is_due(home: Command) -> None:
    made = home("lines", "add", "347 123 4567", "--operator", "tim", "--holder", "anna@example.org",
                "--last-topup", "01/12/2025", "--label", "Mamma", "--json")  # fmt: skip
    assert made.code == 0
    row = made.json
    assert row["msisdn"] == "…4567"
    assert (row["state"], row["next_on"], row["next_kind"], row["days_left"]) == (
        "full_service",
        "2026-12-01",
        "limited",
        9,
    )
    due = home("due", "--within", "60d", "--json").json
    assert (due["as_of"], due["within_days"], due["lines"]) == ("2026-11-22", 60, [row])
    assert home("due", "--within", "1w", "--json").json["lines"] == []
    assert home("lines", "list", "--full", "--json").json["lines"] == [{**row, "msisdn": "+393471234567"}]
    shown = home("lines", "show", "3471234567")
    assert "+39347" not in shown.out
    for part in ("…4567", "2026-12-01", "2027-01-01", "2027-12-01", "After 2026-12-01 it can only receive.", "topup"):
        assert part in shown.out
    # A household of one need not name its holder.
    assert home("lines", "add", "3471234568", "--operator", "windtre", "--esim", "--json").json["sim_type"] == "esim"
    told = home("lines", "told", "3471234567", "topup", "--on", "2026-11-20", "--json").json
    assert told["next_on"] == "2027-11-20"


def test_a_sheet_there_and_back(home: Command, sheet: Path, tmp_path: Path) -> None:
    dry = home("lines", "import", str(sheet), "--dry-run", "--json")
    assert (dry.code, dry.json["applied"], dry.json["add"]) == (0, False, 2)
    assert dry.json["new_holders"] == ["anna@example.org", "bo@example.org"]
    assert dry.json["rows"][0]["changes"]["label"] == [None, "妈妈"]
    assert home("lines", "list", "--json").json["lines"] == []
    assert home("users", "list", "--json").json["users"] == []

    done = home("lines", "import", str(sheet), "--json").json
    assert (done["applied"], done["add"], done["errors"]) == (True, 2, [])
    again = home("lines", "import", str(sheet), "--json").json
    assert (again["add"], again["change"], again["unchanged"], again["rows"]) == (0, 0, 2, [])
    assert home("lines", "export").out == FILE
    out = tmp_path / "out.csv"
    assert home("lines", "export", str(out), "--json").json == {"file": str(out), "lines": 2}
    assert out.read_text(encoding="utf-8") == FILE
    assert stat.S_IMODE(out.stat().st_mode) == 0o600

    sheet.write_text(FILE.replace("妈妈", "Mamma"), encoding="utf-8")
    table = home("lines", "import", str(sheet))
    assert "label: 妈妈 → Mamma" in table.out
    assert "0 to add, 1 to change, 1 as they are; 0 new accounts." in table.out


def test_one_mistake_writes_nothing_and_is_named(home: Command, sheet: Path) -> None:
    sheet.write_text(FILE.replace("+393471234568", "3.47123E+11"), encoding="utf-8")
    ran = home("lines", "import", str(sheet), "--json")
    assert ran.code == 2
    (error,) = ran.json["errors"]
    assert (error["line"], error["field"], error["code"]) == (3, "msisdn", "number_mangled")
    text = home("lines", "import", str(sheet))
    assert text.code == 2
    assert "Nothing was written" in text.out
    assert "last digits are lost" in " ".join(text.out.split())
    assert home("lines", "list", "--json").json["lines"] == []
    assert home("users", "list", "--json").json["users"] == []


def test_removed_restored_and_shared(home: Command, sheet: Path) -> None:
    home("lines", "import", str(sheet))
    assert home("lines", "remove", "3471234567").code == 0
    assert [row["operator"] for row in home("lines", "list", "--json").json["lines"]] == ["vodafone"]
    assert home("lines", "remove", "3471234567", "--json").json["error"]["code"] == "line_unknown"
    assert home("lines", "restore", "3471234567").code == 0
    assert home("lines", "share", "3471234567", "bo@example.org", "--right", "pay").code == 0
    shown = home("lines", "show", "3471234567", "--json").json
    assert shown["shared_with"] == {"bo@example.org": "pay"}
    assert [event["kind"] for event in shown["history"]] == ["shared", "restored", "removed", "registered", "topup"]
    assert [row["label"] for row in home("due", "--holder", "bo@example.org", "--json").json["lines"]] == ["妈妈"]
    assert home("lines", "share", "3471234567", "bo@example.org", "--stop").code == 0
    assert home("lines", "show", "3471234567", "--json").json["shared_with"] == {}


REFUSALS = [
    (["lines", "add", "12", "--operator", "tim", "--holder", "eve@example.org"], "msisdn_invalid", "msisdn"),
    (["lines", "add", "3479999999", "--operator", "x", "--holder", "eve@example.org"], "operator_unknown", "operator"),
    (["lines", "add", "3479999999", "--operator", "tim", "--holder", "eve"], "email_invalid", "email"),
    (["lines", "add", "3479999999", "--operator", "tim"], "holder_missing", "holder"),
    (
        ["lines", "add", "3479999999", "--operator", "tim", "--holder", "eve@example.org", "--last-topup", "soon"],
        "date_invalid",
        "last_topup",
    ),
    (["lines", "show", "3479999999"], "line_unknown", "msisdn"),
    (["lines", "list", "--holder", "nobody@example.org"], "user_unknown", "email"),
    (["lines", "import", "nowhere.csv"], "file_unreadable", "file"),
    (["lines", "export", "/nowhere/lines.csv"], "file_unwritable", "file"),
    (["due", "--within", "soon"], "within_invalid", "within"),
    (["remind", "--as-of", "soon"], "date_invalid", "as_of"),
    (["users", "add", "eve"], "email_invalid", "email"),
    (["users", "add", "eve@example.org", "--role", "king"], "role_unknown", "role"),
    (["users", "add", "eve@example.org", "--language", "de"], "language_unknown", "language"),
    (["users", "role", "nobody@example.org", "clerk"], "user_unknown", "email"),
    (["users", "link", "nobody@example.org"], "user_unknown", "email"),
    (["users", "link", "eve@example.org", "--hours", "0"], "hours_invalid", "hours"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("words", "code", "field"), REFUSALS, ids=[" ".join(words) for words, _, _ in REFUSALS])
def test_every_refusal_is_one_sentence_and_changes_nothing(
    words: list[str], code: str, field: str, here: Command
) -> None:
    ran = here(*words, "--json")
    assert ran.code == 2
    error = ran.json["error"]
    assert (error["code"], error["field"]) == (code, field)
    assert error["message"].endswith(".")
    assert not User.objects.exists()
    assert not Line.objects.exists()


def test_people(home: Command) -> None:
    made = home("users", "add", "Chen@Example.org", "--role", "clerk", "--language", "zh-hans", "--json").json
    assert (made["email"], made["role"], made["language"], made["active"]) == (
        "chen@example.org",
        "clerk",
        "zh-hans",
        True,
    )
    assert home("users", "add", "chen@example.org", "--role", "holder", "--json").json == made
    assert home("users", "role", "chen@example.org", "operations", "--json").json["role"] == "operations"
    link = home("users", "link", "chen@example.org", "--hours", "1", "--json").json
    assert link["url"].startswith("http://127.0.0.1:8000/sign-in/")
    # It is the fourth command, a quarter of an hour on, and the link is good for an hour.
    assert datetime.fromisoformat(link["until"]) == NOON + timedelta(minutes=15, hours=1)
    plain = home("users", "link", "chen@example.org", width=40).out.strip()
    assert "\n" not in plain
    assert plain.startswith("http://127.0.0.1:8000/sign-in/")
    assert home("users", "list", "--json").json["users"] == [{**made, "role": "operations"}]


# --- as processes of their own --------------------------------------------------------------------------------------


def test_what_one_process_wrote_the_next_one_reads(installed: Command) -> None:
    words = ["lines", "add", "347 123 4567", "--operator", "tim", "--holder", "anna@example.org"]
    made = installed(*words, "--last-topup", "01/12/2025", "--json", LINEAVIVA_CLOCK="2026-11-22T12:00:00+01:00")
    assert (made.code, made.json["days_left"], made.err) == (0, 9, "")
    due = installed("due", "--json", LINEAVIVA_CLOCK="2026-11-24T12:00:00+01:00")
    assert (due.code, due.json["lines"]) == (0, [{**made.json, "days_left": 7}])
    refused = installed("lines", "add", "12", "--operator", "tim")
    assert (refused.code, refused.out, refused.err.startswith("Error: ")) == (2, "", True)


def test_reminders_wait_while_the_mail_server_is_away(installed: Command, sheet: Path) -> None:
    # Each starts five minutes later: a process's clock goes on while it works, and it may be slow.
    at = (NOON + turn * timedelta(minutes=5) for turn in count())

    def home(*words: str, **env: str) -> Ran:
        return installed(*words, **{"LINEAVIVA_CLOCK": next(at).isoformat(), **env})

    assert home("lines", "import", str(sheet)).code == 0
    dry = home("remind", "--dry-run", "--json").json
    assert [(row["label"], row["deadline"], row["deadline_on"], row["stage"]) for row in dry["sent"]] == [
        ("妈妈", "limited", "2026-12-01", 14)
    ]
    away = home("remind", "--json", LINEAVIVA_SMTP_PORT="1")
    assert away.code == 1
    assert away.json["sent"] == []
    assert [row["number"] for row in away.json["waiting"]] == ["…4567"]
    assert "did not answer" in away.json["waiting"][0]["error"]
