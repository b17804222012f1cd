"""The hosted pages: four languages, no JavaScript, one tap to pay and one to approve."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx
import pytest

from lineaviva.sandbox.languages import LANGUAGES, language_of
from lineaviva.sandbox.provider import texts
from lineaviva.sandbox.provider.cards import CARDS, card_called, card_of, refusal_error
from tests.sandbox.provider.process import AUTH, SESSION, Bank, Shop, http
from tests.sandbox.provider.test_api import create, get

pytestmark = pytest.mark.processes


class Elements(HTMLParser):
    """Every element of a page as (name, attributes), and the text of the labels."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.found if name == tag]


# --- texts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_there_in_every_language(language: str) -> None:
    say = texts.words(language)
    assert all(say.values())
    names = {f"card_{card.slug}" for card in CARDS}
    names |= {f"refused_{card.refusal}" for card in CARDS if card.refusal}
    assert names <= set(say)
    if language.startswith("zh"):
        assert all(re.search(r"[\u4e00-\u9fff]", text) for text in say.values())


def test_traditional_is_not_simplified_with_other_characters() -> None:
    simplified, traditional = texts.words("zh-hans"), texts.words("zh-hant")
    assert simplified["card"] == "卡号"
    assert traditional["card"] == "卡號"
    # Words that differ in Taiwan and Hong Kong, not only in their characters.
    assert "支付" in simplified["pay"]
    assert "付款" in traditional["pay"]
    assert sum(simplified[name] != traditional[name] for name in simplified) == len(simplified)


@pytest.mark.parametrize(
    ("locale", "accept", "language"),
    [
        ("it", "", "it"),
        ("zh", "it", "zh-hans"),
        ("zh-TW", "", "zh-hant"),
        ("zh-HK", "", "zh-hant"),
        ("en", "", "en"),
        ("auto", "", "en"),
        ("auto", "de,it;q=0.8", "it"),
        ("auto", "zh-TW,zh;q=0.9", "zh-hant"),
        ("auto", "zh-CN", "zh-hans"),
        ("auto", "de", "en"),
        ("", "\x00,;;=", "en"),
    ],
)
def test_the_language_of_a_page(locale: str, accept: str, language: str) -> None:
    assert language_of(locale, accept) == language


# --- cards ------------------------------------------------------------------------------------------------------


def test_every_card_is_a_possible_number_of_its_own() -> None:
    from stdnum import luhn

    assert all(luhn.is_valid(card.number) for card in CARDS)
    assert len({card.number for card in CARDS}) == len({card.slug for card in CARDS}) == len(CARDS)


@pytest.mark.parametrize(
    ("typed", "slug"),
    [
        ("4242424242424242", "success"),
        ("4242 4242 4242 4242", "success"),
        (" 4242-4242-4242-4242 ", "success"),
        ("4242424242424241", None),
        ("4111111111111111", None),
        ("", None),
        ("²²²", None),
    ],
)
def test_a_number_as_it_is_typed(typed: str, slug: str | None) -> None:
    card = card_of(typed)
    assert (card.slug if card else None) == slug


def test_the_chooser_falls_back_to_the_first_card() -> None:
    assert card_called("nonsense").slug == "three_d_secure"
    assert card_called("declined").grouped == "4000 0000 0000 0002"


def test_a_refusal_names_its_charge_only_where_there_is_one() -> None:
    assert "charge" not in refusal_error("card_declined")
    assert refusal_error("card_declined", "ch_1")["charge"] == "ch_1"


# --- the form ---------------------------------------------------------------------------------------------------

LOCALES = [
    ("en", "en", "Pay €5.00"),
    ("it", "it", "Paga 5,00 €"),
    ("zh", "zh-Hans", "支付 €5.00"),
    ("zh-TW", "zh-Hant", "付款 €5.00"),
]


@pytest.mark.parametrize(("locale", "tag", "button"), LOCALES)
def test_the_card_form(bank: Bank, locale: str, tag: str, button: str) -> None:
    session = create(bank, locale=locale, cancel_url="http://127.0.0.1:1/back")
    answer = http.get(session["url"])
    page, elements = answer.text.replace("\xa0", " "), Elements(answer.text)
    assert answer.status_code == 200
    assert elements.all("html")[0]["lang"] == tag
    assert f">{button}</button>" in page
    assert "script" not in {name for name, _ in elements.found}
    labels = {attrs["for"] for attrs in elements.all("label")}
    assert labels == {attrs["id"] for attrs in elements.all("input")} == {"card", "expiry", "cvc"}
    assert next(attrs["value"] for attrs in elements.all("input") if attrs["id"] == "card") == "4000 0025 0000 3155"
    assert any("width=device-width" in attrs.get("content", "") for attrs in elements.all("meta"))
    assert "prefers-color-scheme: dark" in page
    assert 'href="http://127.0.0.1:1/back"' in page
    assert answer.headers["Cache-Control"].startswith("max-age=0, no-cache")
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert len(answer.content) < 20_000


def test_nothing_is_loaded_from_elsewhere(bank: Bank) -> None:
    page = http.get(create(bank)["url"]).text
    assert re.findall(r'(?:src|href)="(https?:[^"]*)"', page) == []


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.slug)
def test_another_card_is_chosen_by_a_link(bank: Bank, card: object) -> None:
    session = create(bank)
    page = http.get(session["url"], params={"card": card.slug}).text
    assert f'value="{card.grouped}"' in page
    assert f'href="/pay/{session["id"]}?card={card.slug}"' in page


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_what_a_shop_sends_is_text(bank: Bank, text: str) -> None:
    name = "line_items[0][price_data][product_data][name]"
    answer = http.get(create(bank, **{name: text})["url"])
    assert text not in answer.text
    assert not {"script", "img"} & {tag for tag, _ in Elements(answer.text).found}


# --- paying -----------------------------------------------------------------------------------------------------


def test_a_card_that_pays_sends_the_payer_back(bank: Bank) -> None:
    session = create(bank)
    answer = http.post(session["url"], data={"card": "4242 4242 4242 4242", "expiry": "12 / 34", "cvc": "123"})
    assert (answer.status_code, answer.headers["Location"]) == (303, session["success_url"])


@pytest.mark.parametrize("locale", ["en", "it", "zh", "zh-TW"])
@pytest.mark.parametrize("card", [card for card in CARDS if card.refusal], ids=lambda card: card.slug)
def test_a_refused_card_is_said_in_words_and_can_be_changed(bank: Bank, locale: str, card: object) -> None:
    session = create(bank, locale=locale)
    answer = http.post(session["url"], data={"card": card.number})
    elements = Elements(answer.text)
    assert answer.status_code == 402
    sentence = texts.words(language_of(locale))[f"refused_{card.refusal}"]
    assert f'role="alert" id="refusal">{sentence}'.replace("'", "&#x27;") in answer.text
    entry = next(attrs for attrs in elements.all("input") if attrs["id"] == "card")
    assert (entry["aria-invalid"], entry["aria-describedby"]) == ("true", "refusal")
    assert "open" in elements.all("details")[0]
    assert http.post(session["url"], data={"card": "4242424242424242"}).status_code == 303


@pytest.mark.parametrize("number", ["4111 1111 1111 1111", "5555555555554444", "", "not a number", "9" * 500])
def test_any_other_number_is_refused_and_not_kept(bank: Bank, number: str) -> None:
    session = create(bank)
    answer = http.post(session["url"], data={"card": number})
    assert answer.status_code == 402
    assert not number or number not in answer.text
    assert get(bank, f"checkout/sessions/{session['id']}")["payment_intent"] is None


def test_3d_secure_is_one_more_tap(bank: Bank) -> None:
    session = create(bank)
    step = http.post(session["url"], data={"card": "4000002500003155"})
    assert (step.status_code, step.headers["Location"]) == (303, f"/pay/{session['id']}/3ds")
    question = http.get(f"{session['url']}/3ds")
    buttons = Elements(question.text).all("button")
    assert [(b["name"], b["value"]) for b in buttons] == [("answer", "approve"), ("answer", "refuse")]
    answer = http.post(f"{session['url']}/3ds", data={"answer": "approve"})
    assert (answer.status_code, answer.headers["Location"]) == (303, session["success_url"])


@pytest.mark.parametrize("answer", ["refuse", "", "yes"])
def test_whatever_is_not_approval_charges_nothing(bank: Bank, answer: str) -> None:
    session = create(bank)
    http.post(session["url"], data={"card": "4000002500003155"})
    assert http.post(f"{session['url']}/3ds", data={"answer": answer}).status_code == 402
    assert bank.money()["charges"] == []


def test_approving_without_a_card_charges_nothing(bank: Bank) -> None:
    session = create(bank)
    answer = http.post(f"{session['url']}/3ds", data={"answer": "approve"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/pay/{session['id']}")
    assert bank.money()["charges"] == []


def test_approved_twice_it_is_charged_once(bank: Bank) -> None:
    session = create(bank)
    http.post(session["url"], data={"card": "4000002500003155"})
    for _ in range(3):
        assert http.post(f"{session['url']}/3ds", data={"answer": "approve"}).status_code == 303
    assert len(bank.money()["charges"]) == 1


def test_another_card_while_the_bank_asks_makes_the_question_void(bank: Bank) -> None:
    session = create(bank)
    http.post(session["url"], data={"card": "4000002500003155"})
    assert http.post(session["url"], data={"card": "4242424242424242"}).status_code == 303
    http.post(f"{session['url']}/3ds", data={"answer": "approve"})
    assert len(bank.money()["charges"]) == 1


# --- when there is nothing to pay -------------------------------------------------------------------------------


def test_a_paid_page_says_so_and_leads_back(bank: Bank) -> None:
    session = create(bank, locale="it")
    http.post(session["url"], data={"card": "4242424242424242"})
    answer = http.get(session["url"])
    assert answer.status_code == 200
    assert "<h1>Pagato</h1>" in answer.text
    assert f'href="{session["success_url"]}"' in answer.text
    assert Elements(answer.text).all("form") == []
    assert http.get(f"{session['url']}/3ds").status_code == 200


def test_an_expired_page_says_so(bank: Bank) -> None:
    session = create(bank, locale="zh", cancel_url="http://127.0.0.1:1/back")
    http.post(f"{bank.url}/v1/checkout/sessions/{session['id']}/expire", auth=AUTH)
    for answer in (
        http.get(session["url"]),
        http.get(f"{session['url']}/3ds"),
        http.post(session["url"], data={"card": "4242424242424242"}),
        http.post(f"{session['url']}/3ds", data={"answer": "approve"}),
    ):
        assert answer.status_code == 410
        assert "页面已过期" in answer.text
        assert 'href="http://127.0.0.1:1/back"' in answer.text


@pytest.mark.parametrize("path", ["pay/cs_none", "pay/cs_none/3ds", "pay/%00", "pay/" + "x" * 500])
def test_there_is_no_such_page(bank: Bank, path: str) -> None:
    for answer in (http.get(f"{bank.url}/{path}"), http.post(f"{bank.url}/{path}", data={"card": "4242424242424242"})):
        assert answer.status_code == 404


def test_the_connection_breaks_after_the_charge(bank: Bank) -> None:
    session = create(bank)
    with pytest.raises(httpx.RemoteProtocolError):
        http.post(session["url"], data={"card": "4000000000009110"})
    assert get(bank, f"checkout/sessions/{session['id']}")["payment_status"] == "paid"
    other = create(bank)
    bank.knobs(page_lost_percent=100)
    with pytest.raises(httpx.RemoteProtocolError):
        http.post(other["url"], data={"card": "4242424242424242"})
    assert len(bank.money()["charges"]) == 2


def test_the_front_door_leads_to_every_part(bank: Bank, shop: Shop) -> None:
    page = http.get(bank.url).text
    for part in (f"{shop.url}/", "/mail/", "/sandbox/list", "/sandbox/knobs"):
        assert f'href="{part}"' in page
    assert all(card.grouped in page for card in CARDS)
    assert http.get(bank.url, headers={"Accept-Language": "zh-TW"}).text.count("卡號") > 0
    assert SESSION["mode"] == "payment"
