"""Commands about what can be bought: list, refresh, compare, cheapest, promotions."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from lineaviva.cli import output
from lineaviva.cli.output import Json
from lineaviva.kernel import clock
from lineaviva.kernel.errors import InvalidInput, Temporary
from lineaviva.kernel.money import Money

if TYPE_CHECKING:
    from lineaviva import rulebook
    from lineaviva.keeper.catalogue.keepalive import Keepalive
    from lineaviva.keeper.catalogue.models import Offering, Promotion
    from lineaviva.keeper.catalogue.queries import Comparison

app = typer.Typer(name="catalogue", help="What can be bought for a line, and what it costs.", no_args_is_help=True)
promotion = typer.Typer(
    name="promotion", help="Promotions of ours; a quote applies the best one.", no_args_is_help=True
)
app.add_typer(promotion)

Operator = Annotated[str, typer.Option("--operator", help="Operator, as in the rulebook: tim, vodafone, windtre, ...")]
UNKNOWN = "not known"


@app.command("list")
def list_(operator: Operator, json: Json = False) -> None:
    """Everything in an operator's catalogue; what can be bought here stands first.

    Example: `lineaviva catalogue list --operator tim`
    """
    output.setup_django()
    from lineaviva import rulebook
    from lineaviva.keeper.catalogue.queries import offerings_for

    known = rulebook.operator(operator)
    found = offerings_for(known.slug, clock.now())
    if json:
        offers = [_offering(o) for o in found]
        output.print_json({"operator": known.slug, "offerings": offers, "elsewhere": _elsewhere(known)})
        return
    rows = [
        (o.external_id, escape(o.name), _price(o), _period(o), _yes(o.extends), _yes(o.sellable), o.source_date)
        for o in found
    ]
    columns = ["Id", "Name", "Price", "Period", "Moves dates", "Sold here", "As of"]
    output.print_table(known.name, columns, rows, empty="Nothing yet: run lineaviva catalogue refresh.")
    if any(not o.sellable for o in found):
        output.console.print(f"What is not sold here: {'; '.join(_elsewhere(known)) or UNKNOWN}.", highlight=False)


def _elsewhere(operator: rulebook.Operator) -> list[str]:
    """How one gets what is not sold here: the operator's own channels, by the rulebook."""
    channels = operator.channels
    return [*(one.reach for one in (*channels.site, *channels.app)), *(one.text for one in channels.topup)]


def _offering(offering: Offering) -> dict[str, Any]:
    names = (
        *("external_id", "kind", "name", "price_minor", "currency", "period_months", "period_days", "allowances"),
        *("extends", "sellable", "source", "source_url", "source_date", "note", "valid_until"),
    )
    return {name: getattr(offering, name) for name in names}


def _price(offering: Offering) -> str:
    return UNKNOWN if offering.price_minor is None else str(Money(offering.price_minor, offering.currency))


def _period(offering: Offering) -> str:
    if offering.kind == "topup":
        return ""
    if offering.period_months:
        return f"{offering.period_months} months" if offering.period_months > 1 else "1 month"
    return f"{offering.period_days} days" if offering.period_days else UNKNOWN


def _yes(value: bool | None) -> str:
    return {True: "yes", False: "no", None: UNKNOWN}[value]


@app.command()
def refresh(
    operator: Annotated[str, typer.Option(help="Only this operator.")] = "",
    json: Json = False,
) -> None:
    """Read rulebook and carriers again, now. Exit code 1 when a carrier cannot be read; its old catalogue stays.

    Example: `lineaviva catalogue refresh --operator tim`
    """
    output.setup_django()
    from rich.progress import track

    from lineaviva import rulebook
    from lineaviva.keeper.catalogue.actions import catalogue_refresh, sources_ensure

    now = clock.now()
    wanted = [rulebook.operator(operator)] if operator else rulebook.operators()
    sources_ensure(now=now)
    said: dict[str, str] = {}
    for one in track(wanted, "Reading catalogues", console=output.errors, disable=not output.errors.is_terminal):
        try:
            catalogue_refresh(operator=one.slug, now=now)
            said[one.slug] = "read"
        except Temporary as error:
            said[one.slug] = error.reason
    failed = {slug: why for slug, why in said.items() if why != "read"}
    if json:
        output.print_json({"read": [slug for slug in said if slug not in failed], "failed": failed})
    else:
        output.print_table("", ["Operator", "Result"], said.items())
    if failed:
        raise typer.Exit(1)


@app.command()
def compare(
    need: Annotated[
        list[str],
        typer.Option(
            help="What is needed a month: data_mb=5000, minutes=100, sms=10, calls_to_china, eu_roaming_mb=1000."
        ),
    ],
    operator: Annotated[list[str] | None, typer.Option(help="Only this operator; may be given again.")] = None,
    json: Json = False,
) -> None:
    """Plans side by side against a need; what is not known is said to be not known.

    Example: `lineaviva catalogue compare --need data_mb=5000,minutes=100,calls_to_china --operator tim`
    """
    output.setup_django()
    from lineaviva import rulebook
    from lineaviva.keeper.catalogue import queries
    from lineaviva.keeper.catalogue.rules import Need

    wanted = Need.parse(need)
    slugs = operator or [known.slug for known in rulebook.operators()]
    found = queries.compare(need=wanted, operators=slugs, now=clock.now())
    if json:
        output.print_json({"need": wanted.wanted(), "plans": [_comparison(one) for one in found]})
        return
    columns = ["Operator", "Plan", "A month", "As of", "Fits", *wanted.wanted()]
    output.print_table("", columns, [_comparison_row(one) for one in found], empty="No plans are known.")


def _comparison(one: Comparison) -> dict[str, Any]:
    return {
        "operator": one.offering.operator,
        "offering": one.offering.external_id,
        "name": one.offering.name,
        "per_month_minor": one.per_month.minor if one.per_month else None,
        "currency": one.offering.currency,
        "as_of": one.offering.source_date,
        "fits": one.fits,
        "sellable": one.offering.sellable,
        "criteria": [{"name": c.name, "wanted": c.wanted, "offered": c.offered, "met": c.met} for c in one.criteria],
    }


def _comparison_row(one: Comparison) -> list[str]:
    cells = [f"{_yes(c.met)} ({_offered(c.offered)})" if c.met is not None else UNKNOWN for c in one.criteria]
    month = str(one.per_month) if one.per_month else UNKNOWN
    plan = one.offering
    return [plan.operator, escape(plan.name), month, plan.source_date, _yes(one.fits), *map(escape, cells)]


def _offered(value: Any) -> str:
    if value == -1:
        return "without limit"
    return str(value.get("en", next(iter(value.values()), ""))) if isinstance(value, dict) else str(value)


@app.command()
def cheapest(
    msisdn: Annotated[str, typer.Argument(help="The line's number.")],
    json: Json = False,
) -> None:
    """The smallest act that moves a line's dates, with its cost a year. Exit code 1 when none is known.

    Example: `lineaviva catalogue cheapest 3471234567`
    """
    output.setup_django()
    from lineaviva.keeper.catalogue.queries import cheapest_keepalive
    from lineaviva.keeper.lines.queries import line_by_number

    act = cheapest_keepalive(line=line_by_number(msisdn), now=clock.now())
    if json:
        output.print_json({"keepalive": _keepalive(act) if act else None})
    elif act:
        _print_keepalive(act)
    else:
        output.console.print("No act is known that moves the dates of this line.")
    if act is None:
        raise typer.Exit(1)


def _keepalive(act: Keepalive) -> dict[str, Any]:
    return {
        "offering": act.offering.external_id,
        "name": act.offering.name,
        "sellable": act.offering.sellable,
        "price_minor": act.price.minor,
        "discount_minor": act.discount.minor,
        "total_minor": act.total.minor,
        "currency": act.total.currency,
        "months": act.months,
        "recurs": act.recurs,
        "cost_per_year_minor": act.cost_per_year.minor if act.cost_per_year else None,
        "drain_per_year_minor": act.drain_per_year.minor if act.drain_per_year else None,
        "moves": {name: {"before": before, "after": after} for name, (before, after) in act.moves.items()},
        "why": act.why,
    }


def _print_keepalive(act: Keepalive) -> None:
    where = "here" if act.offering.sellable else "at the operator's own channels"
    output.console.print(f"[bold]{escape(act.offering.name)}[/] for {act.total}, {where}", highlight=False)
    for sentence in act.why:
        output.console.print(escape(sentence), highlight=False)
    rows = [
        (name.replace("_", " "), before or UNKNOWN, after or UNKNOWN) for name, (before, after) in act.moves.items()
    ]
    output.print_table("", ["Date", "Before", "After"], rows, empty="It moves no date today.")


@promotion.command("add")
def promotion_add(
    key: Annotated[str, typer.Option(help="A short name of its own, as autumn-2026.")],
    name: Annotated[str, typer.Option(help="What holders read.")],
    first: Annotated[str, typer.Option("--from", help="First day, as 2026-12-01.")],
    until: Annotated[str, typer.Option("--until", help="The day on which it is over; that day does not count.")],
    off: Annotated[str, typer.Option(help="Amount taken off, as 1.00.")] = "",
    percent: Annotated[int, typer.Option(help="Percent taken off.", min=0, max=100)] = 0,
    operator: Annotated[str, typer.Option("--operator", help="Operator; left out with --code only: all.")] = "",
    offering: Annotated[str, typer.Option(help="Only this offering, as topup-10.")] = "",
    code: Annotated[str, typer.Option(help="Only for those who type this code, as WELCOME.")] = "",
    uses: Annotated[int | None, typer.Option(help="At most so many orders with the code.", min=1)] = None,
    per_person: Annotated[int | None, typer.Option(help="At most so many orders of one person.", min=1)] = None,
    minimum: Annotated[str, typer.Option(help="Only from this price on.")] = "",
    sim_type: Annotated[str, typer.Option(help="Only for physical or esim.")] = "",
    once_per_line: Annotated[bool, typer.Option("--once-per-line", help="Counts once for each line.")] = False,
    json: Json = False,
) -> None:
    """Add a promotion. Days begin at midnight in Rome.

    Examples: `lineaviva catalogue promotion add --operator tim --key autumn --name "Autumn" --from 2026-12-01 --until
    2027-01-01 --percent 10 --once-per-line`, `lineaviva catalogue promotion add --key welcome --name "Welcome" --from
    2026-12-01 --until 2027-03-01 --off 2.00 --code WELCOME --uses 100 --per-person 1`
    """
    output.setup_django()
    from lineaviva.keeper.catalogue import actions
    from lineaviva.keeper.catalogue.queries import offering_for

    made = actions.promotion_add(
        operator=operator,
        key=key,
        name=name,
        valid_from=_midnight(first, "from"),
        valid_until=_midnight(until, "until"),
        off_minor=Money.parse(off, field="off").minor if off else 0,
        off_percent=percent,
        offering=offering_for(operator=operator, external_id=offering, now=clock.now()) if offering else None,
        conditions=_conditions(minimum, sim_type, once_per_line),
        code=code,
        uses_most=uses,
        person_most=per_person,
        now=clock.now(),
    )
    if json:
        output.print_json(_promotion(made))
    else:
        output.console.print(f"Promotion {made.key} added.", highlight=False)


def _midnight(text: str, field: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time.min, clock.ROME)
    except ValueError:
        raise InvalidInput(f"{text!r} is not a day; write it as 2026-12-01.", field=field) from None


def _conditions(minimum: str, sim_type: str, once_per_line: bool) -> dict[str, Any]:
    if sim_type not in {"", "physical", "esim"}:
        raise InvalidInput("The SIM type is physical or esim.", field="sim_type")
    found = {
        "minimum_minor": Money.parse(minimum, field="minimum").minor if minimum else None,
        "sim_type": sim_type or None,
        "once_per_line": once_per_line or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _promotion(made: Promotion) -> dict[str, Any]:
    from lineaviva.keeper.catalogue.codes import uses_of

    names = (
        *("key", "operator", "name", "off_minor", "off_percent", "valid_from", "valid_until", "conditions", "source"),
        *("code", "uses_most", "person_most"),
    )
    facts = {name: getattr(made, name) for name in names}
    return {**facts, "offering": made.offering and made.offering.external_id, "uses": uses_of(made)}


@promotion.command("list")
def promotion_list(json: Json = False) -> None:
    """Every promotion that is not over, ours and the carriers'.

    Example: `lineaviva catalogue promotion list`
    """
    output.setup_django()
    from lineaviva.keeper.catalogue.queries import promotions_open

    found = list(promotions_open(clock.now()))
    if json:
        output.print_json({"promotions": [_promotion(one) for one in found]})
        return
    rows = [
        (
            p.key,
            escape(p.name),
            p.offering.external_id if p.offering else "all",
            _off(p),
            _day(p.valid_from),
            _day(p.valid_until),
            p.code,
            _uses(p) if p.code else "",
        )
        for p in found
    ]
    columns = ["Key", "Name", "Offering", "Takes off", "From", "Over on", "Code", "Used"]
    output.print_table("", columns, rows, empty="No promotions.")


def _uses(one: Promotion) -> str:
    from lineaviva.keeper.catalogue.codes import uses_of

    most = f" of {one.uses_most}" if one.uses_most is not None else ""
    return f"{uses_of(one)}{most}"


def _off(one: Promotion) -> str:
    parts = [str(Money(one.off_minor)) if one.off_minor else "", f"{one.off_percent} %" if one.off_percent else ""]
    return " + ".join(filter(None, parts))


def _day(at: datetime | None) -> str:
    return clock.rome_date(at).isoformat() if at else ""
