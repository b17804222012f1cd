"""What guides and decisions say of eSIM delivery: settings, addresses, points, buttons are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.urls import resolve

from lineaviva.carrier.smdp import courier
from lineaviva.config import env
from lineaviva.keeper.delivery.rules import OPEN, TRANSITIONS, Point
from lineaviva.keeper.web.views import es2plus
from tools import compile_messages

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ROOT / "docs" / "guides"
REPORTS = re.compile(r"https://keeper\.example\.com(/es2plus/\S+handleDownloadProgressInfo)")


def text(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", sorted(GUIDES.glob("*.md")), ids=lambda page: page.name)
def test_every_setting_that_a_guide_names_is_read(page: Path) -> None:
    named = {name.removesuffix("_FILE") for name in re.findall(r"LINEAVIVA_[A-Z0-9_]+", page.read_text("utf-8"))}
    assert named <= set(env.READ) | {"LINEAVIVA_PROGRAM", "LINEAVIVA_HOME"}


def test_operations_name_every_setting_of_the_delivery() -> None:
    ours = {name for name in env.READ if re.match(r"LINEAVIVA_(ES2_|ESIM)", name)}
    assert len(ours) == 11
    assert {name for name in ours if name not in text("guides/operations.md")} == set()


def test_the_address_that_an_operator_gets_is_ours_and_is_the_one_that_our_own_server_calls() -> None:
    (path,) = REPORTS.findall(text("guides/operations.md"))
    found = resolve(path)
    assert found.func == es2plus.progress
    assert found.kwargs == {"operator": "tim", "token": "THE-SECRET"}
    (base,) = re.findall(r"`tim=(https://keeper\.example\.com/es2plus/\S+)`", text("guides/smdp.md"))
    assert base + courier.PATH == f"https://keeper.example.com{path}"


def test_the_points_of_the_decision_are_those_of_the_code() -> None:
    decision = text("decisions/0008-a-plan-waits-for-its-profile.md")
    assert "Points 1 to 4 are the standard's (eligibility, confirmation code, download, installation)" in decision
    standard = (Point.ELIGIBILITY, Point.CONFIRMATION, Point.DOWNLOAD, Point.INSTALLATION)
    assert tuple(standard) == (1, 2, 3, 4)
    beyond = dict(re.findall(r"(\d+)\s+(deleted|enabled|disabled)", decision))
    assert beyond == {str(point.value): point.name.lower() for point in Point if point not in standard}


def test_the_states_of_the_architecture_are_all_there_are() -> None:
    page = text("architecture.md")
    way, _, beside = page[page.index("waiting -> ordered") :].partition("beside them:")
    named = set(re.findall(r"[a-z]+", way)) | set(re.findall(r"[a-z]+", beside.split("\n")[0]))
    assert named == set(OPEN) | {after for moves in TRANSITIONS.values() for after in moves.values()}


def test_buttons_that_holders_are_told_of_are_on_the_pages() -> None:
    page = " ".join(text("guides/holder.md").split())
    about = page[page.index("**Install an eSIM.**") : page.index("**If something goes wrong.**")]
    marked = {compile_messages.key(message)[1] for message in compile_messages.marked() if message.id}
    buttons = {
        "No: send a new eSIM, too",
        "Install on this iPhone",
        "Install on this phone",
        "I have installed it",
        "Phone lost, or eSIM deleted",
        "Move to a new phone",
    }
    assert {word for word in buttons if not re.search(rf"\*{re.escape(word)}:?\*", about)} == set()
    assert buttons - marked == set()
