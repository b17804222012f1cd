"""A person who renews a line through the pages: order, the bank's pages with 3-D Secure, and back to the order."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from html import unescape

import httpx

from lineaviva.sandbox import person
from renewals.receipts import Receipts

_POLL = re.compile(r'hx-get="([^"]+)"')  # in the order's page: where it asks how things stand
_LOOK_SECONDS = 2.0  # and how often, at first
_GIVE_UP_SECONDS = 60.0


@dataclass
class Renewal:
    """What a client saw of one renewal; instants are of the monotonic clock."""

    line: int
    code: str = ""
    began: float = 0.0
    paid: float = 0.0  # the last click on the bank's pages
    back: float = 0.0  # the order's page is there again, after the bank's
    done: float = 0.0  # the receipt is there
    # Kind (keeper or bank), begin and end of every page.
    pages: list[tuple[str, float, float]] = field(default_factory=list)


class Client:
    """One browser, signed in; it keeps its connections."""

    def __init__(self, keeper: str, session: tuple[str, str], language: str = "it") -> None:
        self._keeper = keeper
        self._renewal = Renewal(0)
        self._began, self._poll = 0.0, ""
        # No TLS context: it costs more than the pages, and everything here is on loopback.
        self._http = httpx.Client(follow_redirects=True, timeout=30, verify=False)  # noqa: S501 - plain HTTP on loopback: no certificates to load
        self._http.cookies.set(*session)
        self._http.headers["Accept-Language"] = language
        self._http.event_hooks = {"request": [self._asked], "response": [self._answered]}

    def pay(self, line: int) -> Renewal:
        """Order the cheapest act for `line` and pay it by card; returns when the browser is back at the order."""
        self._renewal = renewal = Renewal(line, began=time.monotonic())
        page = self._http.get(f"{self._keeper}/lines/{line}/renew/").raise_for_status()
        form = next((form for form in person.forms(page) if "quote" in form.fields), None)
        if form is None:
            raise SystemExit(f"Line {line} cannot be renewed here: {page.url} offers nothing.")
        page = person.send(self._http, page, form, pay="stripe").raise_for_status()
        # A number that is new to its payer is shown once more.
        sure = next((form for form in person.forms(page) if "sure" in form.fields), None)
        if sure is not None:
            page = person.send(self._http, page, sure, pay="stripe").raise_for_status()
        form = next((form for form in person.forms(page) if "card" in form.fields), None)
        if form is None:
            raise SystemExit(f"Line {line} was not sent to the bank but to {page.url}.")
        page = person.send(self._http, page, form, card=person.THREE_D_SECURE).raise_for_status()
        form = person.forms(page)[0]
        name, value = form.buttons[0]
        renewal.paid = time.monotonic()
        page = person.send(self._http, page, form, **{name: value}).raise_for_status()
        renewal.code = page.url.path.split("/")[2]
        renewal.back = time.monotonic()
        self._poll_as(page)
        return renewal

    def look(self) -> None:
        """What htmx does on the order's page while that waits."""
        if self._poll:
            self._poll_as(self._http.get(self._poll, headers={"HX-Request": "true"}).raise_for_status())

    def _poll_as(self, page: httpx.Response) -> None:
        asks = _POLL.search(page.text)
        self._poll = self._keeper + unescape(asks[1]) if asks else ""

    def close(self) -> None:
        self._http.close()

    def _asked(self, _request: httpx.Request) -> None:
        self._began = time.monotonic()

    def _answered(self, response: httpx.Response) -> None:
        response.read()
        kind = "keeper" if str(response.url).startswith(self._keeper + "/") else "bank"
        self._renewal.pages.append((kind, self._began, time.monotonic()))


def renew(client: Client, line: int, receipts: Receipts) -> Renewal:
    """To the end: until the receipt is there. The page looks every two seconds, and once when it is done."""
    renewal = client.pay(line)
    until = time.monotonic() + _GIVE_UP_SECONDS
    while (done := receipts.wait(renewal.code, _LOOK_SECONDS)) is None:
        if time.monotonic() > until:
            raise SystemExit(f"Order {renewal.code} has had no receipt for {_GIVE_UP_SECONDS:.0f} s.")
        client.look()
    renewal.done = done
    client.look()
    return renewal
