"""Books that must balance after each test."""

from __future__ import annotations

from tests.carrier.books import at_once as at_once
from tests.carrier.books import books as books
