"""CPU that programs have used, from /proc, with all their children, the ended ones too."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def used(roots: Mapping[str, int]) -> dict[str, float]:
    """Seconds of user and system time by name; several roots of one kind are named "carrier tim", "carrier ..."."""
    children: dict[int, list[int]] = {}
    for pid, fields in _processes().items():
        children.setdefault(int(fields[1]), []).append(pid)
    found: dict[str, float] = {}
    for name, root in roots.items():
        kind = name.partition(" ")[0]
        found[kind] = found.get(kind, 0.0) + _tree(root, children)
    return found


def _tree(root: int, children: Mapping[int, list[int]]) -> float:
    return _own(root) + sum(_tree(child, children) for child in children.get(root, []))


def _own(pid: int) -> float:
    """With what its children had used that have ended."""
    fields = _stat(pid)
    return sum(map(int, fields[11:15])) / _TICK if fields else 0.0


def _processes() -> dict[int, list[str]]:
    pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return {pid: fields for pid in pids if (fields := _stat(pid))}


def _stat(pid: int) -> list[str]:
    """The fields after the program's name, which may hold spaces; none for a process that has just ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
