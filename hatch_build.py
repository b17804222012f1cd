"""Compiles the catalogues of texts before a wheel is built: they are not kept in git, and pages are English without."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompiledMessages(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        tool = runpy.run_path(str(Path(self.root) / "tools" / "compile_messages.py"))
        tool["compile_all"]()
        build_data["artifacts"].append("src/lineaviva/**/*.mo")
