"""Who held which post during a drill, and who was called when: one lane for each post, and one for the incident's
room: who led it, and what was said."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kowloon.drill.duty import DutyResult
from kowloon.drill.report.looks import BY_NAME, FAINT, INK, as_svg, legend, looks, time_axis, title
from kowloon.drill.result import DrillResult

_COLOURS = tuple(BY_NAME[name] for name in ("one", "two", "up", "heat", "degraded"))
_HEIGHT = 0.56
# A bar narrower than this share of the picture has no room for a name.
_NAMED_SHARE = 0.07


def duty_chart(result: DrillResult, *, narrow: bool = False) -> str:
    """An `<svg>` element, as drill_chart's. `result` has a duty part."""
    duty = result.duty
    assert duty is not None
    posts = list(duty.posts)
    lanes = len(posts) + len(duty.rooms)
    with looks():
        figure = Figure(figsize=(4.3 if narrow else 10.4, 0.55 * lanes + 1.5), layout="constrained")
        axes = figure.subplots()
        title(axes, "Posts, and who held them")
        _holders(axes, duty, posts, result.length_min)
        _marks(axes, duty, posts)
        _rooms(axes, duty, len(posts), result.length_min)
        axes.set_ylim(lanes - 0.5, -0.6)
        names = [post if narrow else duty.posts[post] for post in posts] + [
            "Room" if narrow else "Incident room"
        ] * len(duty.rooms)
        axes.set_yticks(range(lanes), names)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        time_axis(axes, result, narrow=narrow)
        axes.add_patch(Rectangle((0, 0), 0, 0, facecolor="none", edgecolor=FAINT, hatch="////", label="acting"))
        legend(axes, columns=3, gap=0.35 if lanes < 3 else 0.22)
        return as_svg(figure)


def _holders(axes: Axes, duty: DutyResult, posts: list[str], length_min: float) -> None:
    people = list(dict.fromkeys(each.person for each in duty.led if each.person))
    for each in duty.led:
        row, width = posts.index(each.post), each.to_min - each.from_min
        colour = _COLOURS[people.index(each.person) % len(_COLOURS)] if each.person else BY_NAME["down"]
        acting = each.capacity == "acting"
        axes.add_patch(
            Rectangle(
                (each.from_min, row - _HEIGHT / 2),
                width,
                _HEIGHT,
                facecolor=colour,
                edgecolor=INK if acting else "none",
                hatch="////" if acting else "",
                linewidth=0,
                alpha=0.45,
            )
        )
        if width >= _NAMED_SHARE * length_min:
            name = each.name if list(duty.names.values()).count(each.name) == 1 else each.person
            axes.text(each.from_min + 0.01 * length_min, row, name or "nobody", color=INK, va="center", clip_on=True)


def _marks(axes: Axes, duty: DutyResult, posts: list[str]) -> None:
    for what, marker, colour, label in (
        ("paged", "v", BY_NAME["down"], "paged"),
        ("acknowledged", "o", BY_NAME["up"], "answered"),
    ):
        points = [
            (event.minute, posts.index(page.post) - _HEIGHT / 2 - 0.08)
            for page in duty.called
            for event in page.story
            if event.what == what and page.post in posts
        ]
        if points:
            axes.plot(
                *zip(*points, strict=True), linestyle="none", marker=marker, markersize=5, color=colour, label=label
            )


def _rooms(axes: Axes, duty: DutyResult, first_row: int, length_min: float) -> None:
    """Bars of who led; what was said and done in the room above them."""
    people = list(dict.fromkeys(each.person for each in duty.led if each.person))
    for row, room in enumerate(duty.rooms, first_row):
        for person, capacity, start, end in room.led:
            place = people.index(person) if person in people else len(people)
            axes.add_patch(
                Rectangle(
                    (start, row - _HEIGHT / 2),
                    end - start,
                    _HEIGHT,
                    facecolor=_COLOURS[place % len(_COLOURS)],
                    edgecolor=INK if capacity == "acting" else "none",
                    hatch="////" if capacity == "acting" else "",
                    linewidth=0,
                    alpha=0.45,
                )
            )
            if end - start >= _NAMED_SHARE * length_min:
                name = duty.names.get(person, person)
                axes.text(start + 0.01 * length_min, row, name, color=INK, va="center", clip_on=True)
        spoken = [event.minute for event in room.story if event.what in ("said", "command")]
        if spoken:
            label = "said in the room" if row == first_row else None
            axes.plot(
                spoken, [row - _HEIGHT / 2 - 0.08] * len(spoken), linestyle="none", marker="|", color=INK, label=label
            )
