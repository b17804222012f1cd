"""`lineaviva sandbox phone`: a pretend phone that downloads real profiles from a real SM-DP+."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from lineaviva.cli import output
from lineaviva.cli.output import Json
from lineaviva.kernel import clock
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.kernel.errors import LineavivaError
from lineaviva.kernel.mask import masked
from lineaviva.sandbox.world import World

if TYPE_CHECKING:
    from lineaviva.sandbox.phone.device import Phone
    from lineaviva.sandbox.phone.lpa import Lpa
    from lineaviva.sandbox.phone.store import Profile

app = typer.Typer(name="phone", help="A pretend phone with a software eUICC.", no_args_is_help=True)
notifications = typer.Typer(
    name="notifications", help="What the chip has signed for servers that have not taken it yet.", no_args_is_help=True
)
app.add_typer(notifications)

Folder = Annotated[Path, typer.Option("--phone", help="The phone's folder.")]
Ca = Annotated[
    Path | None, typer.Option(help="Trust TLS certificates of the authorities in this PEM file, instead of the CI's.")
]
Which = Annotated[str, typer.Argument(help="The profile's number in `list`, or the last digits of its ICCID.")]
Later = Annotated[bool, typer.Option("--later", help="Keep the notifications; send them with: notifications send")]
# The phone of `lineaviva serve --sandbox`, too: what its pages install is listed here.
_PHONE = Path(os.environ.get("LINEAVIVA_HOME", "var")) / "sandbox" / "phone"


def _say(sentence: str) -> None:
    output.errors.print(escape(sentence), highlight=False)


def _sandbox_certs() -> Path | None:
    """Of the SM-DP+ of `lineaviva serve --sandbox`, as soon as it has made them."""
    certs = World(Path(os.environ.get("LINEAVIVA_HOME", "var")), 0).smdp_certs
    return certs if certs.is_dir() else None


def _row(profile: Profile) -> dict[str, Any]:
    return {
        "number": profile.slot,
        "name": profile.name,
        "provider": profile.provider,
        "iccid": masked(profile.iccid),
        "state": "enabled" if profile.enabled else "disabled",
        "class": profile.profile_class,
        "size": profile.size,
        "server": profile.smdp,
        "installed_at": profile.installed_at,
    }


@app.command()
def new(
    certs: Annotated[Path, typer.Option(help="A folder of `lineaviva smdp ca init`, or GSMA's SGP.26 set.")],
    phone: Folder = _PHONE,
    another: Annotated[
        bool, typer.Option("--another", help="A further chip of the same maker, with an EID of its own.")
    ] = False,
    eid: Annotated[str, typer.Option(help="The further chip's EID; else one is drawn.")] = "",
    memory: Annotated[int, typer.Option(min=0, help="Bytes for profiles; 0 for 400,000.")] = 0,
    json: Json = False,
) -> None:
    """Make a phone. Each phone has a folder of its own.

    Example: `lineaviva sandbox phone new --certs var/smdp/certs`
    """
    from lineaviva.sandbox.phone import device

    made = device.make(phone, certs, now=clock.now(), another=another, eid=eid, memory=memory)
    if json:
        output.print_json({"phone": str(phone), "eid": masked(made.chip.identity.eid)})
    else:
        output.console.print(f"The phone is in {phone}; its chip is {masked(made.chip.identity.eid)}.")


@app.command()
def show(phone: Folder = _PHONE, json: Json = False) -> None:
    """Show the phone and its EID in full, as its holder would dial *#06# to read it.

    Example: `lineaviva sandbox phone show --json`
    """
    from lineaviva.sandbox.phone import device

    chip = device.look(phone).chip
    facts = {
        "eid": chip.identity.eid,
        "profiles": len(chip.state.profiles),
        "free_bytes": chip.state.free,
        "notifications_waiting": len(chip.state.notifications),
        "issuers": [one.ci.curve.name for one in chip.identity.credentials],
    }
    if json:
        output.print_json(facts)
    else:
        output.print_table(str(phone), ["Fact", "Value"], facts.items())


@app.command(name="list")
def list_(phone: Folder = _PHONE, json: Json = False) -> None:
    """List the profiles on the phone.

    Example: `lineaviva sandbox phone list --phone var/sandbox/phone`
    """
    from lineaviva.sandbox.phone import device

    rows = [_row(profile) for profile in device.look(phone).chip.state.profiles]
    if json:
        output.print_json(rows)
    else:
        shown = {"number": "Number", "name": "Name", "provider": "Provider", "iccid": "ICCID", "state": "State"}
        cells = [[row[name] for name in shown] for row in rows]
        output.print_table(str(phone), list(shown.values()), cells, empty="No profile on this phone yet.")


@app.command()
def download(
    code: Annotated[str, typer.Argument(help="The activation code, in quotes: 'LPA:1$server$matching-id'.")],
    confirmation_code: Annotated[str, typer.Option(help="The operator's code, where it asks for one.")] = "",
    phone: Folder = _PHONE,
    certs: Annotated[
        Path | None,
        typer.Option(
            help="Make the phone from this folder if there is none yet; else the sandbox's own, if it has run."
        ),
    ] = None,
    ca: Ca = None,
    enable: Annotated[bool, typer.Option("--enable", help="Switch the line on at once.")] = False,
    accept_rules: Annotated[bool, typer.Option("--accept-rules", help="Agree to rules of the operator.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Look at the offer and say no, as a holder may.")] = False,
    later: Later = False,
    json: Json = False,
) -> None:
    """Download a profile and install it; the server is told. Installing is not enabling.

    Example: `lineaviva sandbox phone download 'LPA:1$127.0.0.1:8443$K7-QX2M' --enable --json`
    """
    from lineaviva.sandbox.phone import device, switching
    from lineaviva.sandbox.phone.lpa import Wish

    wish = Wish(ActivationCode.parse(code), confirmation_code, accept_rules, reject)
    maker = certs or _sandbox_certs()
    if maker is not None and not device.exists(phone):
        device.make(phone, maker, now=clock.now())
    with device.hold(phone, ca=ca) as held:
        lpa = held.lpa(_say)
        try:
            profile = lpa.download(wish, clock.now())
        except LineavivaError:
            # A failed installation, too, is told to the server.
            _send(held, lpa, later)
            raise
        if enable:
            switching.enable(held.chip, profile, clock.now())
            held.save()
            _say(f"Enabled profile {profile.slot}.")
        told = _send(held, lpa, later)
    _done({"profile": _row(profile), "notifications": told}, _installed(profile), json=json)


def _installed(profile: Profile) -> str:
    hint = "" if profile.enabled else f" Switch it on with: lineaviva sandbox phone enable {profile.slot}"
    return f"Installed as number {profile.slot}: {profile.name} ({masked(profile.iccid)}).{hint}"


def _send(held: Phone, lpa: Lpa, later: bool) -> dict[str, int]:
    sent = 0 if later else lpa.send_notifications()
    if sent:
        _say(f"Told the server: {sent} notification{'s' if sent > 1 else ''}.")
    return {"sent": sent, "waiting": len(held.chip.state.notifications)}


def _done(document: dict[str, Any], sentence: str, *, json: bool) -> None:
    if json:
        output.print_json(document)
    else:
        output.console.print(escape(sentence), highlight=False)


@app.command()
def enable(which: Which, phone: Folder = _PHONE, ca: Ca = None, later: Later = False, json: Json = False) -> None:
    """Switch a profile on, and the one that was on off.

    Example: `lineaviva sandbox phone enable 1`
    """
    _switch("enable", which, phone, ca, later, json)


@app.command()
def disable(which: Which, phone: Folder = _PHONE, ca: Ca = None, later: Later = False, json: Json = False) -> None:
    """Switch a profile off; it stays on the phone.

    Example: `lineaviva sandbox phone disable 1`
    """
    _switch("disable", which, phone, ca, later, json)


@app.command()
def delete(
    which: Which,
    phone: Folder = _PHONE,
    ca: Ca = None,
    later: Later = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Delete a profile for good; most operators give it out only once.

    Example: `lineaviva sandbox phone delete 1 --yes`
    """
    if not yes:
        typer.confirm(f"Delete profile {which} from this phone for good?", abort=True, err=True)
    _switch("delete", which, phone, ca, later, json)


def _switch(act: str, which: str, phone: Path, ca: Path | None, later: bool, json: bool) -> None:
    from lineaviva.sandbox.phone import device, switching

    with device.hold(phone, ca=ca) as held:
        profile = switching.find(held.chip, which)
        getattr(switching, act)(held.chip, profile, clock.now())
        held.save()
        told = _send(held, held.lpa(_say), later)
    state = "deleted" if act == "delete" else _row(profile)["state"]
    document = {"profile": {**_row(profile), "state": state}, "notifications": told}
    _done(document, f"Profile {profile.slot} is {state}.", json=json)


@notifications.command(name="list")
def waiting(phone: Folder = _PHONE, json: Json = False) -> None:
    """List what waits, oldest first.

    Example: `lineaviva sandbox phone notifications list --json`
    """
    from lineaviva.sandbox.phone import device

    kept = device.look(phone).chip.state.notifications
    rows = [
        {"number": one.number, "event": one.event, "iccid": masked(one.iccid), "server": one.address} for one in kept
    ]
    if json:
        output.print_json(rows)
    else:
        cells = [list(row.values()) for row in rows]
        output.print_table(str(phone), ["Number", "Event", "ICCID", "Server"], cells, empty="Nothing waits.")


@notifications.command()
def send(phone: Folder = _PHONE, ca: Ca = None, json: Json = False) -> None:
    """Send what waits; exit code 1 if a server did not take it.

    Example: `lineaviva sandbox phone notifications send`
    """
    from lineaviva.sandbox.phone import device

    with device.hold(phone, ca=ca) as held:
        told = _send(held, held.lpa(_say), later=False)
    _done(told, f"Sent {told['sent']}, waiting {told['waiting']}.", json=json)
    if told["waiting"]:
        raise typer.Exit(1)
