"""Rotation plans: computed beside the calls, looked at, adopted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import AsJson, Request
from kowloon.actions.errors import invalid
from kowloon.actions.ports import Principal
from kowloon.duty import errors
from kowloon.duty.actions.calls import horizon, moment, shown, state_of
from kowloon.duty.actions.organisations import read_file
from kowloon.duty.logic import plans
from kowloon.duty.logic.state import DutyState
from kowloon.duty.organisation import Organisation
from kowloon.duty.planning.problem import Conflict, Plan, Unknown
from kowloon.duty.product import duty
from kowloon.duty.resources import Absence, PlanRun
from kowloon.duty.rosters import Rosters
from kowloon.store.store import Store

_PLAN = "acs:duty:*:{account}:plan/{PlanId}"
_KEPT = 50


class RuleItem(msgspec.Struct, kw_only=True):
    Rule: str
    About: str


class TurnOfPlan(msgspec.Struct, kw_only=True):
    ShiftId: str
    PostId: str
    Layer: str
    From: str
    To: str
    PersonId: str
    Before: str


class PlanItem(msgspec.Struct, kw_only=True):
    """`State`: waiting, computing, done or adopted. `Outcome`: plan, conflict or unknown, once it is done.
    `Gap`: how far from the best it may be at most (0.02: 2 %); `Moved`: turns that went to somebody else."""

    PlanId: str
    State: str
    From: str
    To: str
    Posts: list[str]
    WhatIf: bool
    Progress: str
    CreatedAt: str
    Outcome: str = ""
    Text: str = ""
    Cost: float = 0.0
    Bound: float = 0.0
    Gap: float = 0.0
    TookSeconds: float = 0.0
    Moved: int = 0
    Rules: list[RuleItem] = []
    SmallestConflict: bool = False


def plan_item(run: PlanRun) -> PlanItem:
    item = PlanItem(
        PlanId=run.id,
        State=run.state,
        From=shown(run.from_at),
        To=shown(run.to_at),
        Posts=list(run.posts),
        WhatIf=run.is_what_if,
        Progress=run.progress,
        CreatedAt=shown(run.created_at),
    )
    outcome = run.outcome
    if isinstance(outcome, Plan):
        item.Outcome, item.Cost, item.Bound, item.Gap = "plan", outcome.cost, outcome.bound, outcome.gap
        item.Moved = len(outcome.moved)
    elif isinstance(outcome, Conflict):
        item.Outcome, item.Text, item.SmallestConflict = "conflict", outcome.text, outcome.smallest
        item.Rules = [RuleItem(Rule=rule.rule, About=rule.about) for rule in outcome.rules]
    elif isinstance(outcome, Unknown):
        item.Outcome, item.Text = "unknown", outcome.text
    item.TookSeconds = outcome.took_s if outcome is not None else 0.0
    return item


class PlanResponse(Response):
    Plan: PlanItem


class SupposedAbsence(msgspec.Struct, kw_only=True):
    PersonId: str
    From: str
    To: str = ""


class CreatePlanRequest(Request):
    """From now on for 90 days when no time is given; for all posts when none is named. `Adopt`: take it over as soon as
    there is one. `SupposedAbsences`: what if these were away; `SupposedFile`: what if that were the organisation, with
    other rules or people; such a plan cannot be adopted. `Seconds`: to look for a better one at most."""

    From: str = ""
    To: str = ""
    PostIds: list[str] = []
    Adopt: bool = False
    Seconds: float = 60.0
    SupposedAbsences: AsJson[list[SupposedAbsence]] = []
    SupposedFile: str = ""


async def _supposed_file(ports: Mapping[type, Any], req: CreatePlanRequest) -> Organisation | None:
    return await asyncio.to_thread(read_file, req.SupposedFile) if req.SupposedFile else None


@duty.action(resource="acs:duty:*:{account}:plan/*", prepare=_supposed_file)
def create_plan(ctx: Context, req: CreatePlanRequest) -> PlanResponse:
    """Begins to compute; GetPlan says how far it is. The plan that is there counts until another one is adopted."""
    state = state_of(ctx)
    start, end = horizon(ctx, req.From, req.To, 90.0, most_days=1100.0)
    if not 0 < req.Seconds <= 600:
        raise invalid("Seconds", "It is above 0 and at most 600.")
    supposed: Organisation | None = ctx.prepared
    if (req.SupposedAbsences or supposed is not None) and req.Adopt:
        raise invalid("Adopt", "What is only supposed cannot be adopted.")
    if supposed is not None:
        state = state.supposing(supposed)
    run = PlanRun(
        id=state.new_id("plan"),
        account=ctx.account,
        created_at=ctx.now,
        from_at=start,
        to_at=end,
        posts=tuple([state.post(id).id for id in req.PostIds]),
        what_if=tuple([_supposed(state, each) for each in req.SupposedAbsences]),
        supposed=supposed,
        adopt=req.Adopt,
        seconds=req.Seconds,
        by=state.by,
    )
    kept = ctx.tx.list(PlanRun, account=ctx.account)
    for old in kept[: max(len(kept) + 1 - _KEPT, 0)]:
        ctx.tx.delete(old)
    ctx.tx.put(run)
    return PlanResponse(Plan=plan_item(run))


def _supposed(state: DutyState, told: SupposedAbsence) -> Absence:
    from_at = moment(told.From, "SupposedAbsences")
    to_at = moment(told.To, "SupposedAbsences") if told.To else None
    if to_at is not None and to_at <= from_at:
        raise errors.TIME_ORDER.error(why="An absence ends after it begins.")
    person = state.person(told.PersonId)
    return Absence(id=state.new_id("da"), account=state.account, person=person.id, from_at=from_at, to_at=to_at)


class GetPlanRequest(Request):
    """`OnlyMoved`: of the turns, those that went to somebody else than before."""

    PlanId: str
    OnlyMoved: bool = False


class GetPlanResponse(Response):
    Plan: PlanItem
    Turns: list[TurnOfPlan]


async def _expanded(ports: Mapping[type, Any], req: GetPlanRequest | AdoptPlanRequest) -> None:
    """Has its shifts ready before the transaction."""
    run = ports[Store].get(PlanRun, req.PlanId)
    if run is not None and run.account == ports[Principal].account:
        await ports[Rosters].expand(run)


@duty.action(resource=_PLAN, prepare=_expanded)
def get_plan(ctx: Context, req: GetPlanRequest) -> GetPlanResponse:
    """How far it is; its turns once it is done."""
    state = state_of(ctx)
    run = find(state, req.PlanId)
    if run.supposed is not None:
        state = state.supposing(run.supposed)
    turns: list[TurnOfPlan] = []
    if isinstance(run.outcome, Plan):
        before = {turn.shift: turn.person for roster in state.rosters.values() for turn in roster.turns}
        moved = set(run.outcome.moved)
        for post in state.whole.posts:
            if run.posts and post.id not in run.posts:
                continue
            turns += [
                TurnOfPlan(
                    ShiftId=shift.id,
                    PostId=post.id,
                    Layer=shift.layer,
                    From=shown(shift.start),
                    To=shown(shift.end),
                    PersonId=run.outcome.served[shift.id],
                    Before=before.get(shift.id, ""),
                )
                for shift in state.shifts(post, run.from_at, run.to_at)
                if shift.id in run.outcome.served and (not req.OnlyMoved or shift.id in moved)
            ]
    return GetPlanResponse(Plan=plan_item(run), Turns=turns)


class AdoptPlanRequest(Request):
    PlanId: str


@duty.action(resource=_PLAN, prepare=_expanded)
def adopt_plan(ctx: Context, req: AdoptPlanRequest) -> PlanResponse:
    """Its turns are those that count from now on; turns that have begun stay. Whoever's duty changes is told."""
    state = state_of(ctx)
    run = find(state, req.PlanId)
    if run.is_what_if:
        raise errors.PLAN_WHAT_IF.error(id=repr(run.id))
    if run.state != "done":
        raise errors.PLAN_NOT_DONE.error(id=repr(run.id), state=run.state)
    if plans.basis(plans.make_problem(state, run)) != run.basis:
        raise errors.PLAN_OUTDATED.error(id=repr(run.id))
    return PlanResponse(Plan=plan_item(plans.adopt(state, run)))


class ListPlansRequest(Request):
    MaxResults: int = 50
    NextToken: str = ""


class ListPlansResponse(Response):
    Plans: list[PlanItem]
    NextToken: str
    TotalCount: int


@duty.action(resource="acs:duty:*:{account}:plan/*")
def list_plans(ctx: Context, req: ListPlansRequest) -> ListPlansResponse:
    """The newest first; the last 50 are kept."""
    found = [plan_item(run) for run in reversed(ctx.tx.list(PlanRun, account=ctx.account))]
    page = pages.by_token(found, req.NextToken, req.MaxResults)
    return ListPlansResponse(Plans=page.items, NextToken=page.next_token, TotalCount=page.total)


def find(state: DutyState, id: str) -> PlanRun:
    run = state.tx.get(PlanRun, id)
    if run is None or run.account != state.account:
        raise errors.PLAN_NOT_FOUND.error(id=repr(id))
    return run
