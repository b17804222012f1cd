"""The pretend world's own texts, in the four languages.

Small tables, apart from the keeper's translations: a real bank's or phone's pages are not translated by us either.
"""

from __future__ import annotations

from collections.abc import Mapping

# The order of the texts in a table's rows.
LANGUAGES = ("en", "it", "zh-hans", "zh-hant")
_BY_LOCALE = {"it": "it", "zh": "zh-hans", "zh-TW": "zh-hant", "zh-HK": "zh-hant", "en": "en"}

Table = Mapping[str, tuple[str, str, str, str]]


def language_of(locale: str, accept: str = "") -> str:
    """The page's language for a session's locale; with `auto`, the first one of the browser's that we have."""
    if locale in _BY_LOCALE:
        return _BY_LOCALE[locale]
    for wanted in accept.split(","):
        tag = wanted.split(";")[0].strip()
        for known in (tag, tag[:2]):
            if known in _BY_LOCALE:
                return _BY_LOCALE[known]
    return "en"


def column(table: Table, language: str) -> dict[str, str]:
    """All texts of one language by name."""
    place = LANGUAGES.index(language)
    return {name: texts[place] for name, texts in table.items()}
