"""The names that lead here under `kowloon run`, query by query."""

from __future__ import annotations

import pytest
from dnslib import RCODE, DNSRecord

from kowloon.ways_in.resolver import VENDOR_ADDRESS, Resolver


class Asked:
    def __init__(self) -> None:
        self.refused: list[str] = []
        self.resolver = Resolver(self.refused.append)

    def ask(self, name: str, kind: str = "A") -> DNSRecord:
        query = DNSRecord.question(name, kind)
        answer = DNSRecord.parse(self.resolver.answer(query.pack()))
        assert (answer.header.id, answer.header.qr, str(answer.q.qname)) == (query.header.id, 1, str(query.q.qname))
        return answer


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("ecs.aliyuncs.com", VENDOR_ADDRESS),
        ("aliyuncs.com", VENDOR_ADDRESS),
        ("ECS.CN-HONGKONG.ALIYUNCS.COM", VENDOR_ADDRESS),
        ("a.b.c.oss-cn-hangzhou.aliyuncs.com", VENDOR_ADDRESS),
        ("api.dingtalk.com", VENDOR_ADDRESS),
        ("gosspublic.alicdn.com", VENDOR_ADDRESS),
        ("localhost", "127.0.0.1"),
        ("bucket.oss.localhost", "127.0.0.1"),
    ],
)
def test_names_that_lead_here(name: str, address: str) -> None:
    asked = Asked()
    answer = asked.ask(name)
    assert (answer.header.rcode, [str(record.rdata) for record in answer.rr]) == (RCODE.NOERROR, [address])
    # There are no addresses of the other kind: clients fall back at once.
    for kind in ("AAAA", "HTTPS", "TXT", "MX"):
        other = asked.ask(name, kind)
        assert (other.header.rcode, other.rr) == (RCODE.NOERROR, [])
    assert asked.refused == []


@pytest.mark.parametrize(
    "name", ["example.com", "aliyuncs.com.example.com", "notaliyuncs.com", "alicdn.com", "db", "."]
)
def test_all_others_lead_nowhere_and_are_named_once(name: str) -> None:
    asked = Asked()
    for kind in ("A", "AAAA", "A"):
        answer = asked.ask(name, kind)
        assert (answer.header.rcode, answer.rr) == (RCODE.NXDOMAIN, [])
    assert asked.refused == [name.rstrip(".")]


def test_questions_the_other_way_round_are_not_worth_a_word() -> None:
    asked = Asked()
    assert asked.ask("1.0.18.198.in-addr.arpa", "PTR").header.rcode == RCODE.NXDOMAIN
    assert asked.refused == []


def test_what_is_no_query_gets_no_answer_or_a_format_error() -> None:
    resolver = Asked().resolver
    whole = DNSRecord.question("ecs.aliyuncs.com").pack()
    for packet in (b"", b"\0"):
        assert resolver.answer(packet) == b""
    for packet in (b"ab", whole[:-3], whole[:12] + b"\xff" * 40, whole[:12] + b"\xc0\x0c\0\1\0\1"):
        answer = resolver.answer(packet)
        assert DNSRecord.parse(answer).header.rcode == RCODE.FORMERR
        assert answer[:2] == packet[:2]
    reply = DNSRecord.parse(whole).reply()
    assert resolver.answer(reply.pack()) == b""
    assert resolver.answer(whole[:4] + b"\0\0" + whole[6:12]) == b""


def test_many_names_are_not_kept_for_ever() -> None:
    asked = Asked()
    for number in range(1200):
        assert asked.ask(f"n{number}.example.com").header.rcode == RCODE.NXDOMAIN
    assert len(asked.refused) == 1000


def test_queries_over_both_transports_under_run(tmp_path_factory: pytest.TempPathFactory) -> None:
    """As resolvers that are no libc's send them, several in one connection."""
    import sys

    from tests.cli.parts import Served, kowloon

    program = """
import socket
from dnslib import DNSRecord
query = DNSRecord.question("ecs.aliyuncs.com").pack()
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.settimeout(20)
    sock.sendto(query, ("127.0.0.1", 53))
    print(DNSRecord.parse(sock.recv(4096)).rr[0].rdata)
with socket.create_connection(("127.0.0.1", 53), 20) as sock:
    stream = sock.makefile("rb")
    for _ in range(2):
        sock.sendall(len(query).to_bytes(2, "big") + query)
        print(DNSRecord.parse(stream.read(int.from_bytes(stream.read(2), "big"))).rr[0].rdata)
"""
    if sys.platform != "linux":
        pytest.skip("network namespaces are Linux's")
    with Served(tmp_path_factory.mktemp("names") / "home") as served:
        ran = kowloon(served.home, "run", "--", sys.executable, "-c", program)
    assert ran.stdout.split() == [VENDOR_ADDRESS] * 3, ran.stderr
