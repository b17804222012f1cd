"""The page of an eSIM: what it shows on which device, who sees its code, what can be done, and how it looks again."""

from __future__ import annotations

import html
import re
from base64 import b64decode
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from lineaviva.config.logging import mask_text
from lineaviva.keeper.accounts.models import AuditEntry, User
from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.delivery.install import install_of
from lineaviva.keeper.delivery.links import install_link
from lineaviva.keeper.delivery.models import Delivery, DeliveryEvent, DeliveryMail
from lineaviva.keeper.delivery.queries import activation_code
from lineaviva.keeper.delivery.rules import Point
from lineaviva.keeper.lines.actions import line_share
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.kernel.clock import FrozenClock
from tests import factories
from tests.keeper.orders import factories as orders
from tests.web import profiles
from tests.web.conftest import LANGUAGES, Browser, words
from tests.web.profiles import HOST, Profiles
from tests.web.test_orders import poll
from tests.web.test_pages import assert_only, english_texts, transfer

HTMX = {"HX-Request": "true"}
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)
ANDROID = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36"
)
WECHAT = IPHONE.replace(" Safari/604.1", " MicroMessenger/8.0.53")
DESK = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
AGENTS = {"iphone": IPHONE, "android": ANDROID, "desk": DESK}


@pytest.fixture
def server(settings: Any) -> type[Profiles]:
    return profiles.use(settings)


@pytest.fixture
def uni(anna: User, server: type[Profiles], now: datetime) -> Line:
    """Anna's TIM eSIM."""
    return profiles.line(anna, now)


@pytest.fixture
def ready(uni: Line, now: datetime) -> Delivery:
    """Its profile, ready to be installed; the plan that was paid waits for it."""
    return profiles.delivered(uni, now)


def path(delivery: Delivery) -> str:
    return f"/esim/{delivery.code}/"


def on(client: Client, delivery: Delivery, agent: str = IPHONE, **query: str) -> Any:
    return client.get(path(delivery), query, headers={"User-Agent": agent})


def source(response: Any) -> str:
    return html.unescape(response.content.decode())


def steps(response: Any) -> list[str]:
    """Each step of the profile's way as text."""
    way = source(response).split('<ol class="steps">')[1].split("</ol>")[0]
    return [" ".join(re.sub(r"<[^>]+>", " ", step).split()) for step in way.split("<li>")[1:]]


def secret(delivery: Delivery) -> str:
    """The half of its activation code that nobody else may learn."""
    code = activation_code(delivery)
    assert code is not None
    return code.matching_id


def link(delivery: Delivery, user: User, now: datetime) -> str:
    return install_link(delivery=delivery, user=user, now=now)


def stranger(browser: Browser) -> Client:
    """Somebody's browser in which nobody is signed in."""
    return browser(accept_language="en")


def everything() -> list[Any]:
    """All that a refused act could have changed."""
    return [list(model.objects.order_by("pk").values()) for model in (Delivery, DeliveryEvent, DeliveryMail)]


# --- what comes first ---------------------------------------------------------------------------------------------


def test_on_an_iphone_its_own_link_comes_first(ready: Delivery, page: Client) -> None:
    text = source(on(page, ready))
    code = activation_code(ready)
    assert code is not None
    install = install_of(code)
    assert f'href="{install.apple}"' in text
    assert install.apple.startswith("https://esimsetup.apple.com/esim_qrcode_provisioning?carddata=LPA%3A1%24")
    assert install.android not in text
    page_itself = text.split("<main")[1]
    assert page_itself.index(install.apple) < page_itself.index("<details")
    assert page_itself.index("<details") < page_itself.index('class="qr big"')  # the QR code is folded away
    assert "<summary>Show the QR code</summary>" in text


def test_on_an_android_phone_its_link_and_the_code_to_type(ready: Delivery, page: Client) -> None:
    text = source(on(page, ready, ANDROID))
    code = activation_code(ready)
    assert code is not None
    install = install_of(code)
    assert f'href="{install.android}"' in text
    assert install.apple not in text
    by_hand = text.index('id="code-whole"')
    assert text.index(install.android) < by_hand < text.index('class="qr big"')
    assert "<details" not in text[text.index("By hand") : by_hand]  # not folded: nobody promises that the link works


def test_on_a_desk_the_qr_code_comes_first(ready: Delivery, page: Client) -> None:
    text = source(on(page, ready, DESK))
    assert text.index('class="qr big"') < text.index("esimsetup.apple.com")
    assert text.index('class="qr big"') < text.index('id="code-address"')
    assert "Scan it with your phone" in text


def test_another_phone_gets_the_code_only(ready: Delivery, page: Client) -> None:
    text = source(on(page, ready, "Mozilla/5.0 (Phone; OpenHarmony 5.0) ArkWeb/4.1 Mobile HuaweiBrowser/5.0"))
    assert "esimsetup" not in text
    assert secret(ready) in text


@pytest.mark.parametrize("kind", ["iphone", "android", "other", "desk"])
def test_the_reader_chooses_another_device(kind: str, ready: Delivery, page: Client) -> None:
    response = on(page, ready, DESK, on=kind)
    text = source(response)
    word = {"iphone": "iPhone", "android": "Android", "other": "Another phone", "desk": "A bigger screen"}[kind]
    assert f"<b>{word}</b>" in text
    found = poll(response)
    assert found is not None
    assert f"?on={kind}&seen=" in found[0]  # and stays so when the page looks again


def test_the_qr_code_is_a_picture_of_the_code(ready: Delivery, page: Client) -> None:
    found = re.search(r'src="data:image/png;base64,([^"]+)"', source(on(page, ready, DESK)))
    assert found
    assert b64decode(found[1]).startswith(b"\x89PNG")


def test_the_code_can_be_copied_and_selected(ready: Delivery, page: Client) -> None:
    text = source(on(page, ready, DESK))
    for name, value in (
        ("code-address", HOST),
        ("code-id", secret(ready)),
        ("code-whole", f"LPA:1${HOST}${secret(ready)}"),
    ):
        assert f'<code id="{name}" translate="no">{value}</code>' in text
        assert f'data-copy="{name}"' in text


def test_a_confirmation_code_is_announced(uni: Line, page: Client, now: datetime) -> None:
    Profiles.confirmation = True
    text = words(on(page, profiles.delivered(uni, now), DESK))
    assert "Confirmation code The phone will ask for it." in text


@pytest.mark.parametrize("agent", AGENTS)
def test_what_must_be_known_before_comes_before(agent: str, ready: Delivery, page: Client) -> None:
    text = source(on(page, ready, AGENTS[agent]))
    known = text.index("Stay on Wi-Fi until it is done.")
    assert known < text.index("Leave your old SIM in until the new one has a signal.")
    assert known < text.index("Dial *#06#: an EID must appear.")
    assert known < text.index("The plan begins when the eSIM is on the phone.")
    first_way = min(text.index(way) for way in ("esimsetup", 'class="qr big"') if way in text)
    assert text.index("The plan begins when") < first_way


@pytest.mark.parametrize(
    ("operator", "rule", "word"),
    [
        ("windtre", "Never delete it afterwards to try again.", "100 times"),
        ("tim", "Never delete it afterwards to try again.", "as often as needed"),
        ("fastweb", "Never delete it afterwards to try again.", "6 times"),
        ("vodafone", "take it that it can be installed only once.", "not known; take it as once"),
    ],
)
def test_how_often_it_can_be_installed_is_said_by_the_rulebook(
    operator: str, rule: str, word: str, ready: Delivery, page: Client
) -> None:
    Delivery.objects.update(operator=operator)
    response = on(page, ready)
    assert rule in words(response)
    assert f"Can be installed {word}" in words(response)
    assert ('rel="noopener noreferrer">' in source(response).split("Can be installed")[1]) is (operator != "vodafone")


def test_until_when_is_said_where_it_is_known(ready: Delivery, page: Client, now: datetime) -> None:
    assert "Install by" not in words(on(page, ready))
    Delivery.objects.update(expires_at=now + timedelta(days=30))
    assert "Install by Tue 22 Dec 2026 12:00" in words(on(page, ready))


def test_a_top_up_is_not_said_to_wait(uni: Line, page: Client, now: datetime) -> None:
    delivery = profiles.delivered(uni, now, offering=orders.offering())
    text = words(on(page, delivery))
    assert "Installing costs nothing, and moves no date of the line." in text
    assert "Top-up done" in text
    assert "at the latest" not in text


def test_the_pretend_phone_comes_first_where_there_is_one(ready: Delivery, page: Client, settings: Any) -> None:
    assert "pretend" not in words(on(page, ready))
    settings.INSTALL_LINK = "http://127.0.0.1:8001/phone"
    for agent in AGENTS.values():
        text = source(on(page, ready, agent))
        pretend = text.index('href="http://127.0.0.1:8001/phone/esim_qrcode_provisioning?carddata=LPA%3A1%24')
        assert pretend < text.index("esimsetup")


# --- inside another app -------------------------------------------------------------------------------------------


def test_inside_wechat_the_way_out_is_shown(ready: Delivery, page: Client, browser: Browser, now: datetime) -> None:
    text = source(on(page, ready, WECHAT))
    assert "You are inside another app" in text
    address = re.search(r'<code id="page-address" translate="no">http://127\.0\.0\.1:8000(/e/[^<]+/)</code>', text)
    assert address
    elsewhere = browser(**{"User-Agent": IPHONE})  # Safari on the same phone, where nobody is signed in
    response = elsewhere.get(address[1], follow=True)
    assert response.redirect_chain == [(path(ready), 302)]
    assert secret(ready) in source(response)
    assert "You are inside another app" not in source(response)


def test_the_link_of_a_message_keeps_its_address_inside_wechat(
    ready: Delivery, anna: User, browser: Browser, now: datetime
) -> None:
    """Then "open in Safari" takes along the right to see the page."""
    response = stranger(browser).get(link(ready, anna, now), headers={"User-Agent": WECHAT})
    assert response.status_code == 200
    assert secret(ready) in source(response)
    assert poll(response)[0].startswith(path(ready))  # type: ignore[index]


# --- who sees the code --------------------------------------------------------------------------------------------


@pytest.fixture
def people(
    ready: Delivery, anna: User, bo: User, chen: User, dora: User, eve: User, browser: Browser
) -> dict[str, Any]:
    """Bo may read Anna's line, Fay may pay for it."""
    fay = factories.holder("fay@example.org", language="en")
    now = ready.created_at
    line_share(line=ready.line, with_email=bo.email, right="read", by=anna, now=now)
    line_share(line=ready.line, with_email=fay.email, right="pay", by=anna, now=now)
    users = {"holder": anna, "reader": bo, "payer": fay, "clerk": chen, "operations": dora, "outsider": eve}
    return {"stranger": stranger(browser), **{name: browser(user) for name, user in users.items()}}


@pytest.mark.parametrize(
    ("who", "status", "code"),
    [
        ("holder", 200, True),
        ("payer", 200, False),
        ("clerk", 200, False),
        ("operations", 200, False),
        ("reader", 404, False),
        ("outsider", 404, False),
        ("stranger", 302, False),
    ],
)
def test_only_the_holder_sees_the_code(
    who: str, status: int, code: bool, people: dict[str, Client], ready: Delivery
) -> None:
    for agent in (*AGENTS.values(), WECHAT):
        response = on(people[who], ready, agent)
        assert response.status_code == status
        text = source(response)
        assert (secret(ready) in text) is code
        assert ('class="qr big"' in text) is code
        assert ("carddata" in text) is code
        assert "/e/" not in text or code
        if status == 200 and not code:
            assert "Only the holder of the line sees the code" in text
            assert "347" not in words(response)  # nor the number


def test_the_poll_tells_nobody_else_either(people: dict[str, Client], ready: Delivery) -> None:
    for who in ("payer", "clerk", "operations"):
        response = people[who].get(path(ready), {"seen": "nothing"}, headers=HTMX)
        assert response.status_code == 200
        assert secret(ready) not in source(response)


def test_nobody_keeps_the_page(people: dict[str, Client], ready: Delivery, anna: User, now: datetime) -> None:
    nobody = people["stranger"]
    for response in (
        on(people["holder"], ready),
        people["holder"].get(path(ready), {"seen": "nothing"}, headers=HTMX),
        nobody.get(link(ready, anna, now)),
        nobody.get(path(ready)),
        people["holder"].post(f"{path(ready)}resend/"),
    ):
        assert response.headers["Cache-Control"] == "private, no-store"
        assert response.headers["Referrer-Policy"] == "same-origin"


def test_what_leads_to_other_sites_tells_them_nothing(ready: Delivery, page: Client, settings: Any) -> None:
    settings.INSTALL_LINK = "http://127.0.0.1:8001/phone"
    for agent in AGENTS.values():
        away = re.findall(r'<a\b[^>]*href="https?:[^>]*>', source(on(page, ready, agent)))
        assert len(away) >= 2
        assert [tag for tag in away if "noreferrer" not in tag] == []


def test_the_worker_keeps_the_list_and_nothing_else() -> None:
    """The page of an eSIM is not among what a phone shows without a network."""
    script = (Path(__file__).parents[2] / "src/lineaviva/keeper/web/templates/web/sw.js").read_text()
    assert re.findall(r"\.put\(([^,]+),", script) == ['"/"']
    assert 'new URL(request.url).pathname === "/"' in script


def test_the_code_is_in_no_session_and_no_log(
    ready: Delivery, anna: User, browser: Browser, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    client = stranger(browser)
    client.get(link(ready, anna, now), follow=True)
    client.get(link(ready, anna, now)[:-2] + "x/")  # one that is refused, and so is logged by Django
    kept = str(dict(client.session))
    assert secret(ready) not in kept
    assert secret(ready) not in caplog.text
    assert "/e/[key]" in mask_text(caplog.text)
    assert link(ready, anna, now)[3:40] not in mask_text(caplog.text)


@pytest.mark.parametrize(
    ("line", "logged"),
    [
        ("Not Found: /e/WzEsMSwx:abcdef_-123456/", "Not Found: /e/[key]/"),
        ("Bad Request: /r/WzEsMSwx:abcdef_-123456/", "Bad Request: /r/[key]/"),
        ("Gone: /sign-in/abcdefghijklmnop/", "Gone: /sign-in/[key]/"),
        ("Not Found: /es2plus/tim/0123456789abcdefGH/gsma/rsp2", "Not Found: /es2plus/tim/[key]/gsma/rsp2"),
        (
            "GET /phone/esim_qrcode_provisioning?carddata=LPA%3A1%24a%24B",
            "GET /phone/esim_qrcode_provisioning?carddata=[activation code]",
        ),
        ("Not Found: /e/short/", "Not Found: /e/short/"),
        ("Not Found: /orders/2K7M5FPW/", "Not Found: /orders/2K7M5FPW/"),
    ],
)
def test_keys_in_addresses_are_not_logged(line: str, logged: str) -> None:
    assert mask_text(line) == logged


# --- the link of a message ----------------------------------------------------------------------------------------


def test_the_link_opens_this_profile_and_nothing_else(
    ready: Delivery, anna: User, browser: Browser, now: datetime
) -> None:
    other = profiles.delivered(profiles.line(anna, now, label="Other"), now)
    client = stranger(browser)
    assert client.get(link(ready, anna, now)).headers["Location"] == path(ready)
    text = words(on(client, ready))
    assert secret(ready) in text
    assert "347" not in text  # the number in full is for who is signed in
    assert client.get(path(other)).status_code == 404
    for closed in ("/", f"/lines/{ready.line_id}/", f"/lines/{ready.line_id}/renew/", f"/orders/{ready.order.code}/"):  # type: ignore[union-attr]
        response = client.get(closed)
        assert response.status_code in {302, 404} or "Your lines" not in words(response)
        assert ready.line.msisdn[-7:] not in source(response).replace(" ", "")


@pytest.mark.parametrize(
    ("after", "status"),
    [(timedelta(hours=47), 200), (timedelta(hours=49), 302), (timedelta(days=13), 302)],
)
def test_the_grant_ends_before_the_link(
    after: timedelta, status: int, ready: Delivery, anna: User, browser: Browser, clock: FrozenClock
) -> None:
    client, address = stranger(browser), link(ready, anna, clock.now())
    client.get(address)
    clock.advance(after)
    assert on(client, ready).status_code == status
    assert client.get(address, follow=True).status_code == 200  # and the link gives it again


def test_a_link_that_is_over_or_broken_opens_nothing(
    ready: Delivery, anna: User, browser: Browser, clock: FrozenClock
) -> None:
    client, address = stranger(browser), link(ready, anna, clock.now())
    assert client.get(f"{address[:-3]}AA/").status_code == 400
    clock.advance(timedelta(days=14))
    response = client.get(address)
    assert response.status_code == 400
    assert "This link is no longer valid." in words(response)
    assert on(client, ready).status_code == 302


def test_a_link_of_somebody_who_may_not_see_it_any_more(
    ready: Delivery, anna: User, eve: User, browser: Browser, now: datetime
) -> None:
    assert browser().get(link(ready, eve, now)).status_code == 404
    address = link(ready, anna, now)
    User.objects.filter(pk=anna.pk).update(is_active=False)
    assert browser().get(address).status_code == 404


def test_the_link_on_anothers_phone_shows_what_was_sent(
    ready: Delivery, anna: User, eve: User, browser: Browser, now: datetime
) -> None:
    """Eve lends Anna her phone; Anna opens her mail on it."""
    client = browser(eve)
    assert on(client, ready).status_code == 404
    client.get(link(ready, anna, now))
    assert secret(ready) in source(on(client, ready))


def test_a_scanner_that_follows_the_link_changes_nothing(
    ready: Delivery, anna: User, browser: Browser, now: datetime
) -> None:
    before = everything()
    assert browser().head(link(ready, anna, now)).status_code == 302
    assert browser().post(link(ready, anna, now)).status_code == 405
    assert before == everything()


def test_the_link_is_not_tried_out_by_force(browser: Browser) -> None:
    answers = [browser().get(f"/e/none{n}/").status_code for n in range(21)]
    assert answers == [400] * 20 + [429]


# --- every state --------------------------------------------------------------------------------------------------

HEADLINES = {
    "making": "Your eSIM is being made",
    "ready": "Your eSIM is ready to install",
    "follows_not": "Your eSIM is ready to install",
    "downloaded": "The phone is installing your eSIM",
    "installed": "Your eSIM is installed",
    "enabled": "Your eSIM is on",
    "disabled": "Installed, but switched off on the phone",
    "deleted": "The eSIM was deleted on the phone",
    "failed": "The eSIM could not be installed",
    "refused": "The operator gave no eSIM",
    "expired": "Not installed in time",
    "unreadable": "The code of this eSIM is lost",
    "replaced": "No longer valid",
    "withdrawn": "No longer valid",
}
SHOWS_CODE = {"ready", "follows_not", "downloaded"}
OFFERS_NEW = {"installed", "enabled", "disabled", "deleted", "failed", "refused", "expired", "unreadable"}


def test_every_state_is_looked_at() -> None:
    assert set(HEADLINES) == set(profiles.STATES)


@pytest.mark.parametrize("state", profiles.STATES)
def test_each_state_says_what_is_true_and_what_to_do(
    state: str, uni: Line, page: Client, now: datetime, clock: FrozenClock
) -> None:
    delivery = profiles.at(state, uni, now)
    clock.advance(timedelta(minutes=5))
    response = on(page, delivery)
    text = source(response)
    assert f"</span> {HEADLINES[state]}</h1>" in text
    assert ('class="qr big"' in text) is (state in SHOWS_CODE)
    assert ("/replace/" in text) is (state in OFFERS_NEW)
    assert ("/resend/" in text) is (state in SHOWS_CODE | {"unreadable"})
    assert ("/installed/" in text) is (state in SHOWS_CODE | {"unreadable"})
    assert "None" not in words(response)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_state_in_each_language(language: str, server: type[Profiles], browser: Browser, now: datetime) -> None:
    reader = factories.holder("lin@example.org", language=language)
    client = browser(reader)
    english = english_texts() if language != "en" else frozenset()
    for state in profiles.STATES:
        delivery = profiles.at(state, profiles.line(reader, now), now)
        for agent in (*AGENTS.values(), WECHAT) if state == "ready" else (IPHONE,):
            response = on(client, delivery, agent)
            assert response.status_code == 200, state
            assert_only(words(response), english, state)
            assert not re.search(r"<style\b|\sstyle=|\son\w+=|javascript:", response.content.decode())
            assert len(response.content) < 60_000


def test_it_weighs_little(ready: Delivery, page: Client) -> None:
    assert transfer(page, path(ready)) < 100_000


def test_the_steps_carry_their_times(uni: Line, page: Client, now: datetime) -> None:
    delivery = profiles.at("enabled", uni, now)
    assert steps(on(page, delivery))[:5] == [
        "Asked for at the operator 12:00:00",
        "Ready to install 12:00:00",
        "Downloaded by the phone 12:01:00",
        "Installed on the phone 12:01:01",
        "Switched on 12:01:02",
    ]


def test_a_plan_says_until_when_it_waits(ready: Delivery, page: Client) -> None:
    words_of_it = "We order the plan as soon as the eSIM is on the phone, at the latest on Mon 23 Nov 2026 12:00 ."
    assert steps(on(page, ready))[-1] == f"New plan active {words_of_it}"


def test_a_plan_that_waits_no_longer_says_no_time(ready: Delivery, page: Client, now: datetime) -> None:
    Activation.objects.update(state="sent")
    assert steps(on(page, ready))[-1] == "New plan active"


def test_a_failure_is_said_in_words(uni: Line, page: Client, now: datetime) -> None:
    text = words(on(page, profiles.at("failed", uni, now)))
    assert "The phone has no room for another eSIM." in text
    assert "8.1/4.8" not in text


def test_an_unknown_failure_is_not_quoted(uni: Line, page: Client, now: datetime) -> None:
    delivery = profiles.at("failed", uni, now)
    Delivery.objects.update(failure="<b>9.9/9.9</b> stack trace")
    assert "9.9/9.9" not in source(on(page, delivery))


def test_a_try_that_failed_is_named_while_it_can_be_tried_again(ready: Delivery, page: Client, now: datetime) -> None:
    profiles.told(ready, Point.ELIGIBILITY, now, ok=False, failure="8.2.5/4.3")
    text = words(on(page, ready))
    assert "The last try did not work. The operator does not give its eSIM to this kind of phone." in text
    assert secret(ready) in text


def test_one_that_is_stuck_has_a_person(uni: Line, page: Client, now: datetime) -> None:
    delivery = profiles.at("making", uni, now)
    Delivery.objects.update(stuck_reason="a person must look")
    text = words(on(page, delivery))
    assert "A person of ours looks at it and writes to you." in text
    assert "a person must look" not in text


def test_a_replaced_one_leads_to_the_newest(uni: Line, page: Client, now: datetime) -> None:
    old = profiles.at("replaced", uni, now)
    newest = Delivery.objects.get(replaces=old)
    assert f'href="{path(newest)}"' in source(on(page, old))


def test_by_link_a_replaced_one_points_to_the_mailbox(uni: Line, anna: User, browser: Browser, now: datetime) -> None:
    old = profiles.at("replaced", uni, now)
    client = stranger(browser)
    client.get(link(old, anna, now))
    text = source(on(client, old))
    assert "Its link is in the newest message that we sent you." in text
    assert Delivery.objects.get(replaces=old).code not in text


# --- following the phone ------------------------------------------------------------------------------------------


def test_the_page_follows_the_phone(ready: Delivery, page: Client, now: datetime) -> None:
    response = on(page, ready)
    found = poll(response)
    assert found is not None
    where, seconds = found
    assert seconds == 3
    quiet = page.get(where, headers=HTMX)
    assert "status" not in quiet.content.decode()
    assert 'id="poll"' in quiet.content.decode()
    profiles.told(ready, Point.DOWNLOAD, now)
    loud = page.get(where, headers=HTMX)
    assert '<div id="status" hx-swap-oob="innerHTML">' in loud.content.decode()
    assert "The phone is installing your eSIM" in words(loud)
    profiles.told(ready, Point.INSTALLATION, now)
    profiles.told(ready, Point.ENABLED, now)
    assert "Your eSIM is on" in words(page.get(where, headers=HTMX))


def test_a_page_whose_right_to_look_ended_is_loaded_anew(
    ready: Delivery, anna: User, browser: Browser, clock: FrozenClock
) -> None:
    """Else the sign-in page would be put into its middle."""
    client = stranger(browser)
    client.get(link(ready, anna, clock.now()))
    clock.advance(timedelta(hours=49))
    response = client.get(path(ready), {"seen": "released"}, headers=HTMX)
    assert (response.status_code, response.headers["HX-Refresh"], response.content) == (204, "true", b"")


def test_one_that_was_withdrawn_speaks_of_no_newer_one(uni: Line, page: Client, now: datetime) -> None:
    text = words(on(page, profiles.at("withdrawn", uni, now)))
    assert "This eSIM was withdrawn and cannot be installed any more." in text
    assert "newer" not in text


def test_it_rests_when_all_is_done(uni: Line, page: Client, now: datetime) -> None:
    delivery = profiles.at("enabled", uni, now)
    assert poll(on(page, delivery)) is not None  # its plan is not active yet
    ProductOrder.objects.update(state="active", active_at=now)
    response = on(page, delivery)
    assert poll(response) is None
    assert "The new plan is active. Receipt and new dates" in words(response)


def test_without_script_only_what_is_being_made_loads_again(uni: Line, page: Client, now: datetime) -> None:
    """A page in whose code somebody types is not pulled away."""
    assert 'http-equiv="refresh"' in source(on(page, profiles.at("making", uni, now)))
    other = profiles.at("ready", profiles.line(uni.holder, now), now)
    assert 'http-equiv="refresh"' not in source(on(page, other))


# --- acting -------------------------------------------------------------------------------------------------------


def test_the_holder_says_that_it_is_installed(ready: Delivery, page: Client, now: datetime) -> None:
    response = page.post(f"{path(ready)}installed/", follow=True)
    assert response.redirect_chain == [(path(ready), 302)]
    assert "Noted. Now switch it on, and look for a signal." in words(response)
    assert profiles.again(ready).state == "installed"
    assert Activation.objects.get().state == "waiting"


def test_it_is_asked_for_where_nobody_else_tells(uni: Line, page: Client, now: datetime) -> None:
    delivery = profiles.at("follows_not", uni, now)
    text = words(on(page, delivery))
    assert "This operator does not tell us when the eSIM is installed." in text
    assert "Downloaded by the phone" not in text


def test_the_link_is_sent_again(ready: Delivery, page: Client) -> None:
    DeliveryMail.objects.update(state="sent")
    response = page.post(f"{path(ready)}resend/", follow=True)
    assert "It is on its way to anna@example.org." in words(response)
    assert list(DeliveryMail.objects.values_list("state", flat=True).order_by("pk")) == ["sent", "open"]


def test_not_without_end(ready: Delivery, page: Client) -> None:
    said = []
    for _ in range(4):
        DeliveryMail.objects.update(state="sent")
        said.append(words(page.post(f"{path(ready)}resend/", follow=True)))
    assert ["on its way" in text for text in said] == [True, True, True, False]
    assert "That was too often." in said[3]
    assert DeliveryMail.objects.count() == 4


def test_a_new_phone_gets_a_new_one(uni: Line, page: Client, now: datetime) -> None:
    old = profiles.at("enabled", uni, now)
    response = page.post(f"{path(old)}replace/", {"reason": "transfer", "sure": "yes"}, follow=True)
    new = Delivery.objects.get(replaces=old)
    assert response.redirect_chain == [(path(new), 302)]
    assert "A new eSIM is on its way." in words(response)
    assert profiles.again(old).state == "installed"  # it works until the new one is on the phone


def test_a_lost_one_is_withdrawn(uni: Line, page: Client, now: datetime) -> None:
    old = profiles.at("enabled", uni, now)
    page.post(f"{path(old)}replace/", {"reason": "replacement", "sure": "yes"})
    assert profiles.again(old).state == "withdrawing"
    assert Delivery.objects.get(replaces=old).reason == "replacement"


@pytest.mark.parametrize("sent", [{"reason": "transfer"}, {"reason": "replacement", "sure": "no"}, {}])
def test_one_that_works_is_not_replaced_by_a_slip(sent: dict[str, str], uni: Line, page: Client, now: datetime) -> None:
    old = profiles.at("enabled", uni, now)
    before = everything()
    response = page.post(f"{path(old)}replace/", sent, follow=True)
    assert "Tick the box first: nothing was changed." in words(response)
    assert before == everything()


def test_one_on_its_way_is_not_replaced(ready: Delivery, page: Client) -> None:
    before = everything()
    response = page.post(f"{path(ready)}replace/", {"reason": "replacement", "sure": "yes"}, follow=True)
    assert "A profile for this line is on its way. Install that one." in words(response)
    assert before == everything()


def test_an_invented_reason_is_refused(uni: Line, page: Client, now: datetime) -> None:
    old = profiles.at("failed", uni, now)
    before = everything()
    response = page.post(f"{path(old)}replace/", {"reason": "because"}, follow=True)
    assert "Nothing was changed." in words(response)
    assert before == everything()


@pytest.mark.parametrize("state", ["failed", "expired", "refused", "deleted", "unreadable"])
def test_what_came_to_nothing_is_replaced_by_one_tap(state: str, uni: Line, page: Client, now: datetime) -> None:
    old = profiles.at(state, uni, now)
    found = re.search(r'name="reason" value="(\w+)"', source(on(page, old)))
    assert found
    assert 'name="sure"' not in source(on(page, old))
    page.post(f"{path(old)}replace/", {"reason": found[1]})
    assert Delivery.objects.get(replaces=old).reason == "replacement"


def test_what_works_on_the_old_phone_is_kept_when_the_new_one_failed(uni: Line, page: Client, now: datetime) -> None:
    old = profiles.at("enabled", uni, now)
    page.post(f"{path(old)}replace/", {"reason": "transfer", "sure": "yes"})
    new = Delivery.objects.get(replaces=old)
    Delivery.objects.filter(pk=new.pk).update(state="failed", look_at=None)
    assert 'name="reason" value="transfer"' in source(on(page, new))
    page.post(f"{path(new)}replace/", {"reason": "transfer"})
    assert Delivery.objects.get(replaces=new).reason == "transfer"
    assert profiles.again(old).state == "installed"


def test_whoever_came_by_a_link_signs_in_before_a_number_moves(
    uni: Line, anna: User, browser: Browser, now: datetime
) -> None:
    old = profiles.at("enabled", uni, now)
    client = stranger(browser)
    client.get(link(old, anna, now))
    text = source(on(client, old))
    assert "/replace/" not in text
    assert f'href="/account/login/?next={path(old)}"' in text
    before = everything()
    response = client.post(f"{path(old)}replace/", {"reason": "transfer", "sure": "yes"})
    assert response.headers["Location"] == f"/account/login/?next={path(old)}"
    assert before == everything()


def test_by_link_the_rest_can_be_done(ready: Delivery, anna: User, browser: Browser, now: datetime) -> None:
    client = stranger(browser)
    client.get(link(ready, anna, now))
    DeliveryMail.objects.update(state="sent")
    assert "on its way" in words(client.post(f"{path(ready)}resend/", follow=True))
    assert "Noted." in words(client.post(f"{path(ready)}installed/", follow=True))


ACTS = {"resend": {}, "installed": {}, "replace": {"reason": "replacement", "sure": "yes"}}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("who", ["stranger", "reader", "payer", "outsider"])
def test_nobody_else_acts(who: str, act: str, people: dict[str, Client], ready: Delivery) -> None:
    Delivery.objects.update(sealed_code=b"cannot be read")  # so that replacing it would be allowed
    before = everything()
    response = people[who].post(f"{path(ready)}{act}/", ACTS[act], follow=True)
    assert before == everything()
    if who == "payer":
        assert "Only the line's holder, or staff, may do this with its eSIM." in words(response)
    else:
        assert response.status_code in {200, 404}


@pytest.mark.parametrize("act", ACTS)
def test_acts_are_posted_and_not_forged(act: str, ready: Delivery, page: Client, anna: User) -> None:
    assert page.get(f"{path(ready)}{act}/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(anna)
    before = everything()
    assert strict.post(f"{path(ready)}{act}/", ACTS[act]).status_code == 403
    assert before == everything()


def test_staff_help_without_seeing_the_code(people: dict[str, Client], ready: Delivery) -> None:
    DeliveryMail.objects.update(state="sent")
    assert "on its way to anna@example.org" in words(people["clerk"].post(f"{path(ready)}resend/", follow=True))
    assert AuditEntry.objects.filter(act="delivery_resend", subject=f"delivery:{ready.code}").count() == 1


@pytest.mark.parametrize("code", ["XXXXXXXX", "1", "a" * 200, "2K7M5FPW"])
def test_a_code_of_nobody(code: str, ready: Delivery, page: Client) -> None:
    response = page.get(f"/esim/{code}/")
    assert response.status_code == 404
    assert "There is no such eSIM profile, or not for you." in words(response)


def test_the_code_is_found_however_it_is_typed(ready: Delivery, page: Client) -> None:
    assert page.get(f"/esim/{ready.code.lower()}/").status_code == 200
    assert page.get(f"/esim/{ready.code[:4]}-{ready.code[4:]}/").status_code == 200
