"""The tool that compiles and checks the catalogues of texts."""

from __future__ import annotations

import gettext
import os
from pathlib import Path

import pytest

from tools import compile_messages

PO = """\
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Language: it\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

"""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with one source and no catalogue yet."""
    monkeypatch.setattr(compile_messages, "ROOT", tmp_path)
    monkeypatch.setattr(compile_messages, "SRC", tmp_path / "src")
    monkeypatch.setattr(compile_messages, "LANGUAGES", ("it",))
    (tmp_path / "src").mkdir()
    return tmp_path / "src"


def source(tree: Path, text: str, name: str = "a.py") -> None:
    (tree / name).write_text(text, encoding="utf-8")


def catalogue(tree: Path, text: str) -> Path:
    path = tree / "locale" / "it" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PO + text, encoding="utf-8")
    return path


def test_our_own_texts_are_complete() -> None:
    assert compile_messages.problems() == []


def test_a_catalogue_is_compiled_once(tree: Path) -> None:
    path = catalogue(tree, 'msgid "Renew"\nmsgstr "Rinnova"\n')
    assert compile_messages.compile_all() == 1
    with path.with_suffix(".mo").open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("Renew") == "Rinnova"
    assert compile_messages.compile_all() == 0
    os.utime(path, (path.stat().st_mtime + 10,) * 2)
    assert compile_messages.compile_all() == 1
    assert sorted(found.name for found in path.parent.iterdir()) == ["django.mo", "django.po"]


def test_a_fuzzy_text_is_not_compiled(tree: Path) -> None:
    path = catalogue(tree, '#, fuzzy\nmsgid "Renew"\nmsgstr "Rinnova"\n')
    compile_messages.compile_all()
    with path.with_suffix(".mo").open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("Renew") == "Renew"


@pytest.mark.parametrize(
    ("code", "po", "problem"),
    [
        pytest.param('_("Renew")', "", "not in it: 'Renew'", id="missing"),
        pytest.param('_("Renew")', 'msgid "Renew"\nmsgstr ""\n', "not in it: 'Renew'", id="empty"),
        pytest.param('_("Renew")', '#, fuzzy\nmsgid "Renew"\nmsgstr "R"\n', "not in it: 'Renew'", id="fuzzy"),
        pytest.param('gettext_noop("Renew")', "", "not in it: 'Renew'", id="marked only"),
        pytest.param('pgettext("order", "Active")', 'msgid "Active"\nmsgstr "A"\n', "not in it: 'A", id="context"),
        pytest.param('_("by %(on)s")', 'msgid "by %(on)s"\nmsgstr "entro %(or)s"\n', "placeholders differ", id="name"),
        pytest.param('_("by %(on)s")', 'msgid "by %(on)s"\nmsgstr "entro"\n', "placeholders differ", id="lost name"),
        pytest.param('_("by {on}")', 'msgid "by {on}"\nmsgstr "entro {or}"\n', "placeholders differ", id="braces"),
        pytest.param('_("<b>x</b>")', 'msgid "<b>x</b>"\nmsgstr "<b>x"\n', "placeholders differ", id="markup"),
        pytest.param('ngettext("a", "b", n)', 'msgid "a"\nmsgstr "c"\n', "plural forms differ", id="no plural"),
        pytest.param(
            'ngettext("%(n)s a", "%(n)s b", n)',
            'msgid "%(n)s a"\nmsgid_plural "%(n)s b"\nmsgstr[0] "uno"\nmsgstr[1] "%(m)s"\n',
            "placeholders differ",
            id="plural name",
        ),
    ],
)
def test_what_is_not_right_is_named(code: str, po: str, problem: str, tree: Path) -> None:
    source(tree, code + "\n")
    catalogue(tree, po)
    (found,) = compile_messages.problems()
    assert found.startswith("src/a.py:1: ")
    assert problem in found


@pytest.mark.parametrize(
    ("code", "po"),
    [
        ('_("Renew")', 'msgid "Renew"\nmsgstr "Rinnova"\n'),
        ('_("by %(on)s")', 'msgid "by %(on)s"\nmsgstr "entro %(on)s"\n'),
        ('pgettext("order", "Active")', 'msgctxt "order"\nmsgid "Active"\nmsgstr "Attivo"\n'),
        (
            'ngettext("one a", "%(n)s b", n)',
            'msgid "one a"\nmsgid_plural "%(n)s b"\nmsgstr[0] "uno"\nmsgstr[1] "%(n)s b"\n',
        ),
        ('other("Renew")', ""),
    ],
)
def test_what_is_right_passes(code: str, po: str, tree: Path) -> None:
    source(tree, code + "\n")
    catalogue(tree, po)
    assert compile_messages.problems() == []


@pytest.mark.parametrize(
    ("template", "msgid"),
    [
        ('{% translate "Renew" %}', "Renew"),
        ("{% translate 'Renew' %}", "Renew"),
        ("{% blocktranslate %}by {{ on }}{% endblocktranslate %}", "by %(on)s"),
        ("{% blocktranslate trimmed with on=a|day %}\n  by {{ on }}\n  now\n{% endblocktranslate %}", "by %(on)s now"),
        ("{% blocktranslate count n=a %}one{% plural %}{{ n }}{% endblocktranslate %}", "one"),
        ('{% translate "Active" context "order" %}', "Active"),
    ],
)
def test_texts_of_templates_are_found(template: str, msgid: str, tree: Path) -> None:
    source(tree, template, "page.html")
    (found,) = compile_messages.problems()
    assert found.endswith(f"not in it: {msgid!r}")


def test_a_catalogue_that_says_no_charset_is_named(tree: Path) -> None:
    path = catalogue(tree, "")
    path.write_text('msgid "Renew"\nmsgstr "Rinnova"\n', encoding="utf-8")
    assert compile_messages.problems() == ["src/locale/it/LC_MESSAGES/django.po: has no header with charset=UTF-8"]


def test_what_is_missing_is_printed_to_be_filled_in(tree: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    source(tree, '_("Renew")\n')
    catalogue(tree, "")
    compile_messages.missing("it")
    assert b'#: src/a.py:1\nmsgid "Renew"\nmsgstr ""' in capsysbinary.readouterr().out
