"""The store: transactions, references, addresses, versions, order."""

from __future__ import annotations

import msgspec
import pytest

from kowloon.core import limits
from kowloon.core.errors import ApiError
from kowloon.store.resources import AddressPool, Key, Reference, Resource
from kowloon.store.store import Conflict, Store, Transaction
from tests.store.parts import Machine, Network, in_memory, machine, network


def put(store: Store, *items: Resource) -> None:
    transaction = store.begin()
    for item in items:
        transaction.put(item)
    store.commit_now(transaction)


def test_nothing_is_seen_before_the_commit_and_all_of_it_after() -> None:
    store = in_memory()
    heard: list[list[tuple[Key, Resource | None]]] = []
    store.on_change(heard.append)
    transaction = store.begin()
    transaction.put(network())
    transaction.put(machine("m-1"))
    assert transaction.get(Network, "net-1") == network()
    assert store.get(Network, "net-1") is None
    assert heard == []
    store.commit_now(transaction)
    assert store.get(Network, "net-1") == network()
    assert [key for key, _ in heard[0]] == [Key("network", "net-1"), Key("machine", "m-1")]
    assert store.kinds() == {"network": 1, "machine": 1}


def test_a_kind_is_never_taken_for_another() -> None:
    store = in_memory()
    put(store, network("same"), machine("same"))
    assert isinstance(store.get(Network, "same"), Network)
    assert isinstance(store.get(Machine, "same"), Machine)
    assert store.begin().get(Network, "other") is None


def test_a_transaction_with_a_stale_read_is_refused_whole() -> None:
    store = in_memory()
    put(store, network())
    slow = store.begin()
    seen = slow.get(Network, "net-1")
    assert seen is not None
    slow.put(msgspec.structs.replace(seen, note="slow"))
    slow.put(machine("m-1"))
    put(store, network(note="fast"))
    with pytest.raises(Conflict) as refused:
        store.commit_now(slow)
    assert refused.value.args == (Key("network", "net-1"),)
    assert store.get(Network, "net-1") == network(note="fast")
    assert store.get(Machine, "m-1") is None


def test_reading_what_is_absent_counts_as_a_read() -> None:
    store = in_memory()
    slow = store.begin()
    assert slow.get(Network, "net-1") is None
    slow.put(machine("m-1"))
    put(store, network())
    with pytest.raises(Conflict):
        store.commit_now(slow)


def test_one_that_was_deleted_and_made_anew_is_not_the_one_that_was_read() -> None:
    store = in_memory()
    put(store, network(note="first"))
    slow = store.begin()
    assert slow.get(Network, "net-1") == network(note="first")
    slow.put(machine("m-1"))
    gone = store.begin()
    gone.delete(network(note="first"))
    store.commit_now(gone)
    put(store, network(note="second"))
    with pytest.raises(Conflict):
        store.commit_now(slow)


async def test_run_tries_again_after_a_conflict_with_a_fresh_view() -> None:
    store = in_memory()
    put(store, network(note="0"))
    seen: list[str] = []

    def body(tx: Transaction) -> str:
        item = tx.get(Network, "net-1")
        assert item is not None
        seen.append(item.note)
        if len(seen) < 3:
            put(store, network(note=str(len(seen))))
        tx.put(msgspec.structs.replace(item, note=item.note + "!"))
        return item.note

    assert await store.run(body) == "2"
    assert seen == ["0", "1", "2"]
    assert store.get(Network, "net-1") == network(note="2!")


async def test_run_gives_up_with_a_code_after_its_tries() -> None:
    store = in_memory()
    put(store, network())
    tries = 0

    def body(tx: Transaction) -> None:
        nonlocal tries
        tries += 1
        tx.get(Network, "net-1")
        put(store, network(note=str(tries)))
        tx.put(machine("m-1"))

    with pytest.raises(ApiError) as refused:
        await store.run(body)
    assert (refused.value.code, refused.value.status) == ("OperationConflict", 409)
    assert refused.value.message == "The operation conflicts with another one. Try again later."
    assert tries == limits.COMMIT_RETRIES
    assert store.get(Machine, "m-1") is None


async def test_a_body_that_raises_writes_nothing() -> None:
    store = in_memory()

    def body(tx: Transaction) -> None:
        tx.put(network())
        raise ApiError("No", 400, "no")

    with pytest.raises(ApiError, match="No: no"):
        await store.run(body)
    assert list(store.everything()) == []


def test_a_reference_refuses_deletion_with_its_own_code_until_its_holder_goes() -> None:
    store = in_memory()
    put(store, network(), machine("m-1"))
    transaction = store.begin()
    with pytest.raises(ApiError) as refused:
        transaction.delete(network())
    assert (refused.value.code, refused.value.status) == ("DependencyViolation.Machine", 400)
    assert refused.value.message == "Machines are left."
    # Both in one transaction, the holder first.
    transaction.delete(machine("m-1"))
    transaction.delete(network())
    store.commit_now(transaction)
    assert list(store.everything()) == []
    assert store.kinds() == {}


def test_a_reference_without_a_code_lets_go_and_a_holder_of_this_transaction_counts() -> None:
    store = in_memory()
    put(store, network())
    transaction = store.begin()
    transaction.put(Machine(id="free", references=(Reference(kind="network", id="net-1"),)))
    transaction.delete(network())
    holding = store.begin()
    holding.put(machine("m-2"))
    with pytest.raises(ApiError, match=r"DependencyViolation\.Machine: Machines are left\."):
        holding.delete(network())


def test_referrers_follow_changes() -> None:
    store = in_memory()
    put(store, network(), network("net-2"), machine("m-1"), machine("m-2"))
    put(store, machine("m-1", "net-2"))
    assert [item.id for item in store.referrers(Key("network", "net-1"))] == ["m-2"]
    assert [item.id for item in store.referrers(Key("network", "net-2"))] == ["m-1"]
    assert machine("m-1", "net-2").refers_to("network") == "net-2"
    assert machine("m-1").refers_to("disk") == ""


def test_addresses_are_taken_once_and_come_back() -> None:
    store = in_memory()
    owner = network()
    put(store, owner)
    # The first and the last three of the eight are the vendor's own, as is the network's name.
    everything = store.begin().take_addresses(owner, 100)
    assert everything == ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]
    transaction = store.begin()
    for number in range(4):
        address = transaction.take_address(owner)
        assert address == everything[number]
        transaction.put(machine(f"m-{number}", address=address))
    assert transaction.take_address(owner) is None
    store.commit_now(transaction)
    assert sorted(store.addresses_taken(owner.key).values()) == [Key("machine", f"m-{number}") for number in range(4)]
    later = store.begin()
    assert later.take_address(owner, "10.0.0.2") is None
    assert later.take_address(owner, "10.0.0.7") is None
    later.delete(machine("m-1", address="10.0.0.2"))
    assert later.take_address(owner) == "10.0.0.2"
    assert later.take_address(owner, "10.0.0.2") == "10.0.0.2"


def test_two_transactions_cannot_both_keep_one_address_of_the_same_read() -> None:
    store = in_memory()
    owner = network()
    put(store, owner)
    first, second = store.begin(), store.begin()
    for number, transaction in enumerate((first, second)):
        found = transaction.get(Network, "net-1")
        assert found is not None
        address = transaction.take_address(found)
        transaction.put(machine(f"m-{number}", address=address or ""))
        transaction.put(found)
    store.commit_now(first)
    with pytest.raises(Conflict):
        store.commit_now(second)


def test_a_resource_without_a_pool_has_no_addresses() -> None:
    store = in_memory()
    with pytest.raises(ValueError, match="has no address pool"):
        store.begin().take_address(network(pool=None))
    assert len(AddressPool("10.0.0.0/24").addresses()) == 252


def test_lists_keep_their_order_over_updates_and_show_own_writes() -> None:
    store = in_memory()
    put(store, *(machine(f"m-{number}") for number in range(5)))
    put(store, machine("m-1", number=9), machine("m-3", number=9))
    assert [item.id for item in store.list(Machine)] == ["m-0", "m-1", "m-2", "m-3", "m-4"]
    transaction = store.begin()
    transaction.put(machine("m-2", number=7))
    transaction.put(machine("m-9"))
    transaction.put(network())
    transaction.delete(machine("m-0"))
    assert [(item.id, item.number) for item in transaction.list(Machine)] == [
        ("m-1", 9),
        ("m-2", 7),
        ("m-3", 9),
        ("m-4", 0),
        ("m-9", 0),
    ]
    assert [item.id for item in store.list(Machine)] == ["m-0", "m-1", "m-2", "m-3", "m-4"]


def test_lists_are_by_account_and_region() -> None:
    store = in_memory()
    put(store, machine("a"), machine("b", account="2"), machine("c", region="s"), machine("d", account="2", region="s"))
    assert [item.id for item in store.list(Machine, account="1")] == ["a", "c"]
    assert [item.id for item in store.list(Machine, region="s")] == ["c", "d"]
    assert [item.id for item in store.list(Machine, account="2", region="s")] == ["d"]
    transaction = store.begin()
    transaction.put(machine("e", account="2", region="s"))
    assert [item.id for item in transaction.list(Machine, account="2", region="s")] == ["d", "e"]
    # One that moves is found in its new scope only.
    put(store, machine("a", account="2"))
    assert [item.id for item in store.list(Machine, account="1")] == ["c"]
    assert sorted(item.id for item in store.list(Machine, account="2")) == ["a", "b", "d"]
    assert store.scope_of("a") == ("2", "r")
    assert store.scope_of("nobody") is None


def test_counts_follow_writes_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RESOURCES_PER_KIND", 3)
    store = in_memory()
    put(store, *(machine(f"m-{number}") for number in range(3)))
    assert store.count(Machine) == 3
    put(store, machine("m-1", number=4))
    assert (store.count(Machine), store.count(Network)) == (3, 0)
    with pytest.raises(ApiError) as refused:
        put(store, machine("m-3"))
    assert (refused.value.code, refused.value.message) == (
        "QuotaExceeded",
        "This cloud keeps at most 3 of machine.",
    )
    transaction = store.begin()
    transaction.delete(machine("m-0"))
    store.commit_now(transaction)
    put(store, machine("m-3"))
    assert [item.id for item in store.list(Machine)] == ["m-1", "m-2", "m-3"]


def test_clear_forgets_everything_and_keeps_listeners() -> None:
    store = in_memory()
    heard: list[object] = []
    store.on_change(heard.append)
    put(store, network(), machine("m-1", address="10.0.0.1"))
    store.clear()
    assert store.kinds() == {}
    assert store.addresses_taken(network().key) == {}
    assert list(store.referrers(network().key)) == []
    put(store, network())
    assert len(heard) == 2
    assert store.count(Network) == 1


def test_a_watch_tells_of_changes_of_its_kinds_only() -> None:
    store = in_memory()
    networks, both = store.watch(Network), store.watch(Network, Machine)
    assert (networks.changed(), both.changed()) == (True, True)
    assert (networks.changed(), both.changed()) == (False, False)
    transaction = store.begin()
    transaction.put(network())
    store.commit_now(transaction)
    assert (networks.changed(), both.changed()) == (True, True)
    transaction = store.begin()
    transaction.put(machine("m-1"))
    store.commit_now(transaction)
    assert (networks.changed(), both.changed()) == (False, True)
    store.clear()
    assert (networks.changed(), both.changed()) == (True, True)
    assert (networks.changed(), both.changed()) == (False, False)
