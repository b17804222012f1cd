from __future__ import annotations

from django.db import models

from lineaviva.kernel.agenda.models import AgendaRow


class Saga(AgendaRow):
    state = models.CharField(max_length=8, default="open")
    step = models.PositiveSmallIntegerField(default=0)

    class Meta(AgendaRow.Meta):
        pass
