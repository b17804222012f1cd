"""Settings come from the environment; a secret may come from the file that NAME_FILE names.

Each read is recorded in `READ`, from which docs/settings.md is generated.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True)
class Setting:
    name: str
    default: str
    help: str
    secret: bool = False


READ: dict[str, Setting] = {}


def text(name: str, default: str, help: str) -> str:
    READ[name] = Setting(name, default, help)
    return os.environ.get(name, default)


def number(name: str, default: int, help: str) -> int:
    value = text(name, str(default), help)
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None


def yes(name: str, default: bool, help: str) -> bool:
    value = text(name, "yes" if default else "no", help).strip().lower()
    if value in {"1", "yes", "true", "on"}:
        return True
    if value in {"0", "no", "false", "off", ""}:
        return False
    raise ImproperlyConfigured(f"{name} must be yes or no, not {value!r}.")


def words(name: str, default: str, help: str) -> list[str]:
    return [word.strip() for word in text(name, default, help).split(",") if word.strip()]


def secret(name: str, default: str, help: str) -> str:
    """The value of NAME, or the content of the file NAME_FILE names; ImproperlyConfigured if that cannot be read."""
    READ[name] = Setting(name, default, help, secret=True)
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return os.environ.get(name, default)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE names {path}, which cannot be read: {error.strerror}.") from error
