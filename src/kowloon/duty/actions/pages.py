"""Calling whoever is on duty."""

from __future__ import annotations

from typing import Literal

import msgspec

from kowloon.actions import pages as paging
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.actions.errors import invalid
from kowloon.duty import errors
from kowloon.duty.actions.calls import ON_BEHALF, acting_person, moment, shown, state_of
from kowloon.duty.logic import pages
from kowloon.duty.product import duty
from kowloon.duty.resources import Page

_POST = "acs:duty:*:{account}:post/{PostId}"
_MOST_CHARACTERS = 4000


class EntryItem(msgspec.Struct, kw_only=True):
    At: str
    What: str
    PersonId: str
    Text: str


class PageItem(msgspec.Struct, kw_only=True):
    PageId: str
    PostId: str
    Title: str
    Text: str
    Severity: str
    State: str
    Step: int
    NextAt: str
    DetectedAt: str
    CreatedAt: str
    AcknowledgedAt: str
    AcknowledgedBy: str
    AssignedTo: str
    Story: list[EntryItem]


def page_item(page: Page) -> PageItem:
    return PageItem(
        PageId=page.id,
        PostId=page.post,
        Title=page.title,
        Text=page.text,
        Severity=page.severity,
        State=page.state,
        Step=page.step,
        NextAt=shown(pages.due_at(page)),
        DetectedAt=shown(page.detected_at),
        CreatedAt=shown(page.created_at),
        AcknowledgedAt=shown(page.acknowledged_at),
        AcknowledgedBy=page.acknowledged_by,
        AssignedTo=page.assigned_to,
        Story=[
            EntryItem(At=shown(each.at), What=each.what, PersonId=each.person, Text=each.text) for each in page.story
        ],
    )


class PageResponse(Response):
    Page: PageItem


class CreatePageRequest(Request):
    """`About`: what repeats of the same trouble have in common; while a page about it is open there is no other."""

    PostId: str
    Title: str
    Text: str = ""
    Severity: Literal["low", "high", "critical"] = "high"
    About: str = ""


@duty.action(resource=_POST)
def create_page(ctx: Context, req: CreatePageRequest) -> PageResponse:
    """The first step of the post's ladder is taken at once."""
    state = state_of(ctx)
    if not 0 < len(req.Title) <= 200 or len(req.Text) > _MOST_CHARACTERS:
        raise invalid("Title", f"A title has 1 to 200 characters, a text {_MOST_CHARACTERS} at most.")
    post = state.post(req.PostId)
    page = pages.call(state, post, req.Title, req.Text, severity=req.Severity, about=req.About)
    return PageResponse(Page=page_item(page))


class GetPageRequest(Request):
    PageId: str


@duty.action(resource=_POST)
def get_page(ctx: Context, req: GetPageRequest) -> PageResponse:
    return PageResponse(Page=page_item(pages.find(state_of(ctx), req.PageId)))


class ListPagesRequest(Request):
    PostId: str = ""
    State: str = ""
    MaxResults: int = 50
    NextToken: str = ""


class ListPagesResponse(Response):
    Pages: list[PageItem]
    NextToken: str
    TotalCount: int


@duty.action(resource=_POST)
def list_pages(ctx: Context, req: ListPagesRequest) -> ListPagesResponse:
    """The newest first."""
    found = [
        page
        for page in reversed(ctx.tx.list(Page, account=ctx.account))
        if req.PostId in ("", page.post) and req.State in ("", page.state)
    ]
    shown_now = paging.by_token(found, req.NextToken, req.MaxResults)
    items = [page_item(page) for page in shown_now.items]
    return ListPagesResponse(Pages=items, NextToken=shown_now.next_token, TotalCount=shown_now.total)


class AcknowledgePageRequest(Request):
    PageId: str
    PersonId: str = ""
    Text: str = ""


@duty.action(resource=_POST, also=ON_BEHALF)
def acknowledge_page(ctx: Context, req: AcknowledgePageRequest) -> PageResponse:
    """Somebody has it in hand: nobody else is called."""
    state = state_of(ctx)
    person = acting_person(ctx, state, req.PersonId)
    page = pages.still_open(state, req.PageId)
    return PageResponse(Page=page_item(pages.acknowledge(state, page, person.id, req.Text)))


class ReassignPageRequest(Request):
    PageId: str
    To: str
    Text: str = ""


@duty.action(resource=_POST)
def reassign_page(ctx: Context, req: ReassignPageRequest) -> PageResponse:
    """Somebody else is called now; without an answer the ladder goes on."""
    state = state_of(ctx)
    page = pages.still_open(state, req.PageId)
    return PageResponse(Page=page_item(pages.reassign(state, page, state.person(req.To), req.Text)))


class SilencePageRequest(Request):
    PageId: str
    Until: str
    Text: str = ""


@duty.action(resource=_POST)
def silence_page(ctx: Context, req: SilencePageRequest) -> PageResponse:
    """Nobody is called until then."""
    state = state_of(ctx)
    until = moment(req.Until, "Until")
    if until <= ctx.now:
        raise errors.TIME_ORDER.error(why="Until is in the future.")
    return PageResponse(Page=page_item(pages.silence(state, pages.still_open(state, req.PageId), until, req.Text)))


class ResolvePageRequest(Request):
    PageId: str
    PersonId: str = ""
    Text: str = ""


@duty.action(resource=_POST, also=ON_BEHALF)
def resolve_page(ctx: Context, req: ResolvePageRequest) -> PageResponse:
    state = state_of(ctx)
    person = acting_person(ctx, state, req.PersonId)
    page = pages.still_open(state, req.PageId)
    return PageResponse(Page=page_item(pages.resolve(state, page, person.id, req.Text)))
