"""Commands that run the programs: serve (all in one), web, worker, migrate; and the list of what is stuck."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from lineaviva.cli import output
from lineaviva.cli.output import Json
from lineaviva.cli.processes import INTERRUPTED, Group, Program, refuse_busy
from lineaviva.kernel import clock
from lineaviva.kernel.errors import InvalidInput, LineavivaError, NotFound
from lineaviva.sandbox.world import CARRIERS, World

app = typer.Typer()
Port = Annotated[int, typer.Option(help="First port; the sandbox takes the nine after it.", min=1024, max=65000)]


def web_argv(port: int, host: str = "127.0.0.1", workers: int = 1) -> list[str]:
    """The command line of the web server for whichever program the environment names."""
    return [
        *(
            sys.executable,
            "-m",
            "granian",
            "--interface",
            "wsgi",
            "--no-ws",
            "--http",
            "1",
            "--log-level",
            "warning",
        ),
        *("--host", host, "--port", str(port), "--workers", str(workers), "--blocking-threads", "4"),
        *("--workers-kill-timeout", "6", "--respawn-failed-workers", "lineaviva.config.wsgi:application"),
    ]


def worker_argv() -> list[str]:
    return [sys.executable, "-m", "lineaviva.cli.main", "worker"]


@app.command()
def migrate(
    lock_seconds: Annotated[
        float, typer.Option(help="PostgreSQL: longest wait for a lock; so long others wait behind it.", min=0.1, max=60)
    ] = 5.0,
    tries: Annotated[int, typer.Option(help="Tries for each migration before it is given up.", min=1, max=100)] = 8,
    json: Json = False,
) -> None:
    """Bring the database to this version's tables. Safe to run twice, on several hosts, and while others work.

    Example: `lineaviva migrate --lock-seconds 2`
    """
    output.setup_django()
    from lineaviva.cli.migrating import Patience, database_migrate

    applied = database_migrate(Patience(lock_seconds, tries, lambda said: output.errors.print(said, highlight=False)))
    if json:
        output.print_json({"applied": applied})
    else:
        output.console.print(f"{len(applied)} migrations applied." if applied else "The database is up to date.")


def migrate_database() -> list[str]:
    """Apply what is missing; returns the names of what was applied."""
    from lineaviva.cli.migrating import Patience, database_migrate

    return database_migrate(Patience())


@app.command()
def web(
    port: Port = 8000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; put a TLS proxy in front of any but 127.0.0.1.")
    ] = "127.0.0.1",
    workers: Annotated[int, typer.Option(help="Web processes.", min=1, max=64)] = 1,
) -> None:
    """Serve the pages, without worker.

    Example: `lineaviva web --port 8000 --workers 2`
    """
    argv = web_argv(port, host, workers)
    os.execv(argv[0], argv)  # noqa: S606 - replaces this process by the server


@app.command()
def worker(
    threads: Annotated[int, typer.Option(help="Outside calls at a time, for each kind of row.", min=1, max=64)] = 8,
) -> None:
    """Look at every row whose time has come: payments, activations, receipts, reminders.

    With LINEAVIVA_PROGRAM=carrier: what the hub's listeners are to be told. Any number of workers may run, on any
    number of hosts. Example: `lineaviva worker --threads 16`
    """
    output.setup_django()
    from django.conf import settings

    from lineaviva.kernel import agenda

    if settings.PROGRAM == "keeper":
        from lineaviva.keeper.catalogue.actions import sources_ensure

        # From then on each catalogue is read again by the worker itself.
        sources_ensure(now=clock.now())
    agenda.Worker(threads=threads).run_forever()


@app.command()
def stuck(
    release: Annotated[str, typer.Option(help="Look again at this one, as printed in the first column.")] = "",
    json: Json = False,
) -> None:
    """List the rows that only a person can move on. Exit code 1 when there are any.

    Examples: `lineaviva stuck`, `lineaviva stuck --release activation:17`
    """
    output.setup_django()
    from lineaviva.kernel import agenda

    rows = {f"{row._meta.model_name}:{row.pk}": row for row in agenda.stuck()}
    if release:
        if release not in rows:
            raise NotFound(f"Nothing stuck is called '{release}'.", field="release")
        agenda.unstick(rows.pop(release), clock.now())
    listed = [(name, str(getattr(row, "state", "")), row.stuck_reason) for name, row in rows.items()]
    if json:
        output.print_json({"stuck": [{"row": name, "state": state, "reason": why} for name, state, why in listed]})
    else:
        output.print_table("Stuck", ["Row", "State", "Why"], listed, empty="Nothing is stuck.")
    if listed:
        raise typer.Exit(1)


@app.command()
def serve(
    port: Port = 8000,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Start the pretend outside world too, with three lines.")
    ] = False,
    language: Annotated[str, typer.Option(help="Language of the sandbox's holder: zh-hans, zh-hant, it, en.")] = "",
    json: Json = False,
) -> None:
    """Run web and worker together, in the foreground, until Ctrl-C.

    Example: `lineaviva serve --sandbox` shows the whole way with a pretend bank, three pretend operators and a mailbox.
    """
    spoken = language_of_reader(language)
    home = Path(os.environ.get("LINEAVIVA_HOME", "var")).resolve()
    world = World(home, port)
    refuse_busy(world.ports if sandbox else [port])
    group = Group()
    group.heed_signals()
    code = 1
    try:
        if sandbox:
            start_sandbox(group, world)
            os.environ.update(world.keeper_env())
        _start_keeper(group, world, spoken, sandbox, json)
        code = group.watch()
    except (Exception, KeyboardInterrupt):
        if not group.stopping:
            raise
        code = INTERRUPTED
    finally:
        group.stop()
    raise typer.Exit(code)


def _start_keeper(group: Group, world: World, language: str, sandbox: bool, json: bool) -> None:
    log = world.home / "log"
    output.setup_django()
    migrate_database()
    group.start(Program("web", web_argv(world.port), output=log / "web.log", port=world.port))
    group.start(Program("worker", worker_argv(), output=log / "worker.log"))
    # The sandbox's people read what its carriers sell: where nothing had to be migrated, these may not be up yet.
    group.wait_until_up()
    said = _sandbox_people(world, language) if sandbox else _first_steps(world)
    if json:
        output.print_json_line(said)
        return
    for name, value in said.items():
        output.console.print(f"[bold]{name.replace('_', ' '):>14}[/]  {value}", soft_wrap=True, highlight=False)
    output.console.print("Ctrl-C stops everything.", style="dim")


def start_sandbox(group: Group, world: World) -> None:
    """Start the outside world's programs; their databases are migrated first where this version is new to them."""
    parts = {"provider": world.provider_env(), **{name: world.carrier_env(name) for name in CARRIERS}}
    migrate_parts(world, {**parts, "smdp": world.smdp_env()})
    log = world.home / "log"
    ports = {"provider": world.port + 1, **{name: world.carrier_port(name) for name in CARRIERS}}
    for name, env in parts.items():
        group.start(Program(name, web_argv(ports[name]), env, log / f"{name}.log", ports[name]))
    # Its second port is the last thing that it opens.
    group.start(Program("smdp", world.smdp_argv(), world.smdp_env(), log / "smdp.log", world.es2_port))
    group.start(Program("mail", world.mail_argv(), {}, log / "mail.log", world.smtp_port))


def migrate_parts(world: World, parts: dict[str, dict[str, str]]) -> None:
    """Migrate the parts' databases side by side, unless the stamp says that they have this version's tables."""
    stamp, version = world.folder("migrated"), migrations_version()
    if stamp.exists() and stamp.read_text() == version:
        return
    group = Group()
    argv = [
        sys.executable,
        "-m",
        "django",
        "migrate",
        "--verbosity",
        "0",
        "--settings",
        "lineaviva.config.settings",
    ]
    group.start(*(Program(f"{name} migrate", argv, env) for name, env in parts.items()))
    if group.wait_until_done(60) != 0:
        raise LineavivaError("A sandbox database could not be migrated; the lines above say why.", code="not_migrated")
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(version)


def migrations_version() -> str:
    """Names every migration of the package, so that another version is noticed without loading Django."""
    package = Path(__file__).parent.parent
    names = (f"{path.relative_to(package)} {path.stat().st_size}" for path in package.rglob("migrations/0*.py"))
    return "\n".join(sorted(names))


def language_of_reader(language: str) -> str:
    """The language asked for, else the one of the reader's terminal. Raises InvalidInput for one we do not have."""
    known = ("zh-hans", "zh-hant", "it", "en")
    if language:
        if language not in known:
            raise InvalidInput(f"Language must be one of {', '.join(known)}, not '{language}'.", field="language")
        return language
    spoken = os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    if spoken.startswith(("zh_TW", "zh_HK", "zh_MO")):
        return "zh-hant"
    return {"zh": "zh-hans", "it": "it"}.get(spoken[:2], "en")


def _sandbox_people(world: World, language: str) -> dict[str, Any]:
    """Anna with her three lines, and a clerk; both get a link that signs in once."""
    from lineaviva.cli.sandbox import people_make

    anna, clerk = people_make(language=language, now=clock.now(), renewed_before=True)
    return {
        "address": world.keeper_url,
        "sign_in_link": world.keeper_url + _link(anna),
        "clerk_link": world.keeper_url + _link(clerk),
        "mailbox": f"{world.provider_url}/mail/",
        "phone": f"{world.provider_url}/phone/",
    }


def _first_steps(world: World) -> dict[str, Any]:
    from django.conf import settings

    return {
        "address": settings.PUBLIC_URL or world.keeper_url,
        "sign_in": "lineaviva users link you@example.org",
    }


def _link(user: Any) -> str:
    from lineaviva.keeper.accounts.actions import one_time_link_create

    return one_time_link_create(user=user, now=clock.now(), valid_for=timedelta(hours=12))
