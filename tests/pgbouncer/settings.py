"""The agenda and the rows of its tests, and nothing else."""

from lineaviva.config.settings import *  # noqa: F403

INSTALLED_APPS = ["lineaviva.kernel.agenda", "tests.agenda_app"]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = __name__
urlpatterns: list[object] = []
