"""On which line of a TOML text each key stands, since tomllib does not say.

Only for texts that tomllib has already read: of a valid text only the structure is followed here, no value is checked.
"""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SKIP = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SCALAR = re.compile(r"[^,\]}\n#]*")
# The four kinds of string; the long ones first, since \"\" also starts \"\"\".
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)


def positions(text: str) -> dict[Path, int]:
    """Line (from 1) of every table, key and array element of `text`, by the path that leads to it in the document.

    An array of tables adds the index: ("plans", "offers", 0, "price").
    """
    return _Scanner(text).scan()


def line_of(found: dict[Path, int], path: Path) -> int:
    """The line of `path`, or of the nearest thing around it that stands in the text."""
    while path and path not in found:
        path = path[:-1]
    return found.get(path, 1)


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, int] = {}
        # How many tables each array of tables has had so far.
        self.counts: dict[Path, int] = {}

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        self._skip()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip()
        return self.found

    def _header(self) -> Path:
        line = self._line()
        many = self.text.startswith("[[", self.at)
        self.at += 2 if many else 1
        keys = self._keys()
        self.at += 2 if many else 1
        path = self._through_arrays(keys[:-1], line)
        last: Path = (*path, keys[-1])
        if many:
            self._mark(last, line)
            index = self.counts.get(last, 0)
            self.counts[last] = index + 1
            last = (*last, index)
        elif last in self.counts:
            last = (*last, self.counts[last] - 1)
        self._mark(last, line)
        return last

    def _through_arrays(self, keys: list[str], line: int) -> Path:
        """The path of `keys`, going into the latest table of every array of tables on the way."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            self._mark(path, line)
            if path in self.counts:
                path = (*path, self.counts[path] - 1)
        return path

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = table
        for key in self._keys():
            path = (*path, key)
            self._mark(path, line)
        self.at += 1  # the =
        self._value(path)

    def _keys(self) -> list[str]:
        """A dotted key; ends at what follows it."""
        keys = []
        while True:
            self._blanks()
            start = self.at
            if self._past(_STRING):
                keys.append(self.text[start + 1 : self.at - 1])
            else:
                self._past(_BARE)
                keys.append(self.text[start : self.at])
            self._blanks()
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def _value(self, path: Path) -> None:
        self._blanks()
        first = self.text[self.at]
        if first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        elif not self._past(_STRING):
            self._past(_SCALAR)

    def _array(self, path: Path) -> None:
        self.at += 1
        self._skip()
        index = 0
        while self.text[self.at] != "]":
            self._mark((*path, index), self._line())
            self._value((*path, index))
            index += 1
            self._skip()
            if self.text[self.at] == ",":
                self.at += 1
                self._skip()
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        self._skip()
        while self.text[self.at] != "}":
            self._pair(path)
            self._skip()
            if self.text[self.at] == ",":
                self.at += 1
                self._skip()
        self.at += 1

    def _skip(self) -> None:
        """Blanks, line ends and comments."""
        self._past(_SKIP)

    def _past(self, pattern: re.Pattern[str]) -> bool:
        """Go behind `pattern` if it stands here."""
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found is not None

    def _blanks(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1

    def _mark(self, path: Path, line: int) -> None:
        self.found.setdefault(path, line)

    def _line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1
