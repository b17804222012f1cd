"""A key of this installation's own, made when it is first asked for."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def key_kept(path: Path) -> str:
    """The key in this file, 48 random bytes as text; made if there is none, and on the disk before anybody has it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written under another name first: two processes starting at once must end with the same key.
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text(encoding="ascii").strip()
