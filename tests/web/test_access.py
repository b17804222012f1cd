"""Who reaches which page: holder, family with a right to read or to pay, clerk, operations, outsider, stranger."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.actions import line_share
from lineaviva.keeper.lines.models import Line, LineEvent, LineShare
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.receipts.models import Receipt
from tests import factories
from tests.web.conftest import Browser, words

SIGN_IN = "sign in"


@pytest.fixture
def people(
    receipt: Receipt,
    mum: Line,
    anna: User,
    bo: User,
    chen: User,
    dora: User,
    eve: User,
    browser: Browser,
    now: datetime,
) -> dict[str, Client]:
    """Bo may read Anna's line, Fay may pay for it."""
    mum = receipt.order.line
    fay = factories.holder("fay@example.org", language="en")
    line_share(line=mum, with_email=bo.email, right="read", by=anna, now=now)
    line_share(line=mum, with_email=fay.email, right="pay", by=anna, now=now)
    signed_in = {"holder": anna, "reader": bo, "payer": fay, "clerk": chen, "operations": dora, "outsider": eve}
    return {"stranger": browser(), **{name: browser(user) for name, user in signed_in.items()}}


WHO = ("stranger", "holder", "reader", "payer", "clerk", "operations", "outsider")
# For each page what each of WHO gets, in that order.
TABLE: dict[str, tuple[Any, ...]] = {
    "/": (200, 200, 200, 200, 200, 200, 200),
    "/lines/add/": (SIGN_IN, 200, 200, 200, 200, 200, 200),
    "/lines/import/": (SIGN_IN, 200, 200, 200, 200, 200, 200),
    "/lines/export/": (SIGN_IN, 200, 200, 200, 200, 200, 200),
    "/lines/LINE/": (SIGN_IN, 200, 200, 200, 404, 404, 404),
    "/lines/LINE/edit/": (SIGN_IN, 200, 404, 404, 404, 404, 404),
    "/lines/LINE/renew/": (SIGN_IN, 200, 404, 200, 404, 404, 404),
    "/lines/LINE/auto/": (SIGN_IN, 200, 404, 200, 404, 404, 404),
    "/lines/LINE/compare/": (SIGN_IN, 200, 200, 200, 404, 404, 404),
    "/orders/ORDER/": (SIGN_IN, 200, 404, 200, 200, 200, 404),
    "/orders/ORDER/receipt/": (SIGN_IN, 200, 404, 200, 200, 200, 404),
    "/orders/ORDER/receipt.pdf": (SIGN_IN, 200, 404, 200, 200, 200, 404),
    "/receipts/": (SIGN_IN, 200, 200, 200, 200, 200, 200),
    "/receipts/receipts.zip": (SIGN_IN, 200, 404, 200, 404, 404, 404),
    "/proof/TOKEN/": (200, 200, 200, 200, 200, 200, 200),
    "/settings/": (SIGN_IN, 200, 200, 200, 200, 200, 200),
    "/settings/wallet/": (SIGN_IN, 200, 200, 200, 200, 200, 200),
    "/counter/": (SIGN_IN, 403, 403, 403, 200, 200, 403),
    "/counter/?code=ORDER": (SIGN_IN, 403, 403, 403, 200, 200, 403),
    "/counter/day/": (SIGN_IN, 403, 403, 403, 200, 200, 403),
    "/counter/day/1/": (SIGN_IN, 403, 403, 403, 404, 404, 403),
    "/counter/cancellations/": (SIGN_IN, 403, 403, 403, 200, 200, 403),
    "/account/2fa/": (SIGN_IN, 200, 200, 200, 200, 200, 200),
    "/healthz": (200, 200, 200, 200, 200, 200, 200),
}


def test_who_reaches_which_page(people: dict[str, Client], receipt: Receipt, monkeypatch: pytest.MonkeyPatch) -> None:
    # All of them come from one address, and a file of receipts is given to an address only now and then.
    monkeypatch.setattr("lineaviva.keeper.web.doors.limits.take", lambda *_, **__: None)
    found = {path: tuple(seen(people[who], path, receipt) for who in WHO) for path in TABLE}
    assert found == TABLE


def seen(client: Client, path: str, receipt: Receipt) -> Any:
    real = (
        path.replace("LINE", str(receipt.order.line_id))
        .replace("ORDER", receipt.order.code)
        .replace("TOKEN", receipt.proof_token)
    )
    response = client.get(real)
    if response.status_code == 302 and response.headers["Location"].startswith("/account/login/?next="):
        return SIGN_IN
    return response.status_code


POSTS = (
    "/lines/LINE/edit/",
    "/lines/LINE/topped-up/",
    "/lines/LINE/share/",
    "/lines/LINE/remove/",
    "/lines/LINE/restore/",
)


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("who", ["reader", "payer", "clerk", "outsider"])
def test_only_its_holder_changes_a_line(who: str, path: str, people: dict[str, Client], receipt: Receipt) -> None:
    line = receipt.order.line
    before = (LineEvent.objects.count(), LineShare.objects.count(), Line.objects.values().get(pk=line.pk))
    sent = {
        "operator": "vodafone",
        "sim_type": "esim",
        "on": "2026-11-20",
        "with_email": "x@example.org",
        "right": "pay",
    }
    response = people[who].post(path.replace("LINE", str(line.pk)), sent)
    assert response.status_code == 404
    assert before == (LineEvent.objects.count(), LineShare.objects.count(), Line.objects.values().get(pk=line.pk))


@pytest.mark.parametrize("path", [*POSTS, "/lines/LINE/unshare/", "/orders/ORDER/pay/", "/orders/ORDER/cancel/"])
def test_a_stranger_changes_nothing(path: str, people: dict[str, Client], receipt: Receipt) -> None:
    before = (LineEvent.objects.count(), LineShare.objects.count(), ProductOrder.objects.values().get())
    real = path.replace("LINE", str(receipt.order.line_id)).replace("ORDER", receipt.order.code)
    response = people["stranger"].post(real, {"with_email": "bo@example.org", "pay": "cash"})
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/account/login/")
    assert before == (LineEvent.objects.count(), LineShare.objects.count(), ProductOrder.objects.values().get())


@pytest.mark.parametrize("who", ["reader", "outsider"])
def test_who_may_not_pay_orders_nothing(who: str, people: dict[str, Client], receipt: Receipt) -> None:
    path = f"/lines/{receipt.order.line_id}/renew/"
    response = people[who].post(path, {"quote": receipt.order.quote_id, "pay": "cash"})
    assert response.status_code == 404
    assert ProductOrder.objects.count() == 1


@pytest.mark.parametrize(
    ("who", "full"), [("holder", True), ("reader", False), ("payer", False), ("clerk", False), ("operations", False)]
)
def test_only_the_holder_sees_the_whole_number(
    who: str, full: bool, people: dict[str, Client], receipt: Receipt
) -> None:
    paths = ["/", f"/lines/{receipt.order.line_id}/", f"/lines/{receipt.order.line_id}/renew/"]
    paths += [
        f"/orders/{receipt.order.code}/",
        "/receipts/",
        "/receipts/?q=4567",
        f"/counter/?code={receipt.order.code}",
    ]
    pages = [words(people[who].get(path)) for path in paths]
    assert any("347 123 4567" in page for page in pages) is full
    assert not any("393471234567" in page.replace(" ", "") for page in pages)


def test_the_proof_tells_nothing_more(people: dict[str, Client], receipt: Receipt) -> None:
    text = words(people["stranger"].get(f"/proof/{receipt.proof_token}/"))
    assert "Mum" in text
    assert "4567" in text
    assert "2026" in text
    for secret in ("347 123", "anna@", receipt.order.code, receipt.full_number, "5.00", "TIM"):
        assert secret not in text


def test_who_reads_a_line_does_not_learn_who_else_does(people: dict[str, Client], receipt: Receipt) -> None:
    text = words(people["reader"].get(f"/lines/{receipt.order.line_id}/"))
    assert "fay@example.org" not in text
    assert "anna@example.org" in text  # whose line it is


def test_a_reader_gives_the_right_up(people: dict[str, Client], receipt: Receipt) -> None:
    path = f"/lines/{receipt.order.line_id}/unshare/"
    assert people["reader"].post(path, {"with_email": "fay@example.org"}).status_code == 404
    assert LineShare.objects.count() == 2
    assert people["reader"].post(path, {"with_email": "bo@example.org"}).headers["Location"] == "/"
    assert list(LineShare.objects.values_list("user__email", flat=True)) == ["fay@example.org"]


def test_who_pays_for_a_line_has_its_receipts(people: dict[str, Client], receipt: Receipt) -> None:
    assert receipt.full_number in words(people["payer"].get("/receipts/"))
    assert receipt.full_number not in words(people["reader"].get("/receipts/"))
    assert receipt.full_number not in words(people["clerk"].get("/receipts/"))


def test_a_removed_line_is_nowhere(people: dict[str, Client], receipt: Receipt) -> None:
    line_id = receipt.order.line_id
    assert people["holder"].post(f"/lines/{line_id}/remove/").status_code == 302
    for who in ("holder", "reader", "payer"):
        assert people[who].get(f"/lines/{line_id}/").status_code == 404
    assert people["payer"].post(f"/lines/{line_id}/restore/").status_code == 404
    assert people["holder"].post(f"/lines/{line_id}/restore/").status_code == 302
    assert people["payer"].get(f"/lines/{line_id}/").status_code == 200


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
        "http:///x",
    ],
)
def test_nobody_is_sent_to_another_site(target: str, browser: Browser) -> None:
    response = browser().post("/language/", {"language": "it", "next": target})
    assert response.headers["Location"] == "/"


def test_the_way_back_is_kept(browser: Browser) -> None:
    response = browser().post("/language/", {"language": "it", "next": "/lines/3/?offering=x"})
    assert response.headers["Location"] == "/lines/3/?offering=x"
