"""`duty`: who answers for what, now; plans, acting holders, pages."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from kowloon.cli.home import RunningCloud, fail, show_json

if TYPE_CHECKING:
    from rich.text import Text

app = typer.Typer(help="Posts that rotate, acting holders, pages: who answers for what, now.", no_args_is_help=True)

_AS_JSON = typer.Option(False, "--json", help="For machines.")
_AS = typer.Option("", "--as", metavar="PERSON", help="Whom this is done for.")
_FROM = typer.Option("", "--from", metavar="TIME", help="2026-01-05T09:00 (here), or with its zone; now if not given.")
_TO = typer.Option("", "--to", metavar="TIME", help="Until then.")
_POST = typer.Option("", "--post", help="One post only.")
_PERSON = typer.Option("", "--person", help="One person only.")
_POLL_S = 0.3
_COLUMNS = 84
_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red", "bright_cyan", "bright_green", "bright_magenta")


def _call(action: str, *, unless: str = "", **parameters: Any) -> dict[str, Any]:
    """The answer of an action; what is empty is not told."""
    told = {name: value for name, value in parameters.items() if value not in ("", None, [], False)}
    return RunningCloud().call("POST", f"call/Duty/{action}", told, unless=unless)


def _moment(text: str) -> str:
    """A time without a zone is this machine's."""
    if not text:
        return ""
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except ValueError:
        fail(f"{text!r} is no time such as 2026-01-05T09:00", 2)


def _local(text: str) -> str:
    return datetime.fromisoformat(text).astimezone().strftime("%a %d %b %Y %H:%M") if text else ""


@app.command("apply")
def apply(
    file: Path = typer.Argument(..., help="The organisation's file (YAML)."),
    check: bool = typer.Option(False, "--check", help="Only say what is wrong with it."),
) -> None:
    """Set the organisation: units, posts, people, ladders, rules."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        fail(f"{file}: {problem}", 2)
    if check:
        _call("ApplyOrganisation", File=text, DryRun=True, unless="DryRunOperation")
        typer.echo(f"{file}: nothing is wrong with it")
        return
    answer = _call("ApplyOrganisation", File=text)
    typer.echo(f"version {answer['Version']}: {answer['Posts']} posts, {answer['People']} people")


@app.command("who")
def who(
    post: str = typer.Argument("", help="One post; all if not given."),
    at: str = typer.Option("", "--at", metavar="TIME", help="Then instead of now."),
    as_json: bool = _AS_JSON,
) -> None:
    """Who is on duty."""
    if post:
        rows = [_call("GetHolder", PostId=post, At=_moment(at))["Holder"]]
    else:
        rows = _call("ListHolders", At=_moment(at))["Holders"]
    if as_json:
        show_json(rows)
        return
    for row in rows:
        holder = f"{row['Name']} ({row['PersonId']})" if row["PersonId"] else "nobody"
        if row["Capacity"] == "acting":
            until = f"until {_local(row['Until'])} at the latest" if row["Until"] else "until a successor is named"
            holder += f", acting for {row['AgeDays']:g} days, {until}"
        following = f"; next {row['NextPersonId']}, {_local(row['NextAt'])}" if row["NextPersonId"] else ""
        typer.echo(f"{row['PostId']:<24} {holder}{following}")


@app.command("show")
def show(
    post: str = _POST, person: str = _PERSON, start: str = _FROM, end: str = _TO, as_json: bool = _AS_JSON
) -> None:
    """The schedule as a picture, one line per post; four weeks if not said otherwise."""
    from rich.console import Console
    from rich.text import Text

    answer = _call("GetSchedule", PostId=post, PersonId=person, From=_moment(start), To=_moment(end))
    if as_json:
        show_json(answer)
        return
    begins, ends = _seconds(answer["From"]), _seconds(answer["To"])
    people = sorted({segment["PersonId"] for segment in answer["Segments"] if segment["PersonId"]})
    colours = {each: _COLOURS[index % len(_COLOURS)] for index, each in enumerate(people)}
    console = Console()
    console.print(f"{_local(answer['From'])} to {_local(answer['To'])}", highlight=False)
    lines: dict[str, Text] = {}
    for segment in answer["Segments"]:
        line = lines.setdefault(segment["PostId"], Text(" " * _COLUMNS))
        _draw(line, segment, begins, ends, colours)
    for id, line in lines.items():
        console.print(Text(f"{id:<24} ") + line, no_wrap=True, overflow="ignore", crop=False)
    legend = Text("█ on duty  ▒ acting  ! nobody   ")
    for each in people:
        legend.append(f"{each}  ", style=colours[each])
    console.print(legend)


def _draw(line: Text, segment: dict[str, Any], begins: float, ends: float, colours: dict[str, str]) -> None:
    first = int((_seconds(segment["From"]) - begins) / (ends - begins) * _COLUMNS)
    last = max(int((_seconds(segment["To"]) - begins) / (ends - begins) * _COLUMNS), first + 1)
    mark = {"": "!", "acting": "▒"}.get(segment["Capacity"], "█")
    plain = line.plain[:first] + mark * (last - first) + line.plain[last:]
    line.plain = plain[:_COLUMNS]
    line.stylize(colours.get(segment["PersonId"], "red"), first, last)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@app.command("plan")
def plan(
    start: str = _FROM,
    end: str = _TO,
    posts: list[str] = typer.Option([], "--post", help="Only these; may be repeated."),
    adopt: bool = typer.Option(False, "--adopt", help="Take it over as soon as there is one."),
    away: list[str] = typer.Option(
        [], "--if-away", metavar="PERSON,FROM,TO", help="What if they were away; such a plan is only shown."
    ),
    seconds: float = typer.Option(60.0, help="To look for a better one at most."),
    as_json: bool = _AS_JSON,
) -> None:
    """Compute who serves when; 90 days if not said otherwise."""
    supposed = [_supposed(each) for each in away]
    run = _call(
        "CreatePlan",
        From=_moment(start),
        To=_moment(end),
        PostIds=posts,
        Adopt=adopt,
        Seconds=seconds,
        SupposedAbsences=supposed,
    )["Plan"]
    answer = _wait(run["PlanId"], quiet=as_json)
    run = answer["Plan"]
    if as_json:
        show_json(answer)
    else:
        _show_plan(answer)
    if run["Outcome"] != "plan":
        raise typer.Exit(1)


def _supposed(text: str) -> dict[str, str]:
    person, _, times = text.partition(",")
    start, _, end = times.partition(",")
    if not person or not start:
        fail(f"{text!r} is not PERSON,FROM,TO", 2)
    return {"PersonId": person, "From": _moment(start), "To": _moment(end)}


def _wait(id: str, *, quiet: bool) -> dict[str, Any]:
    from rich.console import Console

    console = Console(stderr=True, quiet=quiet)
    with console.status("planning ...") as status:
        while True:
            answer = _call("GetPlan", PlanId=id)
            if answer["Plan"]["State"] in ("done", "adopted"):
                return answer
            status.update(f"planning ... {answer['Plan']['Progress']}")
            time.sleep(_POLL_S)


def _show_plan(answer: dict[str, Any]) -> None:
    run = answer["Plan"]
    if run["Outcome"] != "plan":
        typer.secho(run["Text"], err=True, fg=typer.colors.RED)
        for rule in run["Rules"]:
            typer.echo(f"  {rule['Rule']} {rule['About']}".rstrip(), err=True)
        return
    best = "the best there is" if run["Gap"] == 0 else f"within {run['Gap']:.1%} of the best"
    typer.echo(
        f"{run['PlanId']}: {len(answer['Turns'])} turns, {run['Moved']} moved; cost {run['Cost']:g}, {best}; "
        f"{run['TookSeconds']:.1f} s"
    )
    for turn in answer["Turns"]:
        if turn["Before"] and turn["Before"] != turn["PersonId"]:
            typer.echo(f"  {turn['ShiftId']}: {turn['Before']} -> {turn['PersonId']}")
    if run["State"] == "adopted":
        typer.echo("adopted")
    elif not run["WhatIf"]:
        typer.echo(f"not adopted; do so with: kowloon duty adopt {run['PlanId']}")


@app.command("adopt")
def adopt_plan(plan_id: str = typer.Argument(..., metavar="PLAN")) -> None:
    """Take over a plan that was shown."""
    _call("AdoptPlan", PlanId=plan_id)
    typer.echo("adopted")


@app.command("act")
def act(
    post: str = typer.Argument(...),
    person: str = typer.Option("", "--person", help="The next in the succession if not given."),
    until: str = typer.Option("", "--until", metavar="TIME"),
    reason: str = typer.Option("", "--reason"),
    extend: bool = typer.Option(False, "--extend", help="One more stretch for whoever acts."),
) -> None:
    """Appoint somebody who acts in a post from now on."""
    if extend:
        tenure = _call("ExtendActing", PostId=post)["Tenure"]
    else:
        tenure = _call("AppointActing", PostId=post, PersonId=person, Until=_moment(until), Reason=reason)["Tenure"]
    for passed in tenure["PassedOver"]:
        typer.echo(f"passed over: {passed}")
    typer.echo(f"{tenure['PersonId']} acts in {post} until {_local(tenure['Until'])} at the latest")


@app.command("appoint")
def appoint(
    post: str = typer.Argument(...), person: str = typer.Argument(...), start: str = _FROM, end: str = _TO
) -> None:
    """Name the holder of a post. Whoever acts there stops at that moment."""
    tenure = _call("AppointHolder", PostId=post, PersonId=person, From=_moment(start), Until=_moment(end))["Tenure"]
    typer.echo(f"{person} holds {post} from {_local(tenure['From'])}")


@app.command("resign")
def resign(post: str = typer.Argument(...), person: str = _AS) -> None:
    """Leave a post and keep others."""
    _call("Resign", PostId=post, PersonId=person)
    typer.echo(f"{person} has left {post}")


@app.command("away")
def away(
    person: str = typer.Argument(...),
    start: str = _FROM,
    end: str = _TO,
    note: str = typer.Option("", "--note"),
    back: bool = typer.Option(False, "--back", help="They are back: what runs now ends."),
) -> None:
    """Somebody is away; who is on duty is stood in for at once."""
    if not back:
        _call("CreateAbsence", PersonId=person, From=_moment(start), To=_moment(end), Note=note)
        typer.echo(f"{person} is away")
        return
    # The cloud's clock may be ahead of this machine's.
    now = datetime.fromisoformat(_call("ListHolders")["At"])
    page = _call("ListAbsences", PersonId=person, MaxResults=1000)
    absences = page["Absences"]
    while page["NextToken"]:
        page = _call("ListAbsences", PersonId=person, MaxResults=1000, NextToken=page["NextToken"])
        absences += page["Absences"]
    for absence in absences:
        over = absence["To"] and datetime.fromisoformat(absence["To"]) <= now
        if not over and datetime.fromisoformat(absence["From"]) <= now:
            _call("EndAbsence", AbsenceId=absence["AbsenceId"], PersonId=person)
    typer.echo(f"{person} is back")


@app.command("take")
def take(
    post: str = typer.Argument(...),
    person: str = _AS,
    until: str = typer.Option("", "--until", metavar="TIME", help="The end of the present turn if not given."),
    reason: str = typer.Option("", "--reason"),
) -> None:
    """Take over now, from somebody who is busy or gone."""
    tenure = _call("TakeOver", PostId=post, PersonId=person, Until=_moment(until), Reason=reason)["Tenure"]
    typer.echo(f"{tenure['PersonId']} has {post} until {_local(tenure['Until'])}")


@app.command("give")
def give(shift: str = typer.Argument(...), person: str = typer.Argument(...)) -> None:
    """One planned turn goes to somebody, where no rule breaks by it. `turns` lists them."""
    _call("GiveTurn", ShiftId=shift, PersonId=person)
    typer.echo(f"{shift} is {person}'s")


@app.command("turns")
def turns(
    post: str = _POST, person: str = _PERSON, start: str = _FROM, end: str = _TO, as_json: bool = _AS_JSON
) -> None:
    """The planned turns, with the ids that swap, give and ask take."""
    rows = _call("ListTurns", PostId=post, PersonId=person, From=_moment(start), To=_moment(end), MaxResults=5000)[
        "Turns"
    ]
    if as_json:
        show_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['ShiftId']:<40} {_local(row['From'])} to {_local(row['To'])}  {row['PersonId']}")


@app.command("swap")
def swap(
    shift: str = typer.Argument(..., help="Whose of --as."),
    other: str = typer.Argument(..., help="What is asked for it."),
    person: str = _AS,
    note: str = typer.Option("", "--note"),
) -> None:
    """Ask somebody to swap turns; nothing changes until they agree."""
    _show_request(_call("RequestSwap", ShiftId=shift, OtherShiftId=other, PersonId=person, Note=note)["Request"])


@app.command("ask")
def ask(
    shift: str = typer.Argument(...),
    person: str = _AS,
    wait_min: float = typer.Option(15.0, "--wait-min", help="How long each one has before the next is asked, too."),
    note: str = typer.Option("", "--note"),
) -> None:
    """Ask everyone eligible to take a turn, those with the fewest hours first."""
    _show_request(_call("RequestCover", ShiftId=shift, PersonId=person, WaitMinutes=wait_min, Note=note)["Request"])


@app.command("answer")
def answer(
    request: str = typer.Argument(...),
    person: str = _AS,
    agree: bool = typer.Option(..., "--agree/--decline", help="The first to agree has it."),
) -> None:
    """Agree to a swap or to take a turn, or decline."""
    reply = RunningCloud().call(
        "POST", "call/Duty/AnswerRequest", {"RequestId": request, "Agree": agree, "PersonId": person}
    )
    _show_request(reply["Request"])


@app.command("requests")
def requests(person: str = _PERSON, as_json: bool = _AS_JSON) -> None:
    """Swaps and open requests, the newest first."""
    rows = _call("ListRequests", PersonId=person)["Requests"]
    if as_json:
        show_json(rows)
        return
    for row in rows:
        _show_request(row)


def _show_request(row: dict[str, Any]) -> None:
    what = f"{row['ShiftId']} for {row['OtherShiftId']}" if row["OtherShiftId"] else row["ShiftId"]
    taken = f", {row['TakenBy']} has it" if row["TakenBy"] else ""
    typer.echo(
        f"{row['RequestId']}  {row['State']:<9} {row['PersonId']}: {what}; asked {', '.join(row['Asked'])}{taken}"
    )


@app.command("page")
def page(
    post: str = typer.Argument(...),
    title: str = typer.Argument(...),
    text: str = typer.Option("", "--text"),
    severity: str = typer.Option("high", help="low, high or critical."),
    about: str = typer.Option("", "--about", help="While a page about it is open there is no other."),
) -> None:
    """Call whoever is on duty."""
    _show_page(_call("CreatePage", PostId=post, Title=title, Text=text, Severity=severity, About=about)["Page"])


@app.command("pages")
def pages(
    page_id: str = typer.Argument("", metavar="[PAGE]", help="The story of one page."),
    post: str = _POST,
    state: str = typer.Option("", "--state", help="open, acknowledged, silenced, exhausted or resolved."),
    as_json: bool = _AS_JSON,
) -> None:
    """Pages, the newest first, or the story of one."""
    rows = (
        [_call("GetPage", PageId=page_id)["Page"]] if page_id else _call("ListPages", PostId=post, State=state)["Pages"]
    )
    if as_json:
        show_json(rows)
        return
    for row in rows:
        _show_page(row)
        for entry in row["Story"] if page_id else ():
            typer.echo(f"  {_local(entry['At'])}  {entry['What']:<14} {entry['PersonId']} {entry['Text']}".rstrip())


def _show_page(row: dict[str, Any]) -> None:
    by = f" by {row['AcknowledgedBy']}" if row["AcknowledgedBy"] else ""
    typer.echo(f"{row['PageId']}  {row['State']}{by}  [{row['Severity']}] {row['PostId']}: {row['Title']}")


@app.command("ack")
def ack(
    page_id: str = typer.Argument(..., metavar="PAGE"),
    person: str = _AS,
    text: str = typer.Option("", "--text"),
    resolve: bool = typer.Option(False, "--resolve", help="It is over, too."),
) -> None:
    """Somebody has it in hand: nobody else is called."""
    row = _call("AcknowledgePage", PageId=page_id, PersonId=person, Text=text)["Page"]
    if resolve:
        row = _call("ResolvePage", PageId=page_id, PersonId=person, Text=text)["Page"]
    _show_page(row)


@app.command("history")
def history(
    post: str = _POST,
    person: str = _PERSON,
    start: str = _FROM,
    end: str = _TO,
    most: int = typer.Option(50, "--most", help="At most so many."),
    as_json: bool = _AS_JSON,
) -> None:
    """What has happened, the newest first. `who --at` says who held what on a day."""
    rows = _call("ListHistory", PostId=post, PersonId=person, From=_moment(start), To=_moment(end), MaxResults=most)[
        "Happenings"
    ]
    if as_json:
        show_json(rows)
        return
    for row in rows:
        about = " ".join(each for each in (row["PostId"], row["PersonId"]) if each)
        typer.echo(f"{_local(row['At'])}  {row['What']:<16} {about}  {row['Text']}".rstrip())


@app.command("export")
def export(
    post: str = _POST,
    person: str = _PERSON,
    start: str = _FROM,
    end: str = _TO,
    out: Path = typer.Option(Path("-"), "--out", help="A file instead of the terminal."),
) -> None:
    """The schedule as iCalendar, for calendars of people and posts."""
    answer = _call("ExportCalendar", PostId=post, PersonId=person, From=_moment(start), To=_moment(end))
    if str(out) == "-":
        typer.echo(answer["Calendar"], nl=False)
        return
    out.write_text(answer["Calendar"], encoding="utf-8", newline="")
    typer.echo(f"{out}: {answer['Events']} events")


@app.command("import")
def import_absences(
    file: Path = typer.Argument(..., help="An .ics file with the times at which the person is away."), person: str = _AS
) -> None:
    """Absences out of somebody's calendar."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        fail(f"{file}: {problem}", 2)
    answer = _call("ImportCalendar", Calendar=text, PersonId=person)
    typer.echo(f"{answer['Absences']} absences, {answer['Skipped']} skipped")
