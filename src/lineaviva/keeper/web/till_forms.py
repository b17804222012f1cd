"""Forms of the till: amounts as clerks type them, and notes and coins one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from lineaviva.keeper.till.rules import PIECES, counted
from lineaviva.keeper.web import words
from lineaviva.keeper.web.forms import Form
from lineaviva.kernel.errors import LineavivaError
from lineaviva.kernel.money import Money

_PIECE = "piece_"


class AmountField(forms.CharField):
    """An amount in EUR as a person writes it: 12,50 or 12.50. Nothing is None where it may be left empty."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"inputmode": "decimal", "autocomplete": "off"}
        super().__init__(max_length=20, widget=forms.TextInput(attrs=attrs), **kwargs)

    def clean(self, value: Any) -> Money | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return Money.parse(text)
        except LineavivaError as error:
            raise forms.ValidationError(words.sentence(error)) from None


class TillOpenForm(Form):
    cash = AmountField(
        label=_("What is in the till (EUR)"), error_messages={"required": _("Count it and write the sum.")}
    )
    brought = AmountField(
        label=_("Of it, brought from the bank just now (EUR)"), required=False, help_text=_("Empty: nothing.")
    )
    reason = forms.CharField(label=_("Why it is not what the books say"), required=False, max_length=200)

    @property
    def amounts(self) -> dict[str, Money]:
        return {"cash": self.cleaned_data["cash"], "brought": self.cleaned_data["brought"] or Money(0)}


class TillCloseForm(Form):
    """Counted by notes and coins, or as a sum; `expected` is what the page said has to be there, once it said so."""

    counted = AmountField(label=_("Sum (EUR)"), required=False, help_text=_("Or write how many there are of each."))
    banked = AmountField(
        label=_("Of it, taken to the bank (EUR)"), required=False, help_text=_("Empty: all of it stays in the till.")
    )
    reason = forms.CharField(label=_("Why it is not what the books say"), required=False, max_length=200)
    expected = forms.IntegerField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for piece in PIECES:
            name, label = f"{_PIECE}{piece}", f"{Money(piece).decimal:.2f} €"
            self.fields[name] = forms.IntegerField(label=label, required=False, min_value=0, max_value=99_999)

    @property
    def by_piece(self) -> Iterator[forms.BoundField]:
        return (self[f"{_PIECE}{piece}"] for piece in PIECES)

    @property
    def pieces(self) -> dict[int, int]:
        """How many of each, by its cents; empty where a sum was written."""
        found = {piece: self.cleaned_data.get(f"{_PIECE}{piece}") for piece in PIECES}
        return {piece: number for piece, number in found.items() if number is not None}

    @property
    def amounts(self) -> dict[str, Any]:
        seen = self.cleaned_data["expected"]
        return {
            "counted": self.cleaned_data["counted"],
            "banked": self.cleaned_data["banked"] or Money(0),
            "pieces": self.pieces,
            "reason": self.cleaned_data["reason"],
            "expected": None if seen is None else Money(seen),
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        written, pieces = data.get("counted"), self.pieces
        if self.errors:
            return data
        if written is None and not pieces:
            self.add_error("counted", _("Count it and write the sum."))
        elif written is None:
            data["counted"] = counted(pieces)
        elif pieces and counted(pieces) != written:
            self.add_error("counted", _("The sum and the notes and coins are not the same. Leave one of them empty."))
        return data
