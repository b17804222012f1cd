"""Compile every django.po under src/ to the .mo beside it, where that is missing or older.

`--check` reads instead: every text that Python sources and templates mark for translation must stand in a catalogue of
each language, translated, not fuzzy, and with the same placeholders. `--missing LANGUAGE` prints what is not, as a
catalogue to be filled in.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src" / "lineaviva"
LANGUAGES = ("zh_Hans", "zh_Hant", "it")
KEYWORDS: dict[str, tuple[Any, ...] | None] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
}
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}|</?\w+[^>]*>")

Key = tuple[str | None, str]


def catalogues(language: str = "*") -> list[Path]:
    return sorted(SRC.rglob(f"locale/{language}/LC_MESSAGES/django.po"))


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.parent.parent.name, abort_invalid=True)


def compile_all() -> int:
    """How many were written. Each is renamed into place: whoever starts meanwhile reads the old one or the new one."""
    written = 0
    for path in catalogues():
        target = path.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= path.stat().st_mtime:
            continue
        draft = target.with_suffix(".draft")
        with draft.open("wb") as file:
            write_mo(file, read(path))
        draft.replace(target)
        written += 1
    return written


# --- checking -----------------------------------------------------------------------------------------------------


def marked() -> Catalog:
    """Every text that our sources mark, with the places where it stands."""
    found = Catalog()
    for path in sorted(SRC.rglob("*")):
        if path.suffix in {".py", ".html", ".txt", ".js"} and "locale" not in path.parts and "static" not in path.parts:
            place = str(path.relative_to(ROOT))
            for line, text, comments, context in _marked_in(path):
                if text and text[0] if isinstance(text, tuple) else text:
                    found.add(text, locations=[(place, line)], auto_comments=comments, context=context)
    return found


def _marked_in(path: Path) -> Iterator[Any]:
    if path.suffix == ".py":
        return iter(extract_from_file("python", path, keywords=KEYWORDS))
    from enmerkar.extract import extract_django

    return _as_messages(extract_django(BytesIO(path.read_bytes()), KEYWORDS, [], {}))


def _as_messages(found: Iterator[Any]) -> Iterator[Any]:
    """Template texts in the form that Babel's own extraction gives."""
    for line, function, text, comments in found:
        if function == "pgettext":
            yield line, text[1], comments, text[0]
        elif function == "npgettext":
            yield line, tuple(text[1:]), comments, text[0]
        else:
            yield line, tuple(text) if function == "ngettext" else text, comments, None


def key(message: Message) -> Key:
    text = message.id[0] if isinstance(message.id, tuple) else message.id
    return (message.context or None, str(text))


def translated(language: str) -> dict[Key, Message]:
    """The messages of all our catalogues of a language that a reader would be shown."""
    found: dict[Key, Message] = {}
    for path in catalogues(language):
        for message in read(path):
            if message.id and not message.fuzzy and all(_strings(message)):
                found[key(message)] = message
    return found


def _strings(message: Message) -> list[str]:
    text = message.string
    return [str(part) for part in text] if isinstance(text, list | tuple) else [str(text or "")]


def _ids(message: Message) -> list[str]:
    return [str(part) for part in message.id] if isinstance(message.id, list | tuple) else [str(message.id)]


def problems() -> list[str]:
    """What --check finds, one sentence each."""
    wanted = [message for message in marked() if message.id]
    found = [f"{path}: {error}" for path, error in _unreadable()]
    for language in LANGUAGES:
        have = translated(language)
        for message in wanted:
            where = f"{message.locations[0][0]}:{message.locations[0][1]}"
            translation = have.get(key(message))
            if translation is None:
                found.append(f"{where}: not in {language}: {_ids(message)[0]!r}")
            elif wrong := _wrong(message, translation):
                found.append(f"{where}: {language}: {wrong}: {_ids(message)[0]!r}")
    return found


def _unreadable() -> Iterator[tuple[str, str]]:
    for path in catalogues():
        text = path.read_text(encoding="utf-8")
        if '\nmsgid ""\nmsgstr ""\n' not in f"\n{text}" or "charset=UTF-8" not in text:
            yield str(path.relative_to(ROOT)), "has no header with charset=UTF-8"


def _wrong(message: Message, translation: Message) -> str:
    """Why a translation cannot stand for its text; empty where it can."""
    if isinstance(message.id, tuple) != isinstance(translation.id, list | tuple):
        return "plural forms differ"
    # The plural names all placeholders; a singular may say "one" instead of the number.
    most = Counter(_PLACEHOLDER.findall(_ids(message)[-1]))
    least = Counter(_PLACEHOLDER.findall(_ids(message)[0]))
    for text in _strings(translation):
        used = Counter(_PLACEHOLDER.findall(text))
        if used not in (most, least) and not (isinstance(message.id, tuple) and used <= most):
            return "placeholders differ"
    return ""


def missing(language: str) -> None:
    """Print what a language lacks as a catalogue."""
    have = translated(language)
    lacking = Catalog(locale=language, charset="UTF-8")
    for message in marked():
        if message.id and key(message) not in have:
            lacking.add(message.id, locations=message.locations[:1], context=message.context)
    write_po(sys.stdout.buffer, lacking, width=0, omit_header=True)


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == ["--missing"] and len(arguments) == 2:
        return missing(arguments[1])
    if arguments == ["--check"]:
        found = problems()
        print("\n".join(found) or "Every text is translated.")
        sys.exit(bool(found))
    if arguments:
        sys.exit("usage: compile_messages.py [--check | --missing LANGUAGE]")
    print(f"{compile_all()} catalogues compiled.")
    return None


if __name__ == "__main__":
    main()
