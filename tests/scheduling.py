"""Which tests go to which worker of pytest-xdist, and when: whole files, the long ones first.

pytest-xdist's own groups (3.8) name tests in a way that pytest 9.2 no longer reads, and so do nothing.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

# What takes longest is begun first, so that no worker is left with it at the end.
SLOW = (
    "tests/bench/test_faults.py",
    "tests/cli/test_migrate.py",
    "tests/pgbouncer/",
    "tests/carrier/nightly/",
    "tests/cli/test_serve.py",
    "tests/kernel/agenda/test_processes.py",
    "tests/browser/test_renewal.py",
    "tests/browser/test_looks.py",
    "tests/cli/test_keeping.py",
    "tests/cli/test_keeping_esim.py",
    "tests/carrier/smdp/test_serve.py",
    "tests/carrier/smdp/test_at_once.py",
    "tests/keeper/delivery/test_es2plus_served.py",
    "tests/bench/",
    "tests/contracts/test_published.py",
    "tests/contracts/",
    "tests/sandbox/phone/",
    "tests/cli/test_sandbox_phone.py",
    "tests/cli/test_smdp.py",
    "tests/stories/",
    "tests/keeper/activation/",
    "tests/keeper/delivery/",
    "tests/keeper/payments/",
    "tests/keeper/receipts/",
    "tests/keeper/reminders/",
)
# Files that stay on one worker: they would be in each other's way with a machine's worth of hosts each, or they share
# what takes seconds to start.
TOGETHER = {
    "tests/cli/test_migrate.py": "hosts",
    "tests/carrier/nightly/test_hosts.py": "hosts",
    "tests/docs/test_operating.py": "hosts",
    "tests/contracts/test_published.py": "prism",
    "tests/contracts/test_asked_back.py": "prism",
    "tests/contracts/test_asked_outside.py": "prism",
    "tests/contracts/test_asked_webhooks.py": "prism",
}


def turn(item: pytest.Item) -> int:
    """The lower, the earlier."""
    return next((turn for turn, slow in enumerate(SLOW) if item.nodeid.startswith(slow)), len(SLOW))


class ByFile(LoadFileScheduling):  # type: ignore[misc]
    """In the order of collection."""

    def __init__(self, config: pytest.Config, log: object) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return TOGETHER.get(file, file)
