"""What duty stores. Times are cloud seconds; `to_at` None: until something ends it."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from kowloon.duty.organisation import ChannelKind, Organisation, Severity
from kowloon.duty.planning.problem import Outcome, Span
from kowloon.store.resources import Resource

Capacity = Literal["substantive", "acting"]
Why = Literal["appointed", "override", "swap", "taken over", "vacant", "absent", "overloaded", "unanswered"]


class StoredOrganisation(Resource, frozen=True, kw_only=True):
    """id is the account: one organisation each. `text` is the file as it was applied, `version` counts."""

    kind: ClassVar[str] = "duty-organisation"
    text: str
    version: int
    whole: Organisation


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One shift as planned: who serves in a layer, in which spans. An empty `person`: it is open, nobody has it."""

    shift: str
    layer: str
    person: str
    spans: tuple[Span, ...]

    @property
    def start(self) -> float:
        return self.spans[0].start

    @property
    def end(self) -> float:
        return self.spans[-1].end


class Rota(Resource, frozen=True, kw_only=True):
    """The planned turns of one post, past ones too, in order of start; id is `<account>:<post>`. `left`: since when
    people who resigned are planned there no more, unless they are appointed again."""

    kind: ClassVar[str] = "duty-rota"
    post: str
    turns: tuple[Turn, ...] = ()
    left: dict[str, float] = {}


class Tenure(Resource, frozen=True, kw_only=True):
    """Somebody holds a post otherwise than by plan. Substantive: an appointment (the lowest of all), or an override of
    the schedule, of one `layer`, or of one `shift`. Acting: while `instead_of` (empty: nobody) is missing.
    `passed_over`: who came before in the succession, and why not."""

    kind: ClassVar[str] = "duty-tenure"
    post: str
    person: str
    from_at: float
    to_at: float | None = None
    capacity: Capacity = "substantive"
    why: Why
    layer: str = ""
    shift: str = ""
    instead_of: str = ""
    reason: str = ""
    by: str = ""
    extended: int = 0
    passed_over: tuple[str, ...] = ()

    def covers(self, moment: float) -> bool:
        return self.from_at <= moment and (self.to_at is None or moment < self.to_at)


class Absence(Resource, frozen=True, kw_only=True):
    kind: ClassVar[str] = "duty-absence"
    person: str
    from_at: float
    to_at: float | None = None
    note: str = ""
    by: str = ""

    def covers(self, moment: float) -> bool:
        return self.from_at <= moment and (self.to_at is None or moment < self.to_at)


class Holding(Resource, frozen=True, kw_only=True):
    """Who holds a post as far as hand-overs have been told; id is `<account>:<post>`. An empty `person`: nobody.
    `nobody_acts`: why nobody stands in, as far as that has been told."""

    kind: ClassVar[str] = "duty-holding"
    post: str
    person: str = ""
    capacity: Capacity = "substantive"
    since: float = 0.0
    nobody_acts: str = ""


class PlanRun(Resource, frozen=True, kw_only=True):
    """A plan that is computed, was computed, or was taken over into the rotas (`adopted`). `basis`: what it was made
    from has changed since when the number is another one. `what_if` and `supposed`: absences, and an organisation, that
    are only supposed."""

    kind: ClassVar[str] = "duty-plan"
    from_at: float
    to_at: float
    posts: tuple[str, ...]
    what_if: tuple[Absence, ...] = ()
    supposed: Organisation | None = None
    adopt: bool = False
    seconds: float = 60.0
    state: Literal["waiting", "computing", "done", "adopted"] = "waiting"
    progress: str = ""
    basis: str = ""
    outcome: Outcome | None = None
    by: str = ""

    @property
    def is_what_if(self) -> bool:
        return bool(self.what_if) or self.supposed is not None


class Asking(Resource, frozen=True, kw_only=True):
    """A swap, or an open request to take a turn. `candidates` in the order in which they are asked, the first `asked`
    of them have been; a swap needs `other_shift` of the one who is asked."""

    kind: ClassVar[str] = "duty-asking"
    post: str
    shift: str
    person: str
    candidates: tuple[str, ...]
    asked: int = 0
    next_at: float = 0.0
    expires_at: float
    wait_min: float = 15.0
    other_shift: str = ""
    declined: tuple[str, ...] = ()
    state: Literal["open", "agreed", "declined", "expired", "withdrawn"] = "open"
    taken_by: str = ""
    note: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a page's story."""

    at: float
    what: str
    person: str = ""
    text: str = ""


class Page(Resource, frozen=True, kw_only=True):
    """A call for whoever is on duty. `step` of the ladder counts on through its rounds and is the next to be taken at
    `next_at`; `about`: what repeats of the same trouble have in common."""

    kind: ClassVar[str] = "duty-page"
    post: str
    ladder: str
    title: str
    text: str = ""
    severity: Severity = "high"
    about: str = ""
    state: Literal["open", "acknowledged", "silenced", "resolved", "exhausted"] = "open"
    step: int = 0
    next_at: float = 0.0
    silent_until: float = 0.0
    detected_at: float = 0.0
    acknowledged_at: float = 0.0
    acknowledged_by: str = ""
    assigned_to: str = ""
    story: tuple[Entry, ...] = ()
    by: str = ""


class Message(Resource, frozen=True, kw_only=True):
    """Something that one person is to be told, by the first of `reach` that works. Its id is told to the channel, so
    that the same one is not shown twice. `page`: the page it belongs to, else a notice."""

    kind: ClassVar[str] = "duty-message"
    person: str
    reach: tuple[tuple[ChannelKind, str], ...]
    title: str
    text: str
    page: str = ""
    not_before: float = 0.0
    tries: int = 0
    state: Literal["waiting", "sent", "failed"] = "waiting"
    sent_at: float = 0.0
    sent_by: str = ""
    problems: tuple[str, ...] = ()


class Note(Resource, frozen=True, kw_only=True):
    """What an outgoing holder leaves for the next."""

    kind: ClassVar[str] = "duty-note"
    post: str
    person: str
    text: str


class Happening(Resource, frozen=True, kw_only=True):
    """One event of the history: who did what to whom, on the cloud's clock (created_at)."""

    kind: ClassVar[str] = "duty-happening"
    what: str
    post: str = ""
    person: str = ""
    text: str = ""
    by: str = ""
