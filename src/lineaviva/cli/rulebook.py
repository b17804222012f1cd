"""`lineaviva rulebook`: look at the operators' rules, check their files, make the page of them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from lineaviva.cli import output
from lineaviva.cli.output import Json
from lineaviva.kernel import clock
from lineaviva.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from lineaviva.rulebook.model import Operator

app = typer.Typer(
    name="rulebook", help="The operators' rules: list, show, check, and their page.", no_args_is_help=True
)

PAGE = Path("docs/operators.md")


@app.command("list")
def list_operators(json: Json = False) -> None:
    """All operators and their three periods.

    Example: lineaviva rulebook list
    """
    from lineaviva import rulebook

    operators = rulebook.operators()
    if json:
        output.print_json([_brief(operator) for operator in operators])
        return
    output.print_table(
        "Months from the last event that extends the line; a slash stands between sources that disagree",
        ["Operator", "Name", "Full service", "Receives until", "Number kept", "Smallest top-up"],
        [[cell or "unknown" for cell in _brief_row(operator)] for operator in operators],
    )


@app.command()
def show(
    operator: Annotated[str, typer.Argument(help="Operator, as in: lineaviva rulebook list")],
    json: Json = False,
) -> None:
    """Everything that is known of one operator.

    Example: lineaviva rulebook show vodafone
    """
    from lineaviva import rulebook

    found = rulebook.operator(operator)
    if json:
        output.print_json(found.document)
        return
    from lineaviva.rulebook.page import facts_table

    output.print_table(
        found.name, ["Field", "Fact", "Source"], [[escape(cell) for cell in row] for row in facts_table(found)]
    )


@app.command()
def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files or folders; without any, the whole rulebook.", metavar="[PATH]..."),
    ] = None,
    json: Json = False,
) -> None:
    """Look for mistakes in rulebook files; names file and line of each. Exit code 1 if there is one.

    Example: lineaviva rulebook check src/lineaviva/rulebook/operators/tim.toml
    """
    from lineaviva.rulebook.checking import check as check_files

    files = _files(paths or [])
    mistakes = check_files(files, today=_today())
    if json:
        output.print_json(
            {"ok": not mistakes, "files": len(files), "mistakes": [mistake.as_dict() for mistake in mistakes]}
        )
    else:
        for mistake in mistakes:
            output.console.print(str(mistake), style="red", markup=False, highlight=False, soft_wrap=True)
        counted = f"{len(files)} file{'' if len(files) == 1 else 's'}"
        output.console.print(f"{counted}, {len(mistakes) or 'no'} mistake{'' if len(mistakes) == 1 else 's'}.")
    if mistakes:
        raise typer.Exit(1)


@app.command()
def docs(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 if the page is out of date.")
    ] = False,
    out: Annotated[Path, typer.Option("--out", help="Where the page is.", metavar="FILE")] = PAGE,
    json: Json = False,
) -> None:
    """Make docs/operators.md from the rulebook.

    Example: lineaviva rulebook docs --check
    """
    from lineaviva import rulebook
    from lineaviva.rulebook.page import page

    made = page(rulebook.load())
    same = out.is_file() and out.read_text(encoding="utf-8") == made
    if not check and not same:
        _write(out, made)
    said = "is up to date" if same else "is out of date: run lineaviva rulebook docs" if check else "was written"
    if json:
        output.print_json({"ok": same or not check, "file": str(out), "changed": not same})
    else:
        output.console.print(f"{out} {said}.", highlight=False, soft_wrap=True)
    if check and not same:
        raise typer.Exit(1)


def _write(out: Path, text: str) -> None:
    if not out.parent.is_dir():
        raise InvalidInput(f"--out: there is no folder {out.parent}", field="out")
    out.write_text(text, encoding="utf-8")


def _today() -> date:
    return clock.rome_date(clock.now())


def _files(paths: list[Path]) -> list[Path]:
    """The files to check: those named, those in folders that are named, or all of the book."""
    from lineaviva.rulebook.book import LEGAL, OPERATORS

    if not paths:
        return [*sorted(OPERATORS.glob("*.toml")), LEGAL]
    files: list[Path] = []
    for path in paths:
        inside = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        if not inside:
            raise InvalidInput(f"path: there is no .toml file in {path}", field="path")
        if not inside[0].is_file():
            raise InvalidInput(f"path: there is no file {path}", field="path")
        files += inside
    return files


def _brief(operator: Operator) -> dict[str, Any]:
    slug, name, full, receive, kept, topup = _brief_row(operator)
    return {
        "slug": slug,
        "name": name,
        "full_service": full or None,
        "receive_only": receive or None,
        "number_kept": kept or None,
        "smallest_topup": topup,
        "colour": operator.colour,
    }


def _brief_row(operator: Operator) -> tuple[str, str, str, str, str, Any]:
    from lineaviva.rulebook.page import candidates

    validity = operator.validity
    return (
        operator.slug,
        operator.name,
        candidates(validity.full_service),
        candidates(validity.receive_only),
        candidates(validity.number_kept),
        operator.smallest_extending_topup,
    )
