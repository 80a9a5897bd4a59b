"""An organisation as its file says it: units, people, posts, ladders, rules. Names are ids; people are never told apart
by what they are called."""

from __future__ import annotations

from typing import Literal

from kowloon.duty.planning import problem
from kowloon.duty.planning.problem import Coverage, Eligibility, Layer, Limits, Separation, Span, Value, Weights

ChannelKind = Literal["dingtalk", "email", "webhook"]
Severity = Literal["low", "high", "critical"]


class Unit(Value, frozen=True, kw_only=True):
    """A part of the organisation: `products` (`ecs`) and `accounts` (ids) that it answers for; `department`: its id in
    DingTalk."""

    id: str
    title: str
    title_zh: str = ""
    parent: str = ""
    products: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    department: str = ""


class Reach(Value, frozen=True, kw_only=True):
    """One way to reach somebody: the group of a DingTalk robot, a mail address, a URL that takes JSON."""

    by: ChannelKind
    at: str


class Person(Value, frozen=True, kw_only=True):
    """`user`: the RAM user of the account. `reach`: in order; the next one is tried where one fails. `quiet`: local
    hours (`22:00-07:00`) in which pages of low severity wait. `pools`: what the person is a member of and so eligible,
    such as a partnership."""

    id: str
    name: str
    user: str = ""
    time_zone: str = ""
    country: str = "CN"
    pools: tuple[str, ...] = ()
    skills: dict[str, int] = {}
    seniority: int = 0
    share: float = 1.0
    reach: tuple[Reach, ...] = ()
    quiet: str = ""

    def planned(self, away: tuple[Span, ...]) -> problem.Person:
        return problem.Person(
            id=self.id,
            time_zone=self.time_zone,
            country=self.country,
            pools=self.pools,
            skills=self.skills,
            seniority=self.seniority,
            share=self.share,
            away=away,
        )


class Acting(Value, frozen=True, kw_only=True):
    """Of acting in a post: who comes next in `succession` (a person, `post:ID` for its holder, `pool:ID` for its
    members, those with the fewest hours first), for at most `most_days` in one stretch, `extensions` times longer when
    somebody decides so. `most_at_once`: posts that one person acts in at a time. `overload_pages`: with more open pages
    than that the holder counts as overloaded; 0: never."""

    succession: tuple[str, ...] = ()
    most_days: float = 90.0
    extensions: int = 1
    most_at_once: int = 1
    overload_pages: int = 0


class Post(Value, frozen=True, kw_only=True):
    """Oversees units. `role`: the RAM role that its holder has, by name. Without layers it is held by appointment only.
    `manager`: the post that decides on behalf of this one's holder."""

    id: str
    title: str
    title_zh: str = ""
    oversees: tuple[str, ...] = ()
    role: str = ""
    manager: str = ""
    time_zone: str = ""
    layers: tuple[Layer, ...] = ()
    eligible: Eligibility = Eligibility()
    limits: Limits = Limits()
    exclusive: bool = True
    neighbours: tuple[str, ...] = ()
    acting: Acting = Acting()
    ladder: str = ""

    def planned(self) -> problem.Post:
        return problem.Post(
            id=self.id,
            time_zone=self.time_zone,
            layers=self.layers,
            eligible=self.eligible,
            limits=self.limits,
            exclusive=self.exclusive,
            neighbours=self.neighbours,
        )


class Step(Value, frozen=True, kw_only=True):
    """`notify`: `holder`, `manager`, `post:ID`, `pool:ID` or people; all at once, or in sequence, each `wait_min` after
    the one before. `wait_min`: how long before the next step. `acting`: who did not answer until then is replaced by
    an acting holder, who is paged at once."""

    notify: tuple[str, ...] = ("holder",)
    wait_min: float = 5.0
    order: Literal["parallel", "sequence"] = "parallel"
    acting: bool = False


class Ladder(Value, frozen=True, kw_only=True):
    """Steps of an escalation, gone through `repeat` more times while nobody acknowledges."""

    id: str
    steps: tuple[Step, ...]
    repeat: int = 0


class PagingRule(Value, frozen=True, kw_only=True):
    """An event of the cloud that pages a post. `event`: fault, health, resource or drill; `about`: what its node,
    resource or scope must match (shell wildcards, any of them); `level`: at least that. Repeats within `once_in_min`
    belong to the page that is open."""

    id: str
    post: str
    event: Literal["fault", "health", "resource", "drill"]
    about: tuple[str, ...] = ("*",)
    level: Literal["INFO", "WARN", "CRITICAL"] = "WARN"
    severity: Severity = "high"
    once_in_min: float = 60.0


class Rules(Value, frozen=True, kw_only=True):
    separations: tuple[Separation, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    weights: Weights = Weights()


class Organisation(Value, frozen=True, kw_only=True):
    """The whole file. `time_zone`: of posts and people that name none."""

    title: str
    time_zone: str = "Asia/Shanghai"
    units: tuple[Unit, ...] = ()
    people: tuple[Person, ...] = ()
    posts: tuple[Post, ...] = ()
    ladders: tuple[Ladder, ...] = ()
    rules: Rules = Rules()
    paging: tuple[PagingRule, ...] = ()

    def person(self, id: str) -> Person | None:
        return next((person for person in self.people if person.id == id), None)

    def post(self, id: str) -> Post | None:
        return next((post for post in self.posts if post.id == id), None)

    def ladder(self, id: str) -> Ladder | None:
        return next((ladder for ladder in self.ladders if ladder.id == id), None)
