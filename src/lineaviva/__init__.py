"""Lineaviva keeps Italian prepaid lines alive, and is the operator's side too."""

__version__ = "0.1.0"
