"""Django's entry for the books."""

from __future__ import annotations

from django.apps import AppConfig


class BooksConfig(AppConfig):
    name = "lineaviva.keeper.books"
    label = "books"
