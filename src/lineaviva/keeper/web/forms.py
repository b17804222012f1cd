"""Forms: they read and word fields; the actions say what is right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from allauth.account.forms import RequestLoginCodeForm
from django import forms
from django.utils.translation import gettext_lazy as _

from lineaviva import rulebook
from lineaviva.keeper.accounts.actions import user_get_or_create
from lineaviva.keeper.accounts.models import Language, User
from lineaviva.keeper.lines.models import Line, LineShare, SimType
from lineaviva.keeper.renewals.rules import LONGEST_LEAD, SHORTEST_LEAD
from lineaviva.keeper.web import locales, words
from lineaviva.kernel import clock
from lineaviva.kernel.errors import LineavivaError

# Some 20,000 lines; whoever has more uses the command line, which shows its progress.
CSV_MOST_BYTES = 2 * 1024 * 1024


class Form(forms.Form):
    """Marks wrong fields for screen readers, and takes the refusal of an action as a field's error."""

    says_optional = False  # whether each field that may stay empty says so

    def refuse(self, error: LineavivaError) -> None:
        field = error.field if error.field in self.fields else None
        self.add_error(field, words.sentence(error))
        self._mark()

    def full_clean(self) -> None:
        super().full_clean()
        self._mark()

    def _mark(self) -> None:
        for name in getattr(self, "_errors", None) or {}:
            if name in self.fields:
                field = self[name]
                self.fields[name].widget.attrs |= {
                    "aria-invalid": "true",
                    "aria-describedby": f"{field.id_for_label}_error",
                }


class DayInput(forms.DateInput):
    """The browser's own date picker; it sends ISO days whatever it shows."""

    input_type = "date"

    def __init__(self, *, most: bool = False) -> None:
        super().__init__(format="%Y-%m-%d")
        self.most = most

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        today = clock.rome_date(clock.now())
        return super().get_context(name, value, {**(attrs or {}), **({"max": today.isoformat()} if self.most else {})})


def _day(label: Any, *, past: bool, required: bool = False, help_text: Any = "") -> forms.DateField:
    return forms.DateField(
        label=label,
        required=required,
        help_text=help_text,
        widget=DayInput(most=past),
        input_formats=["%Y-%m-%d", "%d/%m/%Y"],
        error_messages={"invalid": words.SENTENCES["date_invalid"], "required": _("Say which day.")},
    )


class LineForm(Form):
    says_optional = True

    msisdn = forms.CharField(
        label=_("Number"),
        max_length=30,
        widget=forms.TextInput(
            attrs={"type": "tel", "inputmode": "tel", "autocomplete": "off", "placeholder": "347 123 4567"}
        ),
        error_messages={"required": _("Write the number.")},
    )
    operator = forms.ChoiceField(
        label=_("Operator"),
        help_text=_("The SIM's operator of today. The first digits do not prove it: numbers move between operators."),
        error_messages={"required": _("Choose the operator.")},
    )
    last_topup = _day(
        _("Last top-up"),
        past=True,
        help_text=_("The day of the last top-up. The operator's app, or the last receipt, shows it."),
    )
    label = forms.CharField(
        label=_("Name of the line"), required=False, max_length=60, help_text=_("As you call it: Mum, Travel, WeChat.")
    )
    sim_type = forms.ChoiceField(label=_("Kind of SIM"), choices=SimType.choices, initial=SimType.PHYSICAL)
    plan = forms.CharField(label=_("Plan"), required=False, max_length=120)
    plan_expires_on = _day(_("Plan ends on"), past=False)
    iccid = forms.CharField(
        label="ICCID", required=False, max_length=40, help_text=_("18 to 20 digits on the SIM card, beginning with 89.")
    )
    eid = forms.CharField(
        label="EID",
        required=False,
        max_length=60,
        help_text=_("32 digits of the eSIM chip; a phone shows it at *#06#."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        operator = self.fields["operator"]
        assert isinstance(operator, forms.ChoiceField)  # noqa: S101 - for the type checker
        operator.choices = [("", _("Choose …")), *_operators()]


def _operators() -> Iterable[tuple[str, str]]:
    found = [(one.slug, one.display_name(locales.language())) for one in rulebook.operators()]
    return sorted(found, key=lambda pair: pair[1].casefold())


class LineEditForm(LineForm):
    """The number is what the line is; it cannot be changed."""

    msisdn = None  # type: ignore[assignment]  # Django's way to leave out a field of the parent

    @classmethod
    def of(cls, line: Line, last_topup: date | None, data: Any = None) -> LineEditForm:
        names = ("operator", "label", "sim_type", "plan", "plan_expires_on", "iccid", "eid")
        return cls(data, initial={**{name: getattr(line, name) for name in names}, "last_topup": last_topup})


class ToldForm(Form):
    on = _day(_("Day of the top-up"), past=True, required=True)


class ShareForm(Form):
    with_email = forms.EmailField(
        label=_("E-mail of the other person"),
        error_messages={"required": _("Write the address."), "invalid": words.SENTENCES["email_invalid"]},
    )
    right = forms.ChoiceField(label=_("What may they do?"), choices=LineShare.Right.choices)


class ImportForm(Form):
    file = forms.FileField(
        label=_("CSV file"),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv,text/plain"}),
        error_messages={"required": _("Choose a file."), "empty": words.SENTENCES["file_empty"]},
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > CSV_MOST_BYTES:
            raise forms.ValidationError(words.SENTENCES["too_large"])
        return file


class NeedForm(Form):
    """What a holder needs in a month; empty: does not matter."""

    data_gb = forms.DecimalField(label=_("Data (GB)"), required=False, min_value=0, max_value=9999, decimal_places=1)
    minutes = forms.IntegerField(label=_("Minutes"), required=False, min_value=0, max_value=99999)
    sms = forms.IntegerField(label="SMS", required=False, min_value=0, max_value=99999)
    eu_roaming_gb = forms.DecimalField(
        label=_("Data in the EU (GB)"), required=False, min_value=0, max_value=9999, decimal_places=1
    )
    calls_to_china = forms.BooleanField(label=_("Calls to China"), required=False)
    all_operators = forms.BooleanField(label=_("Plans of other operators, too"), required=False)

    @property
    def amounts(self) -> list[forms.BoundField]:
        return [self[name] for name in ("data_gb", "minutes", "sms", "eu_roaming_gb")]


class AutoForm(Form):
    """What a holder agrees to when a line is to renew by itself. `choices`: what can be bought; one needs no asking."""

    choice = forms.ChoiceField(label=_("What is bought"), error_messages={"required": _("Choose what is bought.")})
    method = forms.ChoiceField(label=_("Charged to"), error_messages={"required": _("Choose a card.")})
    ceiling = forms.DecimalField(
        label=_("At most, each time (EUR)"),
        min_value=Decimal("0.01"),
        max_digits=6,
        decimal_places=2,
        help_text=_("If it would cost more, nothing is charged and we write to you."),
    )
    lead_days = forms.IntegerField(
        label=_("How many days before its date"), min_value=SHORTEST_LEAD, max_value=LONGEST_LEAD
    )

    def __init__(
        self,
        data: Any,
        *,
        methods: Sequence[tuple[str, str]],
        choices: Sequence[tuple[str, str]],
        initial: dict[str, Any],
    ) -> None:
        super().__init__(data, initial=initial)
        method, choice = self.fields["method"], self.fields["choice"]
        assert isinstance(method, forms.ChoiceField)  # noqa: S101 - for the type checker
        assert isinstance(choice, forms.ChoiceField)  # noqa: S101 - for the type checker
        method.choices, choice.choices = list(methods), list(choices)
        if len(choices) < 2:
            del self.fields["choice"]
        else:
            self.fields["lead_days"].help_text = _("A plan begins anew on the day it is bought: for a plan, few days.")


class VoucherForm(Form):
    pin = forms.CharField(
        label=_("PIN of the voucher"),
        max_length=40,
        help_text=_("16 digits on the voucher, with or without spaces."),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"required": _("Write the PIN.")},
    )


class SettingsForm(Form):
    name = forms.CharField(
        label=_("Name"), required=False, max_length=120, help_text=_("For receipts and shared lines.")
    )
    language = forms.ChoiceField(
        label=_("Language"), choices=Language.choices, help_text=_("Of these pages, of e-mails and of receipts.")
    )


class SignInForm(RequestLoginCodeForm):  # type: ignore[misc]  # allauth ships no type marker
    """One door: an address that is new gets an account, so that nobody has to know which of two pages is theirs."""

    _user: User | None

    def clean_email(self) -> str:
        email: str = super().clean_email()
        if self._user is None and not User.objects.filter(email=email.lower()).exists():
            try:
                self._user = user_get_or_create(email=email, language=locales.language(), now=clock.now())
            except LineavivaError as error:
                raise forms.ValidationError(words.sentence(error)) from None
        return email
