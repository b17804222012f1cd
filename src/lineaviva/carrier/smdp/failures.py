"""Every refusal that ES9+ and ES2+ know, with its subject and reason code (SGP.22 5.2.6, 5.3 and 5.6)."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple


class Code(NamedTuple):
    subject: str
    reason: str
    message: str

    @property
    def short(self) -> str:
        return f"{self.subject}/{self.reason}"


class Failure(Enum):
    """What is wrong. The message is for whoever reads the reply: it never repeats what was sent."""

    # The message itself.
    FORMAT = Code("1.3.1", "2.1", "The request is not of the form that this function takes.")
    ELEMENT_MISSING = Code("1.3.1", "2.2", "An element that this function needs is missing.")
    CHOICE_MISSING = Code("1.3.1", "2.3", "One of the elements between which this function chooses is needed.")
    PROTOCOL_VERSION = Code("1.3.2", "3.1", "The version of the protocol is not supported.")
    FUNCTION_UNKNOWN = Code("1.6", "3.9", "There is no such function.")
    REQUESTER_UNKNOWN = Code("1.1", "1.1", "The function requester is not known.")
    PROVIDER_BROKEN = Code("1.2", "4.2", "The function could not be carried out; try again later.")

    # The eUICC and its certificates.
    EUICC_SIGNATURE = Code("8.1", "6.1", "The eUICC's signature or what it signed does not fit this session.")
    EUICC_GAVE_UP = Code("8.1", "4.2", "The eUICC did not accept what it was sent.")
    EUICC_MEMORY = Code("8.1", "4.8", "The eUICC has not enough memory for this profile.")
    EID_REFUSED = Code("8.1.1", "3.8", "The profile is for another eUICC.")
    EID_MISSING = Code("8.1.1", "2.2", "This order needs an EID.")
    EID_FORMAT = Code("8.1.1", "2.1", "An EID has 32 digits.")
    EID_OTHER = Code("8.1.1", "3.10", "The order is for another EID.")
    EUM_UNVERIFIED = Code("8.1.2", "6.1", "The EUM certificate could not be verified.")
    EUM_EXPIRED = Code("8.1.2", "6.3", "The EUM certificate is not valid at this time.")
    EUICC_UNVERIFIED = Code("8.1.3", "6.1", "The eUICC certificate could not be verified.")
    EUICC_EXPIRED = Code("8.1.3", "6.3", "The eUICC certificate is not valid at this time.")
    CI_UNKNOWN = Code("8.11.1", "3.9", "The eUICC's certificate issuer is not known here.")

    # The server.
    ADDRESS_REFUSED = Code("8.8.1", "3.8", "The SM-DP+ address is not that of this server.")
    CI_UNSUPPORTED = Code("8.8.2", "3.1", "None of the certificate issuers that the eUICC signs under is known here.")
    SVN_UNSUPPORTED = Code("8.8.3", "3.1", "The eUICC's specification version is not supported.")
    CERTIFICATE_UNAVAILABLE = Code(
        "8.8.4", "3.7", "This server has no certificate of an issuer that the eUICC verifies."
    )
    OID_OTHER = Code("8.8", "3.10", "The SM-DP+ object identifier is not that of this server.")
    SMDS_INACCESSIBLE = Code("8.9", "5.1", "The SM-DS cannot be reached from here.")
    TRANSACTION_UNKNOWN = Code("8.10.1", "3.9", "The transaction is not known, or over.")

    # The profile and its order.
    PROFILE_REFUSED = Code("8.2", "1.2", "The profile is not released for download.")
    PROFILE_UNAVAILABLE = Code("8.2", "3.7", "The profile package cannot be bound for this eUICC any more.")
    ICCID_FORMAT = Code("8.2.1", "2.1", "An ICCID has 19 or 20 digits.")
    ICCID_REFUSED = Code("8.2.1", "1.2", "The function requester may do nothing with this profile.")
    ICCID_IN_USE = Code("8.2.1", "3.3", "The profile is not available: it is ordered or was downloaded.")
    ICCID_TRANSITION = Code("8.2.1", "3.5", "The profile is not in a state in which this can be done.")
    ICCID_UNKNOWN = Code("8.2.1", "3.9", "The profile is not known.")
    TYPE_EMPTY = Code("8.2.5", "3.7", "No profile of this type is left.")
    TYPE_OTHER = Code("8.2.5", "3.8", "The profile is of another type.")
    TYPE_UNKNOWN = Code("8.2.5", "3.9", "The profile type is not known.")
    TYPE_NOT_ELIGIBLE = Code("8.2.5", "4.3", "The profile cannot be used on this eUICC.")
    MATCHING_ID_FORMAT = Code("8.2.6", "2.1", "A matching id has capitals, digits and hyphens.")
    MATCHING_ID_IN_USE = Code("8.2.6", "3.3", "The matching id is in use.")
    MATCHING_ID_REFUSED = Code("8.2.6", "3.8", "No download order is waiting for this matching id or eUICC.")
    MATCHING_ID_OTHER = Code("8.2.6", "3.10", "The order has another matching id.")
    CONFIRMATION_FORMAT = Code("8.2.7", "2.1", "A confirmation code is a text of up to 255 letters.")
    CONFIRMATION_MISSING = Code("8.2.7", "2.2", "This profile needs a confirmation code.")
    CONFIRMATION_REFUSED = Code("8.2.7", "3.8", "The confirmation code is wrong.")
    CONFIRMATION_EXHAUSTED = Code("8.2.7", "6.4", "The confirmation code was wrong too often.")
    ORDER_EXPIRED = Code("8.8.5", "4.10", "The download order has expired.")
    ORDER_EXHAUSTED = Code("8.8.5", "6.4", "The profile was asked for too often.")

    # What the end user's device decided; told to the operator, never to the device.
    USER_REFUSED = Code("8.8.5", "3.8", "The end user refused the profile.")
    PPR_NOT_ALLOWED = Code("8.2.8", "1.2", "The eUICC does not allow the profile's policy rules.")
    METADATA_MISMATCH = Code("8.2.9", "3.11", "The profile's metadata were not those shown before.")
    BPP_EXECUTION = Code("8.2.10", "4.2", "The eUICC could not install the profile package.")
    CANCELLED_OTHERWISE = Code("8", "4.2", "The device cancelled the download for no known reason.")


class Failed(Exception):
    """A function's refusal. `identifier` names the element it is about, where that helps (`euiccInfo1`)."""

    def __init__(self, failure: Failure, identifier: str = "") -> None:
        super().__init__(failure.name)
        self.failure = failure
        self.identifier = identifier


class Reply(NamedTuple):
    """What goes back: an HTTP status and the JSON body, None for an empty one."""

    status: int
    body: dict[str, Any] | None


def status_code_data(failure: Failure, identifier: str = "") -> dict[str, str]:
    code = failure.value
    data = {"subjectCode": code.subject, "reasonCode": code.reason, "message": code.message}
    return {**data, "subjectIdentifier": identifier} if identifier else data


def failed(failure: Failure, identifier: str = "") -> Reply:
    """The reply of a function that refuses: HTTP 200 all the same (SGP.22 6.5.1.4)."""
    status = {"status": "Failed", "statusCodeData": status_code_data(failure, identifier)}
    return Reply(200, {"header": {"functionExecutionStatus": status}})


SUCCESS = {"functionExecutionStatus": {"status": "Executed-Success"}}


def done(payload: dict[str, Any]) -> Reply:
    """The reply of a function that did what it was asked."""
    return Reply(200, {"header": SUCCESS, **payload})
