"""Events of the cloud that page: one page per rule, however much happens."""

from __future__ import annotations

from kowloon.core.events import DrillEvent, HealthEvent, ResourceEvent
from kowloon.duty.resources import Page
from tests.duty.parts import ORGANISATION, Office

ZONE = "cn-hongkong-c"


async def ruled(office: Office, rules: str) -> None:
    await office.ask("ApplyOrganisation", File=f"{ORGANISATION}paging:\n{rules}")
    await office.turns("wei-1", "wei-2")


def pages(office: Office) -> list[Page]:
    return office.cloud.store.list(Page, account=office.account)


async def test_a_fault_pages_and_its_story_grows(empty: Office) -> None:
    await ruled(empty, f"  - {{id: zone, post: dba, event: fault, about: ['{ZONE}'], severity: critical}}\n")
    fault = await empty.cloud.faults.inject("zone-network", (ZONE,), {})
    await empty.until(lambda: pages(empty))
    (page,) = pages(empty)
    assert (page.post, page.title, page.severity, page.about, page.by) == (
        "dba",
        f"zone_network_partition on {ZONE}: injected",
        "critical",
        "rule:zone",
        "duty",
    )
    assert (page.detected_at, page.created_at) == (empty.now, empty.now)
    assert "[critical] " + page.title in empty.messages("wei-1")
    # The end of a fault is news for nobody whom its beginning has called, at this level.
    await empty.cloud.faults.recover(fault.id)
    again = await empty.cloud.faults.inject("zone-network", (ZONE,), {})
    await empty.until(lambda: any(entry.what == "repeated" for entry in pages(empty)[0].story))
    assert len(pages(empty)) == 1
    await empty.cloud.faults.recover(again.id)


async def test_a_storm_is_one_page_per_rule(empty: Office) -> None:
    await ruled(
        empty,
        "  - {id: instances, post: dba, event: resource, about: ['i-*']}\n"
        "  - {id: health, post: dba, event: health, level: CRITICAL}\n",
    )
    for number in range(500):
        empty.cloud.bus.emit(
            ResourceEvent(at=empty.now, level="WARN", kind="instance", id=f"i-{number}", state="Stopped", text="")
        )
    empty.cloud.bus.emit(HealthEvent(at=empty.now, level="WARN", node="zone:x", aspect="network", state="slow"))
    await empty.until(lambda: pages(empty))
    (page,) = pages(empty)
    assert page.title == "instance i-0: Stopped"
    assert page.text.splitlines()[-1] == "and 490 more"
    assert len([each for each in empty.messages("wei-1") if "instance" in each]) == 1
    empty.cloud.bus.emit(HealthEvent(at=empty.now, level="CRITICAL", node="zone:x", aspect="network", state="down"))
    await empty.until(lambda: len(pages(empty)) == 2)


async def test_after_a_while_the_same_trouble_is_a_page_again(empty: Office) -> None:
    await ruled(empty, "  - {id: drills, post: dba, event: drill, level: INFO, once_in_min: 30}\n")

    def happen() -> None:
        empty.cloud.bus.emit(DrillEvent(at=empty.now, drill_id="d-1", state="outage", text="all of it"))

    happen()
    await empty.until(lambda: pages(empty))
    await empty.ask("ResolvePage", PageId=pages(empty)[0].id, PersonId="wei-1")
    await empty.skip(minutes=29)
    happen()
    # That a message of it was delivered may be noted later.
    await empty.until(lambda: "repeated" in [entry.what for entry in pages(empty)[0].story])
    assert pages(empty)[0].state == "resolved"
    await empty.skip(minutes=2)
    happen()
    await empty.until(lambda: len(pages(empty)) == 2)


async def test_what_no_rule_is_about_pages_nobody(empty: Office) -> None:
    await ruled(empty, "  - {id: zone, post: dba, event: fault, about: [cn-beijing-*]}\n")
    fault = await empty.cloud.faults.inject("zone-network", (ZONE,), {})
    await empty.skip(minutes=1)
    assert pages(empty) == []
    await empty.cloud.faults.recover(fault.id)


async def test_what_was_heard_is_of_the_state_that_went(empty: Office) -> None:
    await ruled(empty, "  - {id: drills, post: dba, event: drill, level: INFO}\n")
    empty.cloud.bus.emit(DrillEvent(at=empty.now, drill_id="d-1", state="outage", text=""))
    await empty.cloud.reset(clock=True)
    await ruled(empty, "  - {id: drills, post: dba, event: drill, level: INFO}\n")
    await empty.skip(minutes=1)
    assert pages(empty) == []
