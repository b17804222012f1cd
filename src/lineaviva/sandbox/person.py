"""A person at the pretend bank, without a browser: reads a form, fills it in, sends it, follows where it leads."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx

SUCCESS, DECLINED, INSUFFICIENT, THREE_D_SECURE = (
    "4242424242424242",
    "4000000000000002",
    "4000000000009995",
    "4000002500003155",
)


@dataclass
class Form:
    action: str = ""
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)
    # name and value of each submit button, in the order of the page
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(found.get("action", ""), found.get("method", "get").lower()))
        elif tag in {"input", "button"} and self.forms:
            self._control(tag, found)

    def _control(self, tag: str, found: dict[str, str]) -> None:
        form, name, value = self.forms[-1], found.get("name", ""), found.get("value", "")
        kind = found.get("type", "submit" if tag == "button" else "text")
        if kind == "submit":
            form.buttons.append((name, value))
        elif name and (kind not in {"radio", "checkbox"} or "checked" in found):
            form.fields[name] = value


def forms(page: httpx.Response) -> list[Form]:
    """The forms of a page, in its order."""
    parser = _Forms()
    parser.feed(page.text)
    return parser.forms


def send(client: httpx.Client, page: httpx.Response, form: Form, **answers: str) -> httpx.Response:
    """Send a form of `page` with `answers` over what it came with."""
    url = urljoin(str(page.url), form.action)
    return client.request(form.method, url, data={**form.fields, **answers})


def pay(url: str, *, card: str = THREE_D_SECURE, approve: bool = True) -> httpx.Response:
    """Pay at the provider's page `url` with a test card, through 3-D Secure where it is asked for.

    Returns the last page: the keeper's order page after a success. Raises httpx.HTTPError when a connection breaks.
    """
    with httpx.Client(follow_redirects=True, timeout=60) as client:
        page = client.get(url).raise_for_status()
        page = send(client, page, _payment_form(page), card=card)
        if "/3ds" not in str(page.url):
            return page
        form = forms(page)[0]
        name, value = form.buttons[0 if approve else 1]
        return send(client, page, form, **{name: value})


def approve(url: str, *, payer: str = "success") -> httpx.Response:
    """Approve an order at the pretend PayPal's page `url`, as the payer whom its choice calls so.

    Returns the last page: the keeper's order page. Raises httpx.HTTPError when a connection breaks.
    """
    with httpx.Client(follow_redirects=True, timeout=15) as client:
        page = client.get(url).raise_for_status()
        return send(client, page, forms(page)[0], payer=payer)


def _payment_form(page: httpx.Response) -> Form:
    return next(form for form in forms(page) if "card" in form.fields)
