"""Who is on duty: now, on a day, over time; how the load is shared; what has happened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.actions.errors import invalid
from kowloon.duty.actions.calls import (
    ON_BEHALF,
    acting_person,
    answered_beside,
    horizon,
    moment,
    shown,
    state_of,
)
from kowloon.duty.logic.state import Committed, DutyState
from kowloon.duty.organisation import Post
from kowloon.duty.planning import calendar, eligible
from kowloon.duty.planning.problem import Eligibility, Person
from kowloon.duty.product import duty
from kowloon.duty.resources import Happening, Note, Tenure, Turn
from kowloon.duty.roster import Holder, PostRoster

_POSTS = "acs:duty:*:{account}:post/{PostId}"
# How many changes of the schedule are looked through for the next holder.
_MOST_EDGES = 64
_MOST_CHARACTERS = 4000


class HolderItem(msgspec.Struct, kw_only=True):
    """`PersonId` is empty for nobody; `Needed`: somebody should hold it then. `AgeDays`: how long an acting tenure has
    lasted; `Until`: when it ends at the latest; `InsteadOf`: who is stood in for."""

    PostId: str
    Title: str
    TitleZh: str
    PersonId: str = ""
    Name: str = ""
    Capacity: str = ""
    Since: str = ""
    Until: str = ""
    AgeDays: float = 0.0
    InsteadOf: str = ""
    Reason: str = ""
    ShiftId: str = ""
    TenureId: str = ""
    NextPersonId: str = ""
    NextAt: str = ""
    Needed: bool = True


def _item(state: DutyState, post: Post, at: float) -> HolderItem:
    roster = state.rosters[post.id]
    holder = roster.at(at)
    needed = at >= state.since and roster.is_meant(at)
    item = HolderItem(PostId=post.id, Title=post.title, TitleZh=post.title_zh, Needed=needed)
    _fill(state, item, holder, at)
    edge = roster.next_edge(at)
    for _ in range(_MOST_EDGES):
        following = roster.at(edge) if edge is not None else None
        if edge is None or (following is not None and (holder is None or following.person != holder.person)):
            break
        edge = roster.next_edge(edge)
    else:
        edge = None
    if edge is not None and following is not None:
        item.NextPersonId, item.NextAt = following.person, shown(edge)
    return item


def _fill(state: DutyState, item: HolderItem, holder: Holder | None, at: float) -> None:
    if holder is None:
        return
    person = state.whole.person(holder.person)
    item.PersonId, item.Name = holder.person, person.name if person is not None else holder.person
    item.Capacity, item.Since, item.ShiftId = holder.capacity, shown(holder.since), holder.shift
    tenure = state.tx.get(Tenure, holder.tenure) if holder.tenure else None
    if tenure is not None:
        item.TenureId, item.Until = tenure.id, shown(tenure.to_at)
        item.InsteadOf, item.Reason = tenure.instead_of, tenure.reason
    if holder.capacity == "acting":
        item.AgeDays = round((at - holder.since) / 86400.0, 2)


class GetHolderRequest(Request):
    PostId: str
    At: str = ""


class GetHolderResponse(Response):
    Holder: HolderItem


@duty.action(resource=_POSTS)
def get_holder(ctx: Context, req: GetHolderRequest) -> GetHolderResponse:
    """Who is on duty for a post, now or at a time."""
    state = state_of(ctx)
    return GetHolderResponse(Holder=_item(state, state.post(req.PostId), moment(req.At, "At") if req.At else ctx.now))


class ListHoldersRequest(Request):
    At: str = ""


class ListHoldersResponse(Response):
    At: str
    Holders: list[HolderItem]


@duty.action(resource="acs:duty:*:{account}:post/*")
def list_holders(ctx: Context, req: ListHoldersRequest) -> ListHoldersResponse:
    """Who holds what, or held what on that day."""
    state = state_of(ctx)
    at = moment(req.At, "At") if req.At else ctx.now
    return ListHoldersResponse(At=shown(at), Holders=[_item(state, post, at) for post in state.whole.posts])


class SegmentItem(msgspec.Struct, kw_only=True):
    """`PersonId` is empty where nobody holds it."""

    PostId: str
    From: str
    To: str
    PersonId: str = ""
    Capacity: str = ""
    ShiftId: str = ""
    TenureId: str = ""
    InsteadOf: str = ""


class GetScheduleRequest(Request):
    """28 days from now when no time is given."""

    From: str = ""
    To: str = ""
    PostId: str = ""
    PersonId: str = ""


class GetScheduleResponse(Response):
    From: str
    To: str
    Segments: list[SegmentItem]


def _schedule(duty: Committed, req: GetScheduleRequest) -> GetScheduleResponse:
    start, end = horizon(duty, req.From, req.To, 28.0)
    found: list[SegmentItem] = []
    for post in duty.posts(req.PostId):
        roster = duty.rosters[post.id]
        tenures = {tenure.id: tenure for tenure in roster.tenures}
        for segment in roster.segments(start, end):
            holder, begins = segment.holder, segment.start
            if holder is None:
                # Nobody was meant to hold anything before there was an organisation.
                begins = max(begins, duty.since)
                if begins >= segment.end or not roster.is_meant(begins):
                    continue
            if req.PersonId and (holder is None or holder.person != req.PersonId):
                continue
            tenure = tenures.get(holder.tenure) if holder is not None else None
            found.append(
                SegmentItem(
                    PostId=post.id,
                    From=shown(begins),
                    To=shown(segment.end),
                    PersonId=holder.person if holder is not None else "",
                    Capacity=holder.capacity if holder is not None else "",
                    ShiftId=holder.shift if holder is not None else "",
                    TenureId=holder.tenure if holder is not None else "",
                    InsteadOf=tenure.instead_of if tenure is not None else "",
                )
            )
    return GetScheduleResponse(From=shown(start), To=shown(end), Segments=found)


@duty.action(resource=_POSTS, prepare=answered_beside(_schedule))
def get_schedule(ctx: Context, req: GetScheduleRequest) -> GetScheduleResponse:
    """The final schedule: who holds each post when, gaps where somebody should and nobody does."""
    answer: GetScheduleResponse = ctx.prepared
    return answer


class TurnItem(msgspec.Struct, kw_only=True):
    """`Planned`: who has it by the plan; `PersonId`: after swaps."""

    ShiftId: str
    PostId: str
    Layer: str
    From: str
    To: str
    PersonId: str
    Planned: str
    Hours: float


class ListTurnsRequest(Request):
    From: str = ""
    To: str = ""
    PostId: str = ""
    PersonId: str = ""
    MaxResults: int = 500
    NextToken: str = ""


class ListTurnsResponse(Response):
    Turns: list[TurnItem]
    NextToken: str
    TotalCount: int


@duty.action(resource=_POSTS)
def list_turns(ctx: Context, req: ListTurnsRequest) -> ListTurnsResponse:
    """The planned turns that touch a time, all layers, in order."""
    state = state_of(ctx)
    start, end = horizon(ctx, req.From, req.To, 28.0)
    chosen = [state.post(req.PostId)] if req.PostId else list(state.whole.posts)
    rosters = [state.rosters[post.id] for post in chosen]
    found = [
        (turn.start, turn.shift, roster, turn)
        for roster in rosters
        for turn in roster.turns_between(start, end)
        if req.PersonId in ("", roster.serves(turn))
    ]
    found.sort(key=lambda each: each[:2])
    page = pages.by_token(found, req.NextToken, req.MaxResults, most=5000)
    items = [_turn_item(roster, turn) for _, _, roster, turn in page.items]
    return ListTurnsResponse(Turns=items, NextToken=page.next_token, TotalCount=page.total)


def _turn_item(roster: PostRoster, turn: Turn) -> TurnItem:
    return TurnItem(
        ShiftId=turn.shift,
        PostId=roster.post.id,
        Layer=turn.layer,
        From=shown(turn.start),
        To=shown(turn.end),
        PersonId=roster.serves(turn),
        Planned=turn.person,
        Hours=sum([span.end - span.start for span in turn.spans]) / 3600,
    )


class BalanceItem(msgspec.Struct, kw_only=True):
    """Hours of turns, and how many of them are nights, weekends and public holidays where the person is. `Fair...`:
    what that would be, were the turns of each layer shared out among all who may serve it, by their `Share`."""

    PersonId: str
    Name: str
    Share: float
    Hours: float = 0.0
    Nights: float = 0.0
    Weekends: float = 0.0
    Holidays: float = 0.0
    FairHours: float = 0.0
    FairNights: float = 0.0
    FairWeekends: float = 0.0
    FairHolidays: float = 0.0
    Turns: int = 0


class GetBalanceRequest(Request):
    From: str = ""
    To: str = ""
    PostId: str = ""


class GetBalanceResponse(Response):
    From: str
    To: str
    People: list[BalanceItem]


def _balance(duty: Committed, req: GetBalanceRequest) -> GetBalanceResponse:
    start, end = horizon(duty, req.From, req.To, 365.0)
    items = {
        person.id: BalanceItem(PersonId=person.id, Name=person.name, Share=person.share) for person in duty.whole.people
    }
    people = {person.id: person.planned(()) for person in duty.whole.people}
    for post in duty.posts(req.PostId):
        layers: defaultdict[str, list[calendar.Burden]] = defaultdict(list)
        roster = duty.rosters[post.id]
        for turn in roster.turns_between(start, end):
            item = items.get(roster.serves(turn))
            if item is None or not start <= turn.start < end:
                continue
            person = people[item.PersonId]
            burden = calendar.local_burden(turn.spans, person.time_zone, person.country)
            item.Turns += 1
            item.Hours += burden.hours
            item.Nights += burden.nights
            item.Weekends += burden.weekends
            item.Holidays += burden.holidays
            layers[turn.layer].append(burden)
        for layer, burdens in layers.items():
            chosen = next((each for each in post.layers if each.id == layer), None)
            _share_out(burdens, eligible.eligibility(post.planned(), chosen), people.values(), items)
    return GetBalanceResponse(From=shown(start), To=shown(end), People=list(items.values()))


@duty.action(resource=_POSTS, prepare=answered_beside(_balance))
def get_balance(ctx: Context, req: GetBalanceRequest) -> GetBalanceResponse:
    """Who serves how much in a time, as planned and swapped; turns that reach out of it count in full."""
    answer: GetBalanceResponse = ctx.prepared
    return answer


def _share_out(
    burdens: list[calendar.Burden], wanted: Eligibility, people: Iterable[Person], items: dict[str, BalanceItem]
) -> None:
    able = [person for person in people if person.share and not eligible.lacks(person, wanted)]
    shares = sum([person.share for person in able])
    whole = calendar.Burden(*[sum(hours) for hours in zip(*burdens, strict=True)])
    for person in able:
        item, part = items[person.id], person.share / shares
        item.FairHours += part * whole.hours
        item.FairNights += part * whole.nights
        item.FairWeekends += part * whole.weekends
        item.FairHolidays += part * whole.holidays


class HappeningItem(msgspec.Struct, kw_only=True):
    At: str
    What: str
    PostId: str
    PersonId: str
    Text: str
    By: str


class ListHistoryRequest(Request):
    From: str = ""
    To: str = ""
    PostId: str = ""
    PersonId: str = ""
    MaxResults: int = 100
    NextToken: str = ""


class ListHistoryResponse(Response):
    Happenings: list[HappeningItem]
    NextToken: str
    TotalCount: int


@duty.action(resource=_POSTS)
def list_history(ctx: Context, req: ListHistoryRequest) -> ListHistoryResponse:
    """What has happened, the newest first."""
    start = moment(req.From, "From") if req.From else 0.0
    end = moment(req.To, "To") if req.To else float("inf")
    found = [
        each
        for each in reversed(ctx.tx.list(Happening, account=ctx.account))
        if start <= each.created_at < end and req.PostId in ("", each.post) and req.PersonId in ("", each.person)
    ]
    page = pages.by_token(found, req.NextToken, req.MaxResults, most=1000)
    items = [_happening_item(each) for each in page.items]
    return ListHistoryResponse(Happenings=items, NextToken=page.next_token, TotalCount=page.total)


def _happening_item(happening: Happening) -> HappeningItem:
    return HappeningItem(
        At=shown(happening.created_at),
        What=happening.what,
        PostId=happening.post,
        PersonId=happening.person,
        Text=happening.text,
        By=happening.by,
    )


class NoteItem(msgspec.Struct, kw_only=True):
    PostId: str
    PersonId: str
    At: str
    Text: str


class CreateHandOverNoteRequest(Request):
    PostId: str
    Text: str
    PersonId: str = ""


class CreateHandOverNoteResponse(Response):
    Note: NoteItem


@duty.action(resource=_POSTS, also=ON_BEHALF)
def create_hand_over_note(ctx: Context, req: CreateHandOverNoteRequest) -> CreateHandOverNoteResponse:
    """Something that the next holder is to know; it is told at the hand-over."""
    state = state_of(ctx)
    post, person = state.post(req.PostId), acting_person(ctx, state, req.PersonId)
    if not 0 < len(req.Text) <= _MOST_CHARACTERS:
        raise invalid("Text", f"A note has 1 to {_MOST_CHARACTERS} characters.")
    state.make_room(Note)
    note = Note(
        id=state.new_id("dn"),
        account=ctx.account,
        created_at=ctx.now,
        post=post.id,
        person=person.id,
        text=req.Text,
    )
    ctx.tx.put(note)
    state.happened("note", post=post.id, person=person.id, text=req.Text)
    return CreateHandOverNoteResponse(Note=note_item(note))


class ListHandOverNotesRequest(Request):
    PostId: str
    MaxResults: int = 50
    NextToken: str = ""


class ListHandOverNotesResponse(Response):
    Notes: list[NoteItem]
    NextToken: str
    TotalCount: int


@duty.action(resource=_POSTS)
def list_hand_over_notes(ctx: Context, req: ListHandOverNotesRequest) -> ListHandOverNotesResponse:
    """What holders have left for the next, the newest first."""
    post = state_of(ctx).post(req.PostId)
    notes = [note for note in reversed(ctx.tx.list(Note, account=ctx.account)) if note.post == post.id]
    items = [note_item(note) for note in notes]
    page = pages.by_token(items, req.NextToken, req.MaxResults)
    return ListHandOverNotesResponse(Notes=page.items, NextToken=page.next_token, TotalCount=page.total)


def note_item(note: Note) -> NoteItem:
    return NoteItem(PostId=note.post, PersonId=note.person, At=shown(note.created_at), Text=note.text)
