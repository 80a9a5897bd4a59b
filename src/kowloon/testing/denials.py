"""Whether a call was denied, and by what: the code that the client was given, and the policy that decided."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kowloon.core.events import Event, RequestEvent
    from kowloon.testing.cloud import LocalCloud


@contextlib.contextmanager
def assert_denied(cloud: LocalCloud, code: str = "", *, policy: str = "", action: str = "") -> Iterator[None]:
    """The block's call is denied: with that code, by that policy (`""`: whichever; `"none"`: because no policy allows
    it), and it is the call of that action. The client's exception ends here; a call that goes through is a failure."""
    from kowloon.core.events import RequestEvent

    seen: list[RequestEvent] = []

    def note(event: Event) -> None:
        assert isinstance(event, RequestEvent)
        seen.append(event)

    leave = cloud.call(lambda: cloud.cloud.bus.subscribe(note, RequestEvent))
    try:
        yield
    except AssertionError:
        raise
    except Exception as problem:
        raised: Exception | None = problem
    else:
        raised = None
    finally:
        cloud.call(leave)
    if not seen:
        raise AssertionError(f"nothing was called{f', but there was {raised!r}' if raised else ''}") from raised
    event = seen[-1]
    if event.status not in (401, 403) or raised is None:
        said = f"{event.status} {event.code}".strip()
        raise AssertionError(f"{event.action} was not denied: it answered {said}") from raised
    if action and event.action != action:
        raise AssertionError(f"denied was {event.action}, not {action}") from raised
    if code and event.code != code:
        raise AssertionError(f"{event.action} was denied with {event.code}, not {code}: {event.message}") from raised
    if policy:
        decided = cloud.call(lambda: _policy_that_decided(cloud, event.request_id))
        if decided != policy:
            raise AssertionError(
                f"{event.action} was denied by {_told(decided)}, not by {_told(policy)}; {event.decision}"
            ) from raised


def _policy_that_decided(cloud: LocalCloud, request_id: str) -> str:
    """Its name; "none" where no statement spoke; "" where no decision is known."""
    from kowloon.services.ram.explanation import explain

    denials = [record for record in cloud.cloud.authorizer.log.of_request(request_id) if not record.allowed]
    for record in denials:
        for statement in explain(record).statements:
            if statement.decided:
                return statement.policy.partition(" on ")[0].rpartition("/")[2]
    return "none" if denials else ""


def _told(policy: str) -> str:
    if policy == "none":
        return "the lack of any policy that allows it"
    return f"the policy {policy}" if policy else "something that is no policy"
