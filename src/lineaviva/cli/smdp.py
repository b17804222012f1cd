"""`lineaviva smdp`: the SM-DP+ that eSIM phones download from, and what an operator does with it by hand."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lineaviva.cli import output
from lineaviva.cli.carrier_home import Home, carrier, operator_or_ours
from lineaviva.cli.output import Json
from lineaviva.cli.smdp_clients import app as clients
from lineaviva.cli.smdp_import import import_
from lineaviva.cli.smdp_serve import serve
from lineaviva.kernel import clock
from lineaviva.kernel.errors import Conflict, InvalidInput, LineavivaError
from lineaviva.kernel.mask import masked

if TYPE_CHECKING:
    from lineaviva.carrier.smdp.models import Profile

app = typer.Typer(name="smdp", help="eSIM: the server that phones download profiles from.", no_args_is_help=True)
ca_app = typer.Typer(name="ca", help="A certificate issuer for tests.", no_args_is_help=True)
app.add_typer(ca_app)
app.add_typer(clients)
app.command()(serve)
app.command(name="import")(import_)


@ca_app.command()
def init(
    out: Annotated[Path, typer.Option(help="Folder for the certificates and keys.")],
    curve: Annotated[Literal["nist", "brainpool", "both"], typer.Option(help="NIST P-256, brainpoolP256r1.")] = "both",
    host: Annotated[
        list[str] | None, typer.Option(help="Name or address that the TLS certificate is for; again for more.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a test CI, and under it an EUM, an eUICC and the SM-DP+'s certificates. No phone on the street trusts them.

    Example: `lineaviva smdp ca init --out var/ca --host smdp.example.com`
    """
    from lineaviva.carrier.smdp import ca

    hosts = tuple(host or ("localhost", "127.0.0.1"))
    try:
        made = ca.init(out, curve=curve, hosts=hosts, now=clock.now())
    except FileExistsError as error:
        raise Conflict(f"{error.filename} is there already; choose another folder.", field="out") from None
    if json:
        output.print_json({"folder": str(out), "files": [str(path) for path in made]})
    else:
        output.console.print(f"{len(made)} files in {out}.")


@app.command()
def order(
    operator: Annotated[str, typer.Option(help="Whose profile; else LINEAVIVA_CARRIER_OPERATOR.")] = "",
    profile_type: Annotated[str, typer.Option("--type", help="Any profile of this type.")] = "",
    iccid: Annotated[str, typer.Option(help="This profile.")] = "",
    eid: Annotated[str, typer.Option(help="Only for this eUICC.")] = "",
    matching_id: Annotated[str, typer.Option(help="Else one is made.")] = "",
    confirmation_code: Annotated[str, typer.Option(help="What the holder has to type on the phone.")] = "",
    address: Annotated[str, typer.Option(help="The SM-DP+'s in the code; else LINEAVIVA_SMDP_ADDRESS.")] = "",
    home: Home = None,
    json: Json = False,
) -> None:
    """Order a profile, release it at once, and show its activation code: whoever has the code takes the line.

    Does what an operator does over ES2+. Example: `lineaviva smdp order --operator tim --type prepaid`
    """
    with carrier(home):
        from django.conf import settings

        ordered = _ordered(operator_or_ours(operator), iccid, profile_type, eid)
        wish = {"matchingId": matching_id, "confirmationCode": confirmation_code, "eid": eid}
        try:
            confirmed = _es2plus(
                operator_or_ours(operator),
                "confirmOrder",
                {"iccid": ordered, "releaseFlag": True, **{name: value for name, value in wish.items() if value}},
            )
        except LineavivaError:
            _es2plus(
                operator_or_ours(operator),
                "cancelOrder",
                {"iccid": ordered, "finalProfileStatusIndicator": "Available", **({"eid": eid} if eid else {})},
            )
            raise
        named = address or settings.SMDP_ADDRESS
    _show_order(ordered, named, str(confirmed["matchingId"]), bool(confirmation_code), json)


def _ordered(operator: str, iccid: str, profile_type: str, eid: str) -> str:
    if bool(iccid) == bool(profile_type):
        raise InvalidInput("Say which profile: either --type or --iccid.", field="type", code="profile_unsaid")
    asked = {"iccid": iccid, "profileType": profile_type, "eid": eid}
    body = {name: value for name, value in asked.items() if value}
    return str(_es2plus(operator, "downloadOrder", body)["iccid"])


def _es2plus(operator: str, function: str, body: dict[str, Any]) -> dict[str, Any]:
    """The function's answer. Raises Conflict with the sentence of a refusal."""
    from lineaviva.carrier.smdp import es2plus

    header = {"functionRequesterIdentifier": operator, "functionCallIdentifier": str(uuid.uuid4())}
    reply = es2plus.handle(function, es2plus.Requester(operator), {"header": header, **body}, clock.now())
    document = dict(reply.body or {})
    status = document["header"]["functionExecutionStatus"]
    if status["status"] != "Executed-Success":
        data = status["statusCodeData"]
        code = f"{data['subjectCode']}/{data['reasonCode']}"
        raise Conflict(f"{data['message']} ({code})", code="order_refused", field=data.get("subjectIdentifier"))
    return document


def _show_order(iccid: str, address: str, matching_id: str, needs_code: bool, json: bool) -> None:
    from lineaviva.kernel.activation_code import ActivationCode

    code = str(ActivationCode(address, matching_id, needs_confirmation=needs_code)) if address else ""
    if json:
        said = {"iccid": iccid, "smdp_address": address, "matching_id": matching_id, "activation_code": code}
        output.print_json(said)
        return
    output.console.print(f"[bold]{'profile':>15}[/]  {masked(iccid)}", highlight=False)
    if code:
        output.console.print(f"[bold]{'activation code':>15}[/]  {code}", soft_wrap=True, highlight=False)
    else:
        output.console.print(f"[bold]{'matching id':>15}[/]  {matching_id}", soft_wrap=True, highlight=False)
        output.console.print("LINEAVIVA_SMDP_ADDRESS is not set, so there is no activation code to show.", style="dim")


@app.command()
def profiles(
    operator: Annotated[str, typer.Option(help="Only this operator's.")] = "",
    state: Annotated[str, typer.Option(help="Only those in this state, such as available.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many, the latest first.", min=1, max=10_000)] = 100,
    home: Home = None,
    json: Json = False,
) -> None:
    """List profiles, the latest change first, and how many there are in each state.

    Example: `lineaviva smdp profiles --operator tim --state error --json`
    """
    with carrier(home):
        from django.db.models import Count

        from lineaviva.carrier.smdp.models import Profile
        from lineaviva.carrier.smdp.states import State

        if state and state not in set(State):
            raise InvalidInput(f"A state is one of {', '.join(State)}.", field="state")
        found = Profile.objects.all()
        found = found.filter(operator=operator) if operator else found
        counted = {name: many for name, many in found.values_list("state").annotate(many=Count("id")).order_by("state")}
        found = found.filter(state=state) if state else found
        listed = [_facts(one) for one in found.order_by("-changed_at", "-id")[:limit]]
    if json:
        output.print_json({"states": counted, "profiles": listed})
        return
    rows = [(one["iccid"], one["operator"], one["type"], one["state"], one["eid"], one["failure"]) for one in listed]
    columns = ["ICCID", "Operator", "Type", "State", "EID", "Failure"]
    output.print_table("Profiles", columns, rows, empty="There is no profile.")
    output.console.print(", ".join(f"{many} {name}" for name, many in counted.items()), style="dim", highlight=False)


@app.command()
def show(
    iccid: Annotated[str, typer.Argument(help="The profile's ICCID.")],
    home: Home = None,
    json: Json = False,
) -> None:
    """Show one profile: its state, its order, what its eUICC reported. Codes and keys are not shown.

    Example: `lineaviva smdp show 8939010000000000017`
    """
    from lineaviva.kernel.iccid import parse_iccid

    with carrier(home):
        from lineaviva.carrier.smdp.models import Profile
        from lineaviva.kernel.errors import NotFound

        profile = Profile.objects.filter(iccid=parse_iccid(iccid)).first()
        if profile is None:
            raise NotFound("There is no profile with this ICCID.", field="iccid")
        facts = {**_facts(profile), **_more(profile)}
    if json:
        output.print_json(facts)
        return
    for name, value in facts.items():
        if value not in ("", None, []) and name != "notices":
            output.console.print(f"[bold]{name.replace('_', ' '):>22}[/]  {value}", highlight=False)
    rows = [(one["received_at"], one["kind"], one["result"]) for one in facts["notices"]]
    output.print_table("What its eUICC reported", ["At", "What", "Result"], rows)


def _facts(profile: Profile) -> dict[str, Any]:
    return {
        "iccid": masked(profile.iccid),
        "operator": profile.operator,
        "type": profile.profile_type,
        "state": profile.state,
        "eid": masked(profile.eid) if profile.eid else "",
        "failure": profile.failure,
        "changed_at": profile.changed_at,
    }


def _more(profile: Profile) -> dict[str, Any]:
    return {
        "ordered": profile.order_number,
        "matching_id": masked(profile.matching_id) if profile.matching_id else "",
        "confirmation_code": "asked for" if profile.confirmation_hash else "",
        "wrong_confirmation_codes": profile.confirmation_failures,
        "expires_at": profile.expires_at,
        "on_the_phone": profile.phone,
        "bytes": profile.size,
        "notices": [
            {"kind": one.kind, "result": one.result, "received_at": one.received_at}
            for one in profile.notices.order_by("received_at", "id")
        ],
    }
