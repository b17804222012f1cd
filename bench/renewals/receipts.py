"""Tells clients when the receipt of their order is in the database."""

from __future__ import annotations

import threading
import time

_EVERY = 0.01
_NEW = (
    "SELECT r.id, o.code FROM receipts_receipt r JOIN orders_productorder o ON o.id = r.order_id "
    "WHERE r.id > %s ORDER BY r.id"
)


class Receipts:
    """Asks the database every 10 ms from one thread, whatever the number of clients."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="receipts", daemon=True)
        self._thread.start()

    def wait(self, code: str, seconds: float) -> float | None:
        """When the receipt of `code` was seen (monotonic clock); None where it is not there after `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: code in self._seen, seconds)
            return self._seen.get(code)

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        from django.db import connection

        last = 0
        while not self._stopped.wait(_EVERY):
            with connection.cursor() as cursor:
                cursor.execute(_NEW, [last])
                found = cursor.fetchall()
            if found:
                last = found[-1][0]
                with self._changed:
                    self._seen.update(dict.fromkeys((code for _, code in found), time.monotonic()))
                    self._changed.notify_all()
        connection.close()
