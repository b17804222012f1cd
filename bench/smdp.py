"""eSIM downloads per CPU-second of the server, beside the least that their signatures cost.

    python bench/smdp.py [--downloads 1000] [--database sqlite|postgres] [--memory 20000] [--json]

A download is four calls (initiateAuthentication, authenticateClient, getBoundProfilePackage, handleNotification) for a
profile of 12 kB, made by the sandbox's phone, which signs, verifies and decrypts all of it. Its own work is not
counted; the server's processes are, and TLS where it ends in front of them. The floor is measured in the same run:
3 signs, 4 verifies, 1 key generation and 1 ECDH on P-256.

Phones come in crowds of 40, whose calls go out together: the server is busy while it is measured, over one connection.
Over TLS each call has a new connection with a full handshake, as LPAs make it, and the phone checks the certificate.
PostgreSQL's processes are not counted; SQLite works in the server's own. Memory is that of one process over HTTP, now
and at most, before `--memory` downloads, half-way and after them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.night import server as databases  # noqa: E402 - the path comes first
from bench.smdp_run import floor, stage  # noqa: E402 - as above
from bench.smdp_run.phones import Phones, Target  # noqa: E402 - as above

TARGET, TARGET_TLS = 500, 250
PROFILES = 200
WARM_UP = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--downloads", type=int, default=1000, help="Of each kind; over TLS a third of it.")
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--memory", type=int, default=0, help="So many more for the memory; 0: as --downloads.")
    parser.add_argument("--folder", type=Path, help="Where the database goes; a temporary folder if left out.")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = asked.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lineaviva-bench-")))
        found = run(asked, folder, stack)
    show(found, asked.json)
    return 0 if found["downloads_per_cpu_s"] >= TARGET and found["downloads_per_cpu_s_tls"] >= TARGET_TLS else 1


def run(asked: argparse.Namespace, folder: Path, stack: ExitStack) -> dict[str, Any]:
    ca = folder / "ca"
    stage.environment(ca / "nist")
    place = stack.enter_context(databases.database(asked.database, folder))
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    certs = stage.certificates(ca)
    bench = Bench(Phones(certs), stage.stock(min(PROFILES, asked.downloads)))
    found: dict[str, Any] = {
        "database": place.name,
        "profile_bytes": stage.BYTES,
    }
    before = floor.per_second()
    found |= bench.plain(asked.downloads, asked.memory)
    # A machine that others use changes its speed within minutes.
    found["floor_per_s"] = round((before + floor.per_second()) / 2)
    found |= bench.two_processes(asked.downloads, found["downloads_per_cpu_s"])
    found |= bench.tls(max(asked.downloads // 3, 1), certs, folder)
    found["floor_ratio"] = round(found["downloads_per_cpu_s"] / found["floor_per_s"], 3)
    return found


class Bench:
    """The measurements, one after the other on the same profiles."""

    def __init__(self, phones: Phones, matching_ids: list[str]) -> None:
        self._phones, self._ids = phones, matching_ids

    def plain(self, many: int, memory: int) -> dict[str, Any]:
        """One process over HTTP with connections that are kept, and its memory during many more downloads."""
        with stage.plain() as server:
            target = Target(stage.ADDRESS, server.port)
            rate = self._rate(server, target, many)
            more = memory or many
            found = {"memory_downloads": more, **_memory(server, "start")}
            self._download(target, more // 2)
            found |= _memory(server, "middle")
            self._download(target, more - more // 2)
            found |= _memory(server, "end")
        return {"downloads": many, "downloads_per_cpu_s": rate, "server_ms": round(1000 / rate, 3), **found}

    def two_processes(self, many: int, of_one: float) -> dict[str, Any]:
        """Two at the same database, both at work: what they do in a CPU-second, in all, beside what one does."""
        with stage.plain(workers=2) as server:
            rate = self._rate(server, Target(stage.ADDRESS, server.port), many, lines=4)
        return {"two_processes_per_cpu_s": rate, "two_processes_times_one": round(2 * rate / of_one, 2)}

    def tls(self, many: int, certs: Path, folder: Path) -> dict[str, Any]:
        """A new connection with a full handshake for each call: TLS in front, and by the product itself."""
        trusted = stage.trusted(self._phones.authorities)
        with stage.terminated(certs, folder) as (server, kind):
            in_front = self._rate(server, Target(stage.ADDRESS, server.port, trusted), many)
        identity = folder / "identity.pem"
        identity.write_bytes((certs / "dptls.pem").read_bytes() + (certs / "dptls.key").read_bytes())
        with stage.in_process(identity) as server:
            inside = self._rate(server, Target(stage.ADDRESS, server.port, trusted), many)
        return {
            "downloads_per_cpu_s_tls": in_front,
            "tls_terminator": kind,
            "downloads_per_cpu_s_tls_in_process": inside,
        }

    def _rate(self, server: stage.Server, target: Target, many: int, lines: int = 1) -> float:
        self._download(target, min(WARM_UP, many))
        before = server.cpu()
        self._download(target, many, lines)
        # The system counts in hundredths of a second.
        return round(many / max(server.cpu() - before, 0.01), 1)

    def _download(self, target: Target, many: int, lines: int = 1) -> None:
        while many > 0:
            ids = self._ids[:many]
            stage.release_again()
            self._phones.download(target, ids, lines)
            if stage.reports() != len(ids):
                raise SystemExit(f"{len(ids)} downloads, {stage.reports()} reports")
            many -= len(ids)


def _memory(server: stage.Server, when: str) -> dict[str, float]:
    """MB resident now, and the most so far."""
    return {f"rss_mb_{when}": round(server.memory(), 1), f"peak_mb_{when}": round(server.peak(), 1)}


def show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:>36}: {value:,}" if isinstance(value, int | float) else f"{name:>36}: {value}")
    print(f"{TARGET} per CPU-second over HTTP: {_goal(found['downloads_per_cpu_s'], TARGET)}")
    print(
        f"{TARGET_TLS} with a new TLS connection for each call: {_goal(found['downloads_per_cpu_s_tls'], TARGET_TLS)}"
    )


def _goal(value: float, least: int) -> str:
    return "kept" if value >= least else "MISSED"


if __name__ == "__main__":
    sys.exit(main())
