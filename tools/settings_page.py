"""Write docs/settings.md from the settings that the code reads; `--check` says whether the page is up to date."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
HEAD = """# Settings

All settings come from the environment. A secret may instead come from a file: set `NAME_FILE` to its path.
This page is written by `python tools/settings_page.py` from the code that reads the settings.

| name | default | what it is |
|---|---|---|
"""
OTHERS = """
`LINEAVIVA_CLOCK` (an ISO instant, for rehearsals) lets a process believe that it starts at that instant.
"""


def page() -> str:
    os.environ.setdefault("LINEAVIVA_HOME", "var")
    importlib.import_module("lineaviva.config.settings")
    from lineaviva.config.env import READ

    rows = []
    for item in sorted(READ.values(), key=lambda item: item.name):
        default = f"`{item.default}`" if item.default else "empty"
        rows.append(f"| `{item.name}` | {default} | {item.help}{' Secret.' if item.secret else ''} |")
    return HEAD + "\n".join(rows) + "\n" + OTHERS


def main() -> None:
    written = page()
    if "--check" in sys.argv:
        sys.exit(
            None if PAGE.read_text() == written else "docs/settings.md is stale: run python tools/settings_page.py"
        )
    PAGE.write_text(written)


if __name__ == "__main__":
    main()
