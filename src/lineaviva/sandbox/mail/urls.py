"""Addresses of the mailbox, under /mail/."""

from __future__ import annotations

from django.urls import path

from lineaviva.sandbox.mail import views

urlpatterns = [
    path("", views.messages),
    path("messages.json", views.messages_json),
    path("<str:name>/", views.message),
    path("<str:name>/<int:number>/", views.attachment),
]
