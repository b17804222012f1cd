"""The `lineaviva` command. Each area is a module of this folder; it is imported only when one of its commands runs."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from lineaviva.cli.output import show_error
from lineaviva.kernel.errors import AdapterError, LineavivaError

# command or group -> module that has it as `app`
AREAS = {
    "auto": "auto",
    "backup": "keeping",
    "books": "books",
    "carrier": "carrier",
    "catalogue": "catalogue",
    "deadlines": "deadlines",
    "demo": "demo",
    "doctor": "doctor",
    "due": "reminders",
    "esim": "esim",
    "lines": "lines",
    "migrate": "running",
    "orders": "orders",
    "remind": "reminders",
    "renew": "orders",
    "restore": "keeping",
    "receipts": "receipts",
    "rulebook": "rulebook",
    "sandbox": "sandbox",
    "serve": "running",
    "smdp": "smdp",
    "stuck": "running",
    "till": "till",
    "users": "users",
    "vouchers": "vouchers",
    "wallet": "wallet",
    "web": "running",
    "worker": "running",
}


class LazyGroup(TyperGroup):
    """Knows every command's name, and loads an area only for the command that is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(AREAS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in AREAS:
            return None
        app: typer.Typer = importlib.import_module(f"lineaviva.cli.{AREAS[cmd_name]}").app
        found = typer.main.get_command(app)
        if found.name == cmd_name or not isinstance(found, TyperGroup):
            return found
        return found.commands[cmd_name] if cmd_name in found.commands else found


app = typer.Typer(
    cls=LazyGroup,
    name="lineaviva",
    help="Keeps Italian prepaid lines alive: deadlines, reminders, renewal, payment, activation, receipt.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    """Keeps Italian prepaid lines alive."""


def main() -> None:
    """Run the command; every refusal is one sentence, on stderr or as JSON, and exit code 2."""
    try:
        code = app(standalone_mode=False, prog_name="lineaviva")
    except typer.Abort:
        show_error("aborted", "Stopped; nothing was changed.")
        code = 130
    except TyperException as refusal:
        show_error("usage", refusal.format_message(), hint=_help_hint(refusal))
        code = 2
    except LineavivaError as refusal:
        show_error(refusal.code, refusal.message, field=refusal.field)
        code = 2
    except Exception as failure:  # noqa: BLE001 - the last door: a person reads a sentence, never a traceback
        code = _unforeseen(failure)
    sys.exit(code if isinstance(code, int) else 0)


def _unforeseen(failure: Exception) -> int:
    """One sentence for what no command foresaw, with what to do; the whole story only for who asks for it."""
    if os.environ.get("LINEAVIVA_LOG_LEVEL") == "DEBUG":
        traceback.print_exception(failure)
    told = str(failure).strip().partition("\n")[0]
    kinds = {kind.__name__ for kind in type(failure).__mro__}
    if "DatabaseError" in kinds:
        hint = "Try: lineaviva migrate, or lineaviva doctor"
        show_error("database", f"The database cannot be used: {told}.", hint=hint)
    elif "ImproperlyConfigured" in kinds:
        show_error("settings", told, hint="See docs/settings.md")
    elif isinstance(failure, AdapterError):
        show_error("outside", f"Somebody outside did not answer as they should: {told}.", hint="Try: lineaviva doctor")
    else:
        show_error("unforeseen", f"{type(failure).__name__}: {told}", hint="All of it: LINEAVIVA_LOG_LEVEL=DEBUG")
    return 2


def _help_hint(refusal: TyperException) -> str:
    ctx = getattr(refusal, "ctx", None)
    return f"See: {ctx.command_path} --help" if ctx else "See: lineaviva --help"


if __name__ == "__main__":
    main()
