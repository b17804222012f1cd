"""The SMTP server, on loopback only: `python -m lineaviva.sandbox.mail --port 8009 --folder var/sandbox/mail`."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from lineaviva.sandbox.mail.store import keep

MOST_BYTES = 10_000_000


# Whoever lives here cannot be reached, so that both kinds of refusal can be rehearsed.
REFUSED = {"@refused.test": "550 There is nobody of that name here", "@busy.test": "451 Not now, try again later"}


class Keeper:
    """Takes every message that is not too large, unless it goes to one of REFUSED."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        for domain, answer in REFUSED.items():
            if address.lower().endswith(domain):
                return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.content
        keep(self._folder, content if isinstance(content, bytes) else (content or "").encode())
        return "250 Kept"


async def serve(port: int, folder: Path) -> None:
    """Listen until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    keeper = Keeper(folder)
    server = await loop.create_server(
        lambda: SMTP(keeper, data_size_limit=MOST_BYTES, hostname="localhost", enable_SMTPUTF8=True), "127.0.0.1", port
    )
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await stop.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    asked = parser.parse_args()
    asyncio.run(serve(asked.port, asked.folder))


if __name__ == "__main__":
    main()
