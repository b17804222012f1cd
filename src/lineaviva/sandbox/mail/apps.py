"""Django's entry for the mailbox's pages, which are part of the provider program."""

from __future__ import annotations

from django.apps import AppConfig


class MailConfig(AppConfig):
    name = "lineaviva.sandbox.mail"
    label = "sandbox_mail"
