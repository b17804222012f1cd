"""Filters that say the rulebook's reasons and sources in the reader's language."""

from __future__ import annotations

from urllib.parse import urlsplit

from django import template

from lineaviva.keeper.web import reasons
from lineaviva.rulebook.facts import Source

register = template.Library()
register.filter("reason", reasons.say)
register.filter("other", reasons.say_other)
register.filter("source_kind", reasons.say_kind)
register.filter("source_date", reasons.say_date)


@register.filter
def site(source: Source) -> str:
    """The host that a source was read at, without www."""
    return (urlsplit(source.url).hostname or source.url).removeprefix("www.")
