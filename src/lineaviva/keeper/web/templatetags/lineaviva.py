"""Filters and tags of the pages: icons, files with their version, dates, money and numbers by locale."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache, lru_cache
from hashlib import sha256
from typing import Any

from django import template
from django.contrib.staticfiles import finders
from django.forms import BaseForm
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from lineaviva.keeper.web import locales
from lineaviva.keeper.web.offers import Offer, Shown
from lineaviva.kernel import clock, mask

register = template.Library()


@cache
def asset(path: str) -> str:
    """The URL of a static file, with a version taken from its content: a new one is never hidden by an old copy."""
    found = finders.find(path)
    if not isinstance(found, str):
        raise LookupError(f"There is no static file {path}.")
    with open(found, "rb") as file:
        version = sha256(file.read()).hexdigest()[:8]
    return f"{static(path)}?v={version}"


register.simple_tag(asset, name="asset")


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str, kind: str = "") -> SafeString:
    """One drawing of the sprite; it says nothing to a screen reader, since a word always stands beside it."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"></use></svg>', kind, asset("web/icons.svg"), name
    )


@register.inclusion_tag("web/_copied.html")
def copied(name: str, text: str) -> dict[str, str]:
    """A text to be copied by a button, or selected by a tap where there is no script; `name` is its id."""
    return {"name": name, "text": text}


@register.simple_tag
def offer_words(offer: Offer) -> SafeString:
    """An offer as it stands in a list; a price list is set once for all readers of a language."""
    return _offer_words(offer.shown, locales.language())


@lru_cache(maxsize=1024)
def _offer_words(shown: Shown, _language: str) -> SafeString:
    return render_to_string("web/_offer.html", {"offer": shown.offer})


@register.filter
def day(value: date | None) -> SafeString | str:
    """`<time>` with weekday, day, month and year; empty for None."""
    return locales.time_tag(value.isoformat(), locales.day(value)) if value else ""


@register.filter
def short_day(value: date | None) -> SafeString | str:
    return locales.time_tag(value.isoformat(), locales.short_day(value)) if value else ""


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """`<time>` with day, year and time of day in Rome."""
    return locales.time_tag(value.isoformat(), locales.moment(value)) if value else ""


@register.filter
def clock_time(value: datetime | None) -> SafeString | str:
    """`<time>` with hour and minute in Rome, for what happens today."""
    return locales.time_tag(value.isoformat(), locales.clock_time(value)) if value else ""


@register.filter
def short_moment(value: datetime | None) -> SafeString | str:
    """The time of day to the second for what happened today, else day and time: steps follow each other in seconds."""
    if value is None:
        return ""
    today = clock.rome_date(value) == clock.rome_date(clock.now())
    words = locales.clock_time(value, seconds=True) if today else locales.moment(value)
    return locales.time_tag(value.isoformat(), words)


@register.filter
def relative(value: date | int | None, today: date | None = None) -> str:
    """How far away a day is from `today`; a number is taken as days."""
    if value is None:
        return ""
    days = value if isinstance(value, int) else (value - today).days if today else 0
    return locales.relative(days)


@register.filter
def money(value: Any, currency: str = "EUR") -> str:
    """An amount as its reader writes it: a Money, or minor units of `currency`."""
    if value is None:
        return ""
    minor = value if isinstance(value, int) else value.minor
    return locales.money(minor, currency if isinstance(value, int) else value.currency)


@register.filter
def phone(value: str) -> str:
    return locales.phone(value)


@register.filter
def masked(value: str) -> str:
    return mask.masked(value)


@register.filter
def last_four(value: str) -> str:
    return value[-4:]


@register.filter
def spaced(value: str) -> str:
    return locales.spaced(value)


@register.filter
def grouped(value: int) -> str:
    return locales.grouped(value)


@register.filter
def volume(value: Any) -> str:
    return locales.data_volume(value)


@register.filter
def item(mapping: Any, key: str) -> Any:
    return mapping.get(key) if mapping else None


@register.filter
def first_error(form: BaseForm) -> str:
    """The first sentence that a form with a single field has against what was sent."""
    return next((str(error) for errors in form.errors.values() for error in errors), "")
