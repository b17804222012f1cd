"""The settings of the test run: every program's rows in one process, and a home of its own."""

import os
import tempfile

os.environ["LINEAVIVA_PROGRAM"] = "all"
os.environ.setdefault("LINEAVIVA_HOME", tempfile.mkdtemp(prefix="lineaviva-test-home-"))
os.environ["COLUMNS"] = "160"  # tables are read by tests: they must not depend on who watches
os.environ.setdefault("LINEAVIVA_SECRET_KEY", "a key for tests only, long enough to be taken")

from lineaviva.config.settings import *  # noqa: F403
from lineaviva.config.settings import DATABASES, INSTALLED_APPS
from tests.patience import PATIENCE

INSTALLED_APPS = [*INSTALLED_APPS, "tests.agenda_app"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
EMAIL_TIMEOUT = PATIENCE
# Each test process has a database of its own, so that several runs on one machine do not meet.
_name = f"lineaviva_test_{os.getpid()}"
_sqlite = DATABASES["default"]["ENGINE"].endswith("sqlite3")
DATABASES["default"]["TEST"] = {"NAME": f"{tempfile.gettempdir()}/{_name}.sqlite3" if _sqlite else _name}
