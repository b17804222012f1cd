"""The carrier's settings without what this program never does: it starts in half the time."""

from lineaviva.config.settings import *  # noqa: F403 - all of them

INSTALLED_APPS = ["lineaviva.kernel.agenda", "lineaviva.carrier.smdp"]
