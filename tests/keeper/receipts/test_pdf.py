"""The receipt as page rows and as PDF, in four languages."""

from __future__ import annotations

import io
import re
from datetime import datetime
from typing import Any

import pypdf
import pytest

from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.receipts import pdf
from lineaviva.keeper.receipts.actions import receipt_issue
from lineaviva.keeper.receipts.models import Receipt
from lineaviva.keeper.receipts.queries import receipt_view
from tests.keeper.receipts.conftest import receipt_like

LANGUAGES = ("zh-hans", "zh-hant", "it", "en")
pytestmark = pytest.mark.django_db


@pytest.fixture
def receipt(order: ProductOrder, now: datetime) -> Receipt:
    return receipt_issue(order=order, now=now)


def opened(receipt: Receipt) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(pdf.render(receipt)))


def text_of(receipt: Receipt) -> str:
    """The PDF's text without any space, as spaces in a PDF are a matter of taste."""
    return squeezed("".join(page.extract_text() for page in opened(receipt).pages))


def squeezed(text: str) -> str:
    return re.sub(r"[\s\u200b]", "", text)


# --- the rows -----------------------------------------------------------------------------------------------------


def test_the_rows_of_a_receipt(receipt: Receipt) -> None:
    view = receipt_view(receipt_like(receipt, language="en", discount_minor=50, promotion="Autumn", total_minor=450))

    code = receipt.order.code
    assert [(row.label, row.value) for row in view.rows] == [
        ("Receipt number", "LV-2026-000001"),
        ("Issued on", "22 November 2026 12:00"),
        ("Issued by", "Lineaviva"),
        ("Name of the line", "Mamma"),
        ("Number", "347 123 4567"),
        ("Operator", "TIM"),
        ("Product", "Top-up · €5.00"),
        ("Price", "€5.00"),
        ("Discount: Autumn", "-€0.50"),
        ("Total paid", "€4.50"),
        ("Paid with", "Cash at the counter"),
        ("Paid on", "22 November 2026 12:10"),
        ("Payment reference", f"pay:{code}:1"),
        ("Order code", code),
        ("Active since", "22 November 2026 12:11"),
        ("Operator's reference", "TIM-0000012345"),
        ("Our reference", f"LV-{code}"),
        ("Calls, SMS and data work until", "not known → 22 November 2027"),
        ("Still receives until", "not known → 22 December 2027"),
        ("Number is kept until", "not known → 22 November 2028"),
    ]
    assert view.notes == [
        "No VAT is shown: VAT on telephone top-ups is paid once, by the operator, and is contained in the price "
        "(art. 74, par. 1, letter d, Presidential Decree 633/1972).",
        "This receipt proves a payment and a renewal; it is not an invoice.",
    ]
    assert [row.label for row in view.rows if row.strong] == ["Receipt number", "Total paid"]


def test_a_plan_has_its_name_and_no_word_about_tax(receipt: Receipt) -> None:
    view = receipt_view(receipt_like(receipt, language="en", kind="plan", offering="Spark", tax=""))

    assert ("Product", "Plan · Spark") in [(row.label, row.value) for row in view.rows]
    assert view.notes == ["This receipt proves a payment and a renewal; it is not an invoice."]


def test_what_is_not_there_has_no_row(receipt: Receipt) -> None:
    bare = receipt_like(receipt, language="en", label="", operator_reference="", own=False, paid_at=None)

    labels = {row.label: row.value for row in receipt_view(bare).rows}

    assert labels["Number"] == "••• 4567"
    assert not {"Name of the line", "Operator's reference", "Paid on", "Discount"} & set(labels)


@pytest.mark.parametrize(("issued_to_holder", "reader_holds_it"), [(True, False), (False, True)])
def test_the_reader_decides_how_much_of_the_number_is_shown(
    issued_to_holder: bool, reader_holds_it: bool, receipt: Receipt
) -> None:
    shown = receipt_like(receipt, own=issued_to_holder)

    assert (receipt_view(shown).phone == "347 123 4567") is issued_to_holder
    assert (receipt_view(shown, own=reader_holds_it).phone == "347 123 4567") is reader_holds_it
    text = squeezed(pypdf.PdfReader(io.BytesIO(pdf.render(shown, own=reader_holds_it))).pages[0].extract_text())
    assert ("3471234567" in text) is reader_holds_it


def test_a_date_that_neither_side_knows_has_no_row(receipt: Receipt) -> None:
    nothing: dict[str, Any] = dict.fromkeys(receipt.facts["dates_after"])
    view = receipt_view(receipt_like(receipt, language="en", dates_after=nothing))

    assert (view.moves, view.valid_until) == ([], "not known")


@pytest.mark.parametrize(
    ("language", "title", "until", "total"),
    [
        ("zh-hans", "收据", "2027年11月22日", "€5.00"),
        ("zh-hant", "收據", "2027年11月22日", "€5.00"),
        ("it", "Ricevuta", "22 novembre 2027", "5,00\xa0€"),
        ("en", "Receipt", "22 November 2027", "€5.00"),
    ],
)
def test_the_language_of_the_order(language: str, title: str, until: str, total: str, receipt: Receipt) -> None:
    view = receipt_view(receipt_like(receipt, language=language))

    assert (view.title, view.valid_until) == (title, until)
    assert [row.value for row in view.section("amount").rows if row.strong] == [total]


def test_no_language_shows_anothers_words(receipt: Receipt) -> None:
    def labels(language: str) -> set[str]:
        view = receipt_view(receipt_like(receipt, language=language))
        return {row.label for row in view.rows} | {view.title, view.headline, view.proof_words, *view.notes}

    assert not labels("en") & labels("it")
    assert not labels("en") & (labels("zh-hans") | labels("zh-hant"))


# --- the PDF ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pdf_shows_what_the_page_shows(language: str, receipt: Receipt) -> None:
    shown = receipt_like(receipt, language=language, discount_minor=50, promotion="Autumn", total_minor=450)
    view, text = receipt_view(shown), text_of(shown)

    # The upper part shows line, number and operator without their labels, the head issuer and number.
    sections = [row for key in ("amount", "payment", "activation") for row in view.section(key).rows]
    told = [view.title, view.number, view.issuer, view.issued, view.phone, view.operator, view.label, view.headline]
    told += [*(word for row in sections for word in (row.label, row.value)), *view.notes, view.proof_words]
    told += [word for move in view.moves for word in (move.label, move.before, move.after)]
    assert [word for word in told if squeezed(word) not in text] == []


@pytest.mark.parametrize(
    ("language", "label", "family"),
    [
        ("zh-hans", "妈妈的号码", "NotoSansCJKsc-Bold"),
        ("zh-hant", "媽媽的門號", "NotoSansCJKtc-Bold"),
        ("zh-hant", "妈妈的号码", "NotoSansCJKsc-Bold"),
        ("it", "妈妈的号码", "NotoSansCJKsc-Bold"),
        ("en", "媽媽的門號 龘", "NotoSansCJKtc-Bold"),
    ],
)
def test_chinese_is_really_there(language: str, label: str, family: str, receipt: Receipt) -> None:
    shown = receipt_like(receipt, language=language, label=label)

    reader = opened(shown)

    assert squeezed(label.replace("龘", "□")) in text_of(shown)
    page: Any = reader.pages[0]
    fonts = [font.get_object() for font in page["/Resources"]["/Font"].values()]
    embedded = {str(font["/BaseFont"]).partition("+")[2].removesuffix("-Identity-H"): font for font in fonts}
    assert family in embedded
    # Each character is in a font inside the PDF whose table maps one of its outlines back to it.
    tables = "".join(font["/ToUnicode"].get_object().get_data().decode("latin-1").upper() for font in fonts)
    assert [char for char in squeezed(label.replace("龘", "")) if f"<{ord(char):04X}>" not in tables] == []
    descriptor = embedded[family]["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
    assert len(descriptor["/FontFile3"].get_object().get_data()) > 500


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_receipt_has_the_same_bytes(language: str, receipt: Receipt) -> None:
    shown = receipt_like(receipt, language=language)

    first = pdf.render(shown)
    pdf._compiler.cache_clear()

    assert pdf.render(shown) == first


def test_another_receipt_has_other_bytes(receipt: Receipt) -> None:
    assert pdf.render(receipt) != pdf.render(receipt_like(receipt, label="Nonna"))


def test_title_language_and_date_are_in_the_file(receipt: Receipt) -> None:
    reader = opened(receipt)

    assert reader.metadata is not None
    assert (reader.metadata.title, reader.metadata.author) == ("Ricevuta LV-2026-000001", "Lineaviva")
    assert reader.metadata.creation_date is not None
    assert reader.metadata.creation_date.date().isoformat() == "2026-11-22"
    root: Any = reader.trailer["/Root"]
    assert root["/Lang"] == "it-IT"
    assert "/StructTreeRoot" in root  # tagged, for those who have it read to them


@pytest.mark.parametrize(
    "label",
    [
        pytest.param('#panic("no") *bold* $x$ @ref <l> `raw` // gone', id="markup"),
        pytest.param("\\u{41} \" ' } ] { [", id="quotes and brackets"),
        pytest.param("= Heading", id="heading"),
    ],
)
def test_what_a_holder_typed_is_never_read_as_markup(label: str, receipt: Receipt) -> None:
    assert squeezed(label) in text_of(receipt_like(receipt, label=label))


def test_what_no_font_has_is_a_box(receipt: Receipt) -> None:
    assert squeezed("□ Nonna □□") in text_of(receipt_like(receipt, label="📱 Nonna 엄마"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"label": "W" * 60}, id="a long label"),
        pytest.param({"label": "妈" * 60}, id="a long Chinese label"),
        pytest.param({"payment_reference": "cs_test_" + "a1B2" * 28}, id="a long payment reference"),
        pytest.param({"operator_reference": "x" * 120}, id="a long operator reference"),
        pytest.param(
            {"promotion": "P" * 60, "discount_minor": 50, "offering": "O" * 120, "kind": "plan"}, id="long names"
        ),
        pytest.param(
            {"issuer": "Telefonia Internazionale Wang & figli S.n.c., via Pistoiese 1, 59100 Prato"}, id="a long issuer"
        ),
    ],
)
def test_long_texts_stay_on_one_page_and_inside_it(language: str, facts: dict[str, Any], receipt: Receipt) -> None:
    shown = receipt_like(receipt, language=language, **facts)
    reader = opened(shown)

    assert len(reader.pages) == 1
    assert (round(reader.pages[0].mediabox.width), round(reader.pages[0].mediabox.height)) == (420, 595)  # A5
    (value,) = [str(v) for v in facts.values() if len(str(v)) >= 60 and str(v) in str(facts)][:1]
    assert squeezed(value) in text_of(shown)


def test_what_is_too_much_for_one_page_goes_on_the_next(receipt: Receipt) -> None:
    facts: dict[str, Any] = {"promotion": "P" * 90, "discount_minor": 50, "offering": "O" * 120, "kind": "plan"}
    shown = receipt_like(receipt, label="W" * 60, payment_reference="a1B2" * 30, operator_reference="x" * 120, **facts)

    first, second = (squeezed(page.extract_text()) for page in opened(shown).pages)

    assert "LV-2026-000001·1/2" in first
    assert "LV-2026-000001·2/2" in second
    assert squeezed(receipt_view(shown).proof_words) in second


def test_the_code_leads_to_the_proof_page(receipt: Receipt) -> None:
    page: Any = opened(receipt).pages[0]
    links = [annot.get_object()["/A"]["/URI"] for annot in page["/Annots"]]

    assert links == [f"http://127.0.0.1:8000/proof/{receipt.proof_token}/"]


def test_an_operator_that_left_the_rulebook_still_has_its_receipts(receipt: Receipt) -> None:
    assert "Blu" in text_of(receipt_like(receipt, operator="blu", operator_name="Blu"))


def test_the_fonts_of_the_package_are_free_and_small() -> None:
    files = list(pdf.FONTS.iterdir())

    assert "SIL OPEN FONT LICENSE Version 1.1" in (pdf.FONTS / "OFL.txt").read_text()
    assert sum(path.stat().st_size for path in files) < 8_000_000


def test_every_character_of_our_own_words_can_be_printed(receipt: Receipt) -> None:
    for language in LANGUAGES:
        assert "□" not in str(pdf._texts(receipt_view(receipt_like(receipt, language=language))))
        assert "□" not in text_of(receipt_like(receipt, language=language))
