"""The keeper's WSGI application with the probe in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lineaviva.config.wsgi import application as served
from renewals import probe

probe.watch_outside()
probe.write_for_ever("web")


def _receiving() -> None:
    """A webhook's page does not say what it is about; the row that it leaves does."""
    from lineaviva.keeper.web.views import webhooks

    receive = webhooks.webhook_receive

    def received(**more: Any) -> Any:
        with probe.span("webhook", "webhook", []) as owner:
            event = receive(**more)
            owner.append(probe.key_of(event))
            return event

    webhooks.webhook_receive = received


_receiving()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    with probe.span("page", f"{environ['REQUEST_METHOD']} {_kind(path)}", [path]):
        return served(environ, start_response)


def _kind(path: str) -> str:
    return "/".join("…" if any(c.isdigit() or c.isupper() for c in part) else part for part in path.split("/"))
