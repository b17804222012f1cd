"""One whole world for all browser tests: pages, worker, pretend bank, carriers and mailbox, and a real Chromium."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from lineaviva.cli.demo import free_port
from tests import migrated
from tests.cli.conftest import command_env
from tests.patience import PATIENCE, until

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
LANGUAGES = ("zh-hans", "zh-hant", "it", "en")
LOCALES = {"zh-hans": "zh-CN", "zh-hant": "zh-TW", "it": "it-IT", "en": "en-GB"}
ARGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Playwright keeps an event loop in the tests' thread, where Django would refuse its database. Nothing here is async.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "yes"
# In milliseconds, as Playwright counts: of whatever is expected on a page, and of whatever is done there.
expect.set_options(timeout=PATIENCE * 1000)

Open = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these drive a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True)
class World:
    address: str
    sign_in_link: str
    clerk_link: str
    mailbox: str

    def code_for(self, email: str) -> str:
        """The sign-in code in the newest mail to this address, as soon as it is there."""
        return until(lambda: self._code_for(email), f"a code comes for {email}", every=0.1)

    def _code_for(self, email: str) -> str:
        for mail in httpx.get(f"{self.mailbox}messages.json").json()["messages"]:
            if email in mail["to"] and (found := re.search(r"^ {4}(\S+)\s*$", mail["text"], re.M)):
                return found[1]
        return ""


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    port = free_port()
    argv = [sys.executable, "-m", "lineaviva.cli.main", "serve", "--sandbox", "--port", str(port), "--json"]
    home = tmp_path_factory.mktemp("world")
    migrated.world(home)
    # One after the other where there are several workers: each world is eight programs that start.
    with migrated.alone("start"):
        process = subprocess.Popen(
            [*argv, "--language", "en"],
            env=command_env(home),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        first = process.stdout.readline()
    try:
        assert first.endswith("}\n"), first + process.stdout.read()
        said = json.loads(first)
        yield World(**{name: said[name] for name in ("address", "sign_in_link", "clerk_link", "mailbox")})
    finally:
        stop(process)


def stop(process: subprocess.Popen[str]) -> None:
    """Ctrl-C; whatever does not stop in time is killed, with all that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGS))
        yield browser
        browser.close()


def context_of(chromium: Browser, language: str, **more: Any) -> BrowserContext:
    # The worker is told off where it is not what is tested: a kept page would hide what the server sends.
    facts = {"locale": LOCALES[language], "viewport": PHONE, "service_workers": "block", "reduced_motion": "reduce"}
    context = chromium.new_context(**{**facts, **more})
    context.set_default_timeout(PATIENCE * 1000)
    return context


@pytest.fixture(scope="session")
def annas_state(world: World, chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Anna, the sandbox's holder, signed in by the link that `serve` prints."""
    return signed_in(chromium, world.sign_in_link, tmp_path_factory.mktemp("anna") / "state.json")


@pytest.fixture(scope="session")
def chens_state(world: World, chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return signed_in(chromium, world.clerk_link, tmp_path_factory.mktemp("chen") / "state.json")


def signed_in(chromium: Browser, link: str, path: Path) -> Path:
    with context_of(chromium, "en") as context:
        page = context.new_page()
        page.goto(link)
        page.locator("main form button").click()
        expect(page.locator(".row")).to_have_count(3) if "anna" in str(path) else page.wait_for_url("**/")
        context.storage_state(path=path)
    return path


@pytest.fixture
def visit(world: World, chromium: Browser) -> Iterator[Open]:
    """A page in a browser of its own; `state` is somebody who is signed in."""
    contexts: list[BrowserContext] = []

    def open_page(language: str = "en", *, state: Path | None = None, **more: Any) -> Page:
        context = context_of(chromium, language, base_url=world.address, storage_state=state, **more)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complain(page, message.type, message.text))
        page.on("pageerror", lambda error: complain(page, "error", str(error)))
        return page

    yield open_page
    said = [line for context in contexts for page in context.pages for line in getattr(page, "complaints", [])]
    for context in contexts:
        context.close()
    assert said == []


def complain(page: Page, kind: str, text: str) -> None:
    """What the browser's console says of a page is the page's mistake: a blocked script, a file that is not there."""
    quiet: tuple[str, ...] = (
        "Service Worker registration blocked",
        "the server responded with a status of 4",
        "net::ERR_",
    )
    # htmx says so itself when its question found no network.
    quiet += ("htmx:sendError", "htmx:afterRequest")
    if kind in {"error", "warning"} and not any(part in text for part in quiet):
        page.complaints = [*getattr(page, "complaints", []), f"{page.url}: {text}"]  # type: ignore[attr-defined]


AXE = Axe()
# WCAG 2.2 AA, and what axe calls best practice.
OPTIONS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def assert_accessible(page: Page) -> None:
    found = AXE.run(page, options=OPTIONS).response["violations"]
    told = [f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:3]]}" for one in found]
    assert told == [], page.url
    assert_roomy(page)


def assert_roomy(page: Page) -> None:
    """Nothing sticks out sideways, and whatever is tapped is at least 44 px high; links inside sentences aside."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), page.url
    small = page.evaluate(
        """() => [...document.querySelectorAll('a, button, summary, select, input:not([type=hidden])')]
        .filter((one) => one.offsetParent !== null && !one.classList.contains('skip'))
        .filter((one) => getComputedStyle(one).display !== 'inline' && !one.closest('label'))
        .map((one) => [one.getBoundingClientRect(), one.outerHTML.slice(0, 120)])
        .filter(([box]) => box.height < 43.5 || box.width < 24)
        .map(([box, html]) => `${Math.round(box.width)}x${Math.round(box.height)} ${html}`)"""
    )
    assert small == [], page.url
