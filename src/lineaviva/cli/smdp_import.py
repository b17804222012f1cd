"""`lineaviva smdp import`: profile packages into stock, from files, or made from a template for demo lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.progress import track

from lineaviva.cli import output
from lineaviva.cli.carrier_home import Home, carrier, operator_or_ours
from lineaviva.cli.output import Json
from lineaviva.kernel import clock
from lineaviva.kernel.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from lineaviva.carrier.smdp.stock import Shown

_SUFFIXES = {".der", ".upp", ".bin"}
# An eUICC has some hundred kilobytes for all its profiles.
_MOST_BYTES = 1024 * 1024
_TOGETHER = 50


@dataclass
class _Told:
    imported: int = 0
    known: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)


def import_(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="DER profile packages, or folders of them (.der, .upp, .bin).")
    ] = None,
    profile_type: Annotated[str, typer.Option("--type", help="As orders name it, such as prepaid.")] = "prepaid",
    operator: Annotated[str, typer.Option(help="Whose they are; else LINEAVIVA_CARRIER_OPERATOR.")] = "",
    name: Annotated[str, typer.Option(help="What the phone calls the profile.")] = "",
    provider: Annotated[str, typer.Option(help="What the phone calls the operator.")] = "",
    profile_class: Annotated[
        Literal["test", "provisioning", "operational"], typer.Option("--class", help="Kind of profile.")
    ] = "operational",
    demo: Annotated[int, typer.Option(help="Make so many profiles of lines that no network knows.", min=0)] = 0,
    template: Annotated[
        Path | None, typer.Option(help="Package that demo profiles are made from; else ours.", dir_okay=False)
    ] = None,
    demo_bytes: Annotated[int, typer.Option(help="Size that our template is filled up to.", min=0, max=60_000)] = 0,
    address: Annotated[
        str, typer.Option(help="Where the phone reports enabling and deleting; else LINEAVIVA_SMDP_ADDRESS.")
    ] = "",
    home: Home = None,
    json: Json = False,
) -> None:
    """Take profiles into stock, sealed and protected at once. One that is there already stays as it is.

    Exit code 1 where files were refused. Example: `lineaviva smdp import profiles/ --operator tim --type prepaid`
    """
    if not paths and not demo:
        raise InvalidInput("Name a file or a folder, or say --demo 5.", field="paths", code="nothing_to_import")
    with carrier(home):
        from lineaviva.carrier.smdp.stock import Shown

        owner = operator_or_ours(operator)
        shown = Shown(provider or owner.upper(), name or profile_type, profile_class)
        packages = [*_files(paths or []), *_demo_packages(demo, template, demo_bytes)]
        told = _import(packages, owner, profile_type, shown, address)
    _show(told, json)
    if told.refused:
        raise typer.Exit(1)


def _files(paths: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        if not path.exists():
            raise InvalidInput(f"There is no {path}.", field="paths", code="file_missing")
        inside = sorted(one for one in path.rglob("*") if one.suffix.lower() in _SUFFIXES) if path.is_dir() else [path]
        for one in inside:
            if one.is_file():
                yield one.name, one.read_bytes() if one.stat().st_size <= _MOST_BYTES else b""


def _demo_packages(many: int, template: Path | None, size: int) -> Iterator[tuple[str, bytes]]:
    from lineaviva.carrier.smdp.packages import PackageError
    from lineaviva.carrier.smdp.templates import demo_person, demo_template, personalise

    if not many:
        return
    made = template.read_bytes() if template else demo_template(size)
    for number in range(1, many + 1):
        try:
            yield f"demo {number}", personalise(made, demo_person())
        except PackageError as error:
            raise InvalidInput(f"The template cannot be used: {error}.", field="template") from None


def _import(packages: list[tuple[str, bytes]], operator: str, profile_type: str, shown: Shown, address: str) -> _Told:
    from django.conf import settings
    from django.db import transaction

    if address:
        settings.SMDP_ADDRESS = address
    told = _Told()
    rounds = range(0, len(packages), _TOGETHER)
    steps = track(rounds, "Importing", console=output.errors, transient=True) if len(rounds) > 1 else rounds
    for first in steps:
        with transaction.atomic():
            for name, package in packages[first : first + _TOGETHER]:
                _import_one(told, name, package, operator, profile_type, shown)
    return told


def _import_one(told: _Told, name: str, package: bytes, operator: str, profile_type: str, shown: Shown) -> None:
    from lineaviva.carrier.smdp.stock import profile_import

    try:
        profile_import(operator=operator, profile_type=profile_type, upp=package, shown=shown, now=clock.now())
        told.imported += 1
    except Conflict:
        told.known += 1
    except InvalidInput as refusal:
        told.refused.append((name, refusal.message))


def _show(told: _Told, json: bool) -> None:
    if json:
        refused = [{"file": name, "reason": reason} for name, reason in told.refused]
        output.print_json({"imported": told.imported, "known": told.known, "refused": refused})
        return
    output.console.print(f"{told.imported} imported, {told.known} were there before, {len(told.refused)} refused.")
    for name, reason in told.refused:
        output.errors.print(f"{name}: {reason}", highlight=False, markup=False)
