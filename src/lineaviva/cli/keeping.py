"""Keeping what there is: backup and restore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineaviva.cli import output
from lineaviva.cli.output import Json
from lineaviva.kernel import clock

if TYPE_CHECKING:
    from lineaviva.cli.backups.dump import Progress

app = typer.Typer()


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The zip file to write.")],
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite the file if it is there.")] = False,
    json: Json = False,
) -> None:
    """Write everything into one file that any machine and either database can read back.

    While it runs nobody has to wait. The file holds people's data and the key that signs links: only its owner may read
    it, and so should you keep it. Example: `lineaviva backup lineaviva-2026-11-22.zip`
    """
    output.setup_django()
    from lineaviva.cli.backups.dump import backup_write

    with _bar("Writing") as progress:
        made = backup_write(file, overwrite=yes, now=clock.now(), progress=progress)
    said = {"file": str(file), "bytes": file.stat().st_size, "rows": made.rows, "secret_key": made.secret_key}
    if json:
        output.print_json(said)
        return
    output.console.print(f"{file}: {made.rows} rows, {said['bytes']} bytes.", highlight=False)
    if made.secret_key:
        output.console.print(
            "It holds secret.key too, which signs links and opens eSIM codes: keep it as safe as the database."
        )
    else:
        output.console.print("The secret key comes from the environment and is not in it; keep that yourself.")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="The zip file that lineaviva backup wrote.")],
    yes: Annotated[bool, typer.Option("--yes", help="Replace everything that is in the database.")] = False,
    json: Json = False,
) -> None:
    """Read a backup back into an empty database: all of it, or nothing. Stop web and worker first.

    Example: `lineaviva restore lineaviva-2026-11-22.zip`
    """
    output.setup_django()
    from lineaviva.cli.backups import load
    from lineaviva.cli.running import migrate_database

    with load.opened(file) as (archive, found):
        with _bar("Checking") as progress:
            load.check(archive, found, progress)
        if not yes and load.rows_present():
            raise load.not_empty()
        migrate_database()
        with _bar("Restoring") as progress:
            load.restore(archive, found, replace=yes, progress=progress)
        key = load.secret_key_restore(archive, found)
    if json:
        output.print_json({"file": str(file), "rows": found.rows, "made_at": found.made_at, "secret_key": key})
        return
    output.console.print(f"{found.rows} rows of {found.made_at} restored.", highlight=False)
    if not key:
        output.console.print(
            "The secret key was left as it is. What another one signed or sealed is void: links do not work any more, "
            "and eSIM codes cannot be shown; their pages offer new profiles."
        )


@contextmanager
def _bar(what: str) -> Iterator[Progress]:
    """A bar on stderr, one table after the other."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=output.errors, transient=True, disable=not output.errors.is_terminal) as bar:
        task = bar.add_task(what)

        def progress(table: str, done: int, total: int) -> None:
            bar.update(task, description=f"{what} {table}", completed=done, total=total)

        yield progress
