"""Logs: one structured line each, with every long number masked whatever a caller passes in."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

# Numbers that must never be whole in a log: MSISDN, ICCID, EID, IMSI, card numbers.
_LONG_NUMBER = re.compile(r"\+?\d{5,}(\d{4})\b")
# Addresses that open something for whoever has them: a line's renewal, an eSIM, an account, an operator's reports.
_SECRET_PATH = re.compile(r"(/(?:r|e|sign-in|es2plus/[\w.-]+)/)[^/\s\"'?]{12,}")
_ACTIVATION_CODE = re.compile(r"(?i)LPA:1\$[^\s\"']+|\b1\$[\w.-]+\$[^\s\"']*|(?<=carddata=)[^\s\"'&]+")


def mask_text(text: str) -> str:
    """`text` with long numbers cut to their last four digits; activation codes and the keys in our links left out."""
    return _LONG_NUMBER.sub(r"…\1", _SECRET_PATH.sub(r"\1[key]", _ACTIVATION_CODE.sub("[activation code]", text)))


def _mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str) and key not in {"timestamp", "level"}:
            event[key] = mask_text(value)
    return event


def configure(*, level: str = "INFO") -> None:
    """Set up structlog and the standard library's logging; called once by each process."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
        _mask,
    ]
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=True) if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("httpx", "stripe", "asyncio"):
        logging.getLogger(chatty).setLevel("WARNING")
