"""This app and nothing else, on the database that LINEAVIVA_DATABASE_URL names."""

from lineaviva.config.settings import *  # noqa: F403

INSTALLED_APPS = ["tests.migrating_app"]
MIDDLEWARE: list[str] = []
