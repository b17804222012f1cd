"""The WSGI application of whichever program this process is."""

from __future__ import annotations

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from lineaviva.config.logging import configure

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lineaviva.config.settings")

application = get_wsgi_application()
configure(level=settings.LOG_LEVEL)
