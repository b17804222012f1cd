"""An operator's refusal in words that tell the holder what to do."""

from __future__ import annotations

import re

import pytest

from lineaviva.carrier.smdp.failures import Failure
from lineaviva.sandbox.phone import words
from lineaviva.sandbox.phone.words import meaning

# What the product's own server says to phones; the rest it says to operators, or to whoever sends what no phone sends.
TO_PHONES = [
    Failure.ADDRESS_REFUSED,
    Failure.CERTIFICATE_UNAVAILABLE,
    Failure.CI_UNKNOWN,
    Failure.CI_UNSUPPORTED,
    Failure.CONFIRMATION_EXHAUSTED,
    Failure.CONFIRMATION_MISSING,
    Failure.CONFIRMATION_REFUSED,
    Failure.EID_REFUSED,
    Failure.EUICC_EXPIRED,
    Failure.EUICC_MEMORY,
    Failure.EUICC_SIGNATURE,
    Failure.EUICC_UNVERIFIED,
    Failure.EUM_EXPIRED,
    Failure.EUM_UNVERIFIED,
    Failure.MATCHING_ID_REFUSED,
    Failure.OID_OTHER,
    Failure.ORDER_EXHAUSTED,
    Failure.ORDER_EXPIRED,
    Failure.PROFILE_REFUSED,
    Failure.PROFILE_UNAVAILABLE,
    Failure.SVN_UNSUPPORTED,
    Failure.TRANSACTION_UNKNOWN,
    Failure.TYPE_NOT_ELIGIBLE,
]


@pytest.mark.parametrize("failure", TO_PHONES, ids=lambda failure: failure.name)
def test_what_our_server_says_to_phones_has_words(failure: Failure) -> None:
    told = meaning(failure.value.subject, failure.value.reason, "never shown")

    assert told.startswith("The operator refuses: ")
    assert told.endswith(f" ({failure.value.short}).")
    assert "never shown" not in told


def test_every_meaning_is_one_sentence() -> None:
    for codes, told in words._MEANINGS.items():
        assert re.fullmatch(r"[a-z][^.\n]*", told), codes


@pytest.mark.parametrize(
    ("codes", "message", "told"),
    [
        (("9.9", "9.9"), "No.", "The operator refuses, saying: No. (9.9/9.9)."),
        (("9.9", "9.9"), "", "The operator refuses without saying why (9.9/9.9)."),
        (("", ""), "", "The operator refuses without saying why."),
        (("", ""), "two\n  lines", "The operator refuses, saying: two lines."),
    ],
    ids=["its words", "no words", "nothing", "many lines"],
)
def test_other_codes_are_told_as_they_came(codes: tuple[str, str], message: str, told: str) -> None:
    assert meaning(*codes, message) == told


def test_a_long_message_is_cut() -> None:
    assert len(meaning("9.9", "9.9", "x" * 9999)) < 260
