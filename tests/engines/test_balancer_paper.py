"""Paper balancers tell health from what the app knows of the backends."""

from __future__ import annotations

from kowloon.engines.balancer.base import Backend, HealthCheck, Listener
from kowloon.engines.balancer.paper import PaperBalancer
from kowloon.engines.base import UnitSpec
from kowloon.engines.fabric import InProcessFabric

from .balancer_parts import plain


async def test_health_is_what_the_app_says_and_the_fabric_allows() -> None:
    fabric, alive = InProcessFabric(), {"127.1.1.1"}
    engine = PaperBalancer(fabric, alive.__contains__)
    backends = (Backend(id="one", address="127.1.1.1", port=1), Backend(id="two", address="127.1.1.2", port=1))
    checked = Listener(protocol="tcp", port=80, backends=backends, check=HealthCheck())
    unchecked = Listener(protocol="http", port=81, backends=backends[:1])
    await engine.start(
        UnitSpec(id="lb", kind="balancer", host="h", address="127.1.2.1", payload=plain(checked, unchecked))
    )

    async def seen() -> list[str]:
        return [status.status for status in await engine.health("lb")]

    assert await seen() == ["normal", "abnormal", "unavailable"]
    alive.add("127.1.1.2")
    fabric.cut("127.1.1.1")
    assert await seen() == ["abnormal", "normal", "unavailable"]
    await engine.cut("lb")
    assert await seen() == ["abnormal", "abnormal", "unavailable"]
    await engine.stop("lb")
    assert await seen() == []
