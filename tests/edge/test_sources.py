"""Who is at which address: of networks the smallest, of trunks the one that is certain, of strangers nobody."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.edge.sources import REMEMBERED, Sources
from controller.types import Trunk
from sip.transaction import Hop

A, B, PBX = Hop("192.0.2.10", 5060), Hop("192.0.2.20", 5060), Hop("192.0.2.30", 5060)
TLS = Hop("203.0.113.7", 40000, "tls")


def make(hops: dict[str, Hop], **sources: tuple[str, ...]) -> Sources:
    table = Sources()
    trunks = {name: Trunk(name, hop.host, hop.port, sources=sources.get(name, ())) for name, hop in hops.items()}
    table.swap(hops.items(), trunks)
    return table


def test_an_address_of_a_trunk_is_known_whatever_the_port() -> None:
    table = make({"a": A})
    assert all(table.knows(Hop(A.host, port, transport)) for port in (5060, 40000) for transport in ("udp", "tcp"))
    assert not table.knows(Hop("192.0.2.11", 5060))
    assert not table.knows(Hop("not an address", 5060))


def test_the_smallest_network_has_the_call() -> None:
    table = make({"a": A, "b": B, "pbx": PBX}, a=("192.0.2.0/24", "2001:db8::/32"), b=("192.0.2.128/25",))
    places = {"192.0.2.99": "a", "192.0.2.200": "b", "192.0.2.30": "pbx", "2001:db8:1::9": "a", "198.51.100.1": ""}
    assert {host: table.trunk_of(Hop(host, 33333)) for host in places} == places


def test_two_trunks_in_one_network_are_let_in_and_belong_to_nobody() -> None:
    table = make({"a": A, "b": B}, a=("198.51.100.0/24",), b=("198.51.100.0/24",))
    source = Hop("198.51.100.7", 5060)
    assert table.knows(source)
    assert table.trunk_of(source) == ""


def test_what_no_port_tells_apart_belongs_to_the_trunk_that_names_the_host() -> None:
    hops = {"a": A, "b": Hop(A.host, 5080)}
    assert make(hops).trunk_of(Hop(A.host, 40000)) == ""
    table = make(hops, a=("192.0.2.10/32",))
    assert [table.trunk_of(Hop(A.host, port)) for port in (5060, 5080, 40000)] == ["a", "b", "a"]


def test_a_trunk_with_several_addresses_is_one_trunk() -> None:
    table = Sources()
    table.swap([("a", A), ("a", B), ("a", Hop(A.host, 5080))], {"a": Trunk("a", "a.example", 5060)})
    assert [table.trunk_of(Hop(host, 1)) for host in (A.host, B.host)] == ["a", "a"]


def test_a_certificate_is_known_from_anywhere_until_the_connection_is_gone() -> None:
    table = make({"a": A, "b": B}, a=("tls:carrier-a.example",))
    assert not table.knows(TLS)
    table.introduce(TLS, ["other.example", "carrier-a.example"])
    assert table.knows(TLS)
    assert table.trunk_of(TLS) == "a"
    assert not table.knows(TLS._replace(port=40001))
    table.introduce(TLS, ())
    assert not table.knows(TLS)


def test_a_certificate_says_more_than_an_address() -> None:
    table = make({"a": A, "b": B}, a=("tls:carrier-a.example",))
    connection = Hop(B.host, 40000, "tls")
    assert table.trunk_of(connection) == "b"
    table.introduce(connection, ["carrier-a.example"])
    assert table.trunk_of(connection) == "a"


def test_a_certificate_of_nobody_is_nothing() -> None:
    table = make({"a": A}, a=("tls:carrier-a.example",))
    table.introduce(TLS, ["evil.example"])
    assert not table.knows(TLS)
    assert table.trunk_of(TLS) == ""


def test_who_left_the_dialplan_is_a_stranger() -> None:
    table = make({"a": A})
    assert table.knows(A)
    table.swap([("b", B)], {"b": Trunk("b", B.host, B.port)})
    assert not table.knows(A)
    assert table.knows(B)


def test_forged_addresses_do_not_make_the_table_grow() -> None:
    table = make({"a": A})
    for number in range(3 * REMEMBERED):
        assert not table.knows(Hop(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 5060))
    assert len(table._seen) <= REMEMBERED
    assert table.knows(A)


@pytest.mark.parametrize("host", ["2001:db8::1", "2001:0DB8:0:0::1", "2001:db8::1%eth0"])
def test_addresses_are_compared_by_what_they_mean(host: str) -> None:
    assert make({"a": Hop("2001:db8:0::1", 5060)}).knows(Hop(host, 5060))


@given(
    networks=st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 32)), min_size=1, max_size=8),
    hosts=st.lists(st.integers(0, 2**32 - 1), max_size=8),
)
def test_a_host_belongs_to_the_smallest_network_around_it(networks: list[tuple[int, int]], hosts: list[int]) -> None:
    written = [ip_network((start, length), strict=False) for start, length in networks]
    trunks = {f"t{i}": Trunk(f"t{i}", "x.example", 5060, sources=(str(net),)) for i, net in enumerate(written)}
    table = Sources()
    table.swap((), trunks)
    for number in [*hosts, *(start for start, _ in networks)]:
        host = ip_address(number)
        around = [net for net in written if host in net]
        closest = [
            i for i, net in enumerate(written) if net in around and net.prefixlen == max(n.prefixlen for n in around)
        ]
        assert table.knows(Hop(str(host), 5060)) == bool(around)
        assert table.trunk_of(Hop(str(host), 5060)) == (f"t{closest[0]}" if len(closest) == 1 else "")
