"""The SM-DP+ as programs: the WSGI application of ES9+ for the web server, and the listener of ES2+ as a module.

python -m lineaviva.config.smdp --port 8444
"""

from __future__ import annotations

import gc
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lineaviva.config.settings")
django.setup()

from django.conf import settings  # noqa: E402 - what follows needs the rows' classes

from lineaviva.carrier.smdp.http import application  # noqa: E402
from lineaviva.config.logging import configure  # noqa: E402

__all__ = ["application"]

configure(level=settings.LOG_LEVEL)

# A download makes some hundred small objects and no cycles. To look through all of Django for them, again and again,
# is a twentieth of the work.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 20)

if __name__ == "__main__":
    from lineaviva.carrier.smdp.listener import main

    main()
