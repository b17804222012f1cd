"""Dates, amounts and numbers as the four languages write them; the year is always there."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.utils.translation import override

from lineaviva.keeper.web import locales
from lineaviva.kernel.money import Money

DAY = date(2026, 12, 4)
AT = datetime(2026, 12, 4, 13, 20, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "day", "short", "moment"),
    [
        ("zh-hans", "2026年12月4日周五", "2026年12月4日", "2026年12月4日周五 14:20"),
        ("zh-hant", "2026年12月4日 週五", "2026年12月4日", "2026年12月4日 週五 14:20"),
        ("it", "ven 4 dic 2026", "4 dic 2026", "ven 4 dic 2026 14:20"),
        ("en", "Fri 4 Dec 2026", "4 Dec 2026", "Fri 4 Dec 2026 14:20"),
    ],
)
def test_days_and_moments(language: str, day: str, short: str, moment: str) -> None:
    with override(language):
        assert locales.day(DAY) == day
        assert locales.short_day(DAY) == short
        assert locales.moment(AT) == moment
        assert locales.clock_time(AT) == "14:20"
        assert locales.clock_time(AT, seconds=True) == "14:20:07"


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("zh-hans", ["400 天前", "昨天", "今天", "明天", "12 天后", "1,200 天后"]),
        ("zh-hant", ["400 天前", "昨天", "今天", "明天", "12 天後", "1,200 天後"]),
        ("it", ["400 giorni fa", "ieri", "oggi", "domani", "tra 12 giorni", "tra 1.200 giorni"]),
        ("en", ["400 days ago", "yesterday", "today", "tomorrow", "in 12 days", "in 1,200 days"]),
    ],
)
def test_how_far_away_a_day_is(language: str, expected: list[str]) -> None:
    with override(language):
        assert [locales.relative(days) for days in (-400, -1, 0, 1, 12, 1200)] == expected


@pytest.mark.parametrize(
    ("language", "amount"),
    [("zh-hans", "€1,234.50"), ("zh-hant", "€1,234.50"), ("it", "1.234,50 €"), ("en", "€1,234.50")],
)
def test_amounts(language: str, amount: str) -> None:
    with override(language):
        assert locales.money(123450).replace("\xa0", " ") == amount
        assert locales.money(123450) == Money(123450).format(language)


@pytest.mark.parametrize(
    ("megabytes", "text"),
    [
        (0, "0 MB"),
        (500, "500 MB"),
        (1000, "1 GB"),
        (1024, "1 GB"),
        (5120, "5 GB"),
        (102400, "100 GB"),
        (1536, "1.5 GB"),
    ],
)
def test_data_volumes(megabytes: int, text: str) -> None:
    with override("en"):
        assert locales.data_volume(megabytes) == text


def test_a_volume_has_the_decimal_mark_of_its_reader() -> None:
    with override("it"):
        assert locales.data_volume(1536) == "1,5 GB"


def test_numbers_and_codes_come_in_groups() -> None:
    assert locales.phone("+393471234567") == "347 123 4567"
    assert locales.spaced("2K7M5FPW") == "2K7M\xa05FPW"
    assert locales.spaced("12345") == "12345"


def test_a_language_of_nobody_is_taken_for_the_first_of_ours() -> None:
    with override("fr"):
        assert locales.language() == "zh-hans"
