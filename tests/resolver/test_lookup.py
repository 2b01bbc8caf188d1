"""Questions to a real DNS server on loopback, in health and in every illness."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import dns.rcode
import pytest

from controller.resolver import lookup as lookup_module
from controller.resolver.belief import MAX_ADDRESSES, MAX_RETRY
from controller.resolver.book import show_address
from controller.resolver.lookup import Lookup
from controller.resolver.question import Answer, Found, LookupFailed, Question, question_of
from controller.types import Address, Dns, Listen, Trunk
from tests.resolver.server import Server, empty, fails, garbage, lies, mutated, only, serving, silent

BOTH = (("udp", 4), ("tcp", 4))
NAME = "sbc.example"
ZONE = {
    (NAME, "NAPTR"): [
        '10 50 "s" "SIPS+D2T" "" _sips._tcp.sbc.example.',
        '20 50 "s" "SIP+D2U" "" _sip._udp.sbc.example.',
        '30 50 "s" "SIP+D2T" "" _sip._tcp.sbc.example.',
    ],
    ("_sip._udp.sbc.example", "SRV"): [
        "10 60 5080 one.example.",
        "10 40 5060 two.example.",
        "20 0 5060 three.example.",
    ],
    ("_sip._tcp.sbc.example", "SRV"): ["10 1 5070 one.example."],
    ("one.example", "A"): ["192.0.2.1"],
    ("two.example", "A"): ["192.0.2.2"],
    ("three.example", "A"): ["192.0.2.3"],
    ("three.example", "AAAA"): ["2001:db8::3"],
    (NAME, "A"): ["192.0.2.99", "192.0.2.98"],
    ("alias.example", "CNAME"): ["sbc.example."],
    ("loop.example", "CNAME"): ["loop.example."],
    ("many.example", "A"): [f"192.0.{n // 250}.{n % 250 + 1}" for n in range(500)],
}
BY_SRV = (
    Address("192.0.2.1", 5080, "udp", 0, 60),
    Address("192.0.2.2", 5060, "udp", 0, 40),
    Address("192.0.2.3", 5060, "udp", 1, 0),
)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(ZONE) as made:
        yield made


@pytest.fixture
def lookup(server: Server, tmp_path: Path) -> Lookup:
    return make_lookup(server, tmp_path)


def make_lookup(server: Server, folder: Path, timeout: float = 2.0) -> Lookup:
    return Lookup(Dns((server.address,), timeout=timeout), folder / "hosts")


def name(host: str = NAME, *service: str, port: int = 5060, reach: tuple[tuple[str, int], ...] = BOTH) -> Question:
    transports = service or ("udp",)
    return Question(host, port, transports[0], service, tuple(way for way in reach if way[0] in transports))


def ask(lookup: Lookup, question: Question) -> Found:
    return lookup.find_all([question])[question]


def found(lookup: Lookup, question: Question) -> Answer:
    answer = ask(lookup, question)
    assert isinstance(answer, Answer), answer
    return answer


def shown(lookup: Lookup, question: Question) -> list[str]:
    return [show_address(address) for address in found(lookup, question).addresses]


# --------------------------------------------------------------------------- in health


def test_naptr_says_the_transport_and_srv_says_where(lookup: Lookup) -> None:
    answer = found(lookup, name(NAME, "udp", "tcp"))
    assert answer == Answer(BY_SRV, 60.0, complete=True)


def test_a_domain_that_likes_tcp_better_is_reached_over_tcp(lookup: Lookup, server: Server) -> None:
    server.zone[NAME, "NAPTR"] = ['5 50 "s" "SIP+D2T" "" _sip._tcp.sbc.example.', *ZONE[NAME, "NAPTR"]]
    assert shown(lookup, name(NAME, "udp", "tcp")) == ["tcp:192.0.2.1:5070"]
    udp_only = name(NAME, "udp", "tcp", reach=(("udp", 4),))
    assert found(lookup, udp_only).addresses == BY_SRV  # where nothing of ours speaks TCP


def test_without_naptr_the_first_transport_with_srv_records_is_used(lookup: Lookup, server: Server) -> None:
    del server.zone[NAME, "NAPTR"]
    assert found(lookup, name(NAME, "udp", "tcp")).addresses == BY_SRV
    del server.zone["_sip._udp.sbc.example", "SRV"]
    assert shown(lookup, name(NAME, "udp", "tcp")) == ["tcp:192.0.2.1:5070"]


def test_a_transport_that_was_written_asks_for_no_naptr(lookup: Lookup, server: Server) -> None:
    assert shown(lookup, name(NAME, "tcp")) == ["tcp:192.0.2.1:5070"]
    assert not [kind for _, kind in server.asked if kind == "NAPTR"]


def test_a_port_that_was_written_asks_for_addresses_only(lookup: Lookup, server: Server) -> None:
    assert sorted(shown(lookup, name(port=5099))) == ["udp:192.0.2.98:5099", "udp:192.0.2.99:5099"]
    assert server.asked == [(NAME, "A")]


def test_without_any_srv_record_the_name_itself_has_the_addresses(lookup: Lookup, server: Server) -> None:
    for key in [key for key in server.zone if key[1] in ("SRV", "NAPTR")]:
        del server.zone[key]
    assert sorted(shown(lookup, name(NAME, "udp", "tcp"))) == ["udp:192.0.2.98:5060", "udp:192.0.2.99:5060"]


def test_without_a_udp_listener_a_name_alone_is_reached_over_tcp(lookup: Lookup, server: Server) -> None:
    server.zone = {(NAME, "A"): ["192.0.2.99"]}
    assert shown(lookup, name(NAME, "udp", "tcp", reach=(("tcp", 4),))) == ["tcp:192.0.2.99:5060"]


def test_a_domain_without_the_service_says_so_and_its_addresses_are_asked(lookup: Lookup, server: Server) -> None:
    server.zone["_sip._udp.sbc.example", "SRV"] = ["0 0 0 ."]
    assert sorted(shown(lookup, name(NAME, "udp"))) == ["udp:192.0.2.98:5060", "udp:192.0.2.99:5060"]


def test_both_kinds_of_addresses_are_used_that_of_our_first_listener_first(lookup: Lookup) -> None:
    both = (("udp", 6), ("udp", 4))
    assert found(lookup, name("three.example", reach=both)).addresses == (
        Address("2001:db8::3", 5060, "udp", 0), Address("192.0.2.3", 5060, "udp", 1),
    )  # fmt: skip


def test_a_name_that_stands_for_another_is_followed(lookup: Lookup) -> None:
    assert len(found(lookup, name("alias.example")).addresses) == 2


def test_the_shortest_ttl_of_all_parts_counts(lookup: Lookup, server: Server) -> None:
    server.ttl = 0
    assert found(lookup, name()).ttl == 0.0


def test_the_hosts_file_goes_before_dns(lookup: Lookup, server: Server, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text(
        "# mine\n10.0.0.7 SBC.example other # yes\nfe80::1%lo sbc.example\n\nx y\n::1 sbc.example\n"
    )
    assert shown(lookup, name(NAME, "udp", "tcp")) == ["udp:10.0.0.7:5060"]
    assert shown(lookup, name(reach=(("udp", 4), ("udp", 6)))) == ["udp:10.0.0.7:5060", "udp:[::1]:5060"]
    assert server.asked == []


def test_of_a_large_answer_some_are_enough(lookup: Lookup) -> None:
    assert len(found(lookup, name("many.example")).addresses) == MAX_ADDRESSES


def test_a_resolver_that_turns_its_records_around_says_nothing_new(lookup: Lookup, server: Server) -> None:
    before = {host: found(lookup, name(host, "udp")) for host in ("many.example", NAME)}
    for records in server.zone.values():
        records.reverse()
    assert {host: found(lookup, name(host, "udp")) for host in before} == before


def test_many_names_are_looked_up_side_by_side(lookup: Lookup, server: Server) -> None:
    questions = [name(f"n{number}.example") for number in range(200)]
    server.zone.update({(question.host, "A"): ["192.0.2.7"] for question in questions})
    assert all(isinstance(answer, Answer) for answer in lookup.find_all(questions).values())


# --------------------------------------------------------------------------- illnesses


@pytest.mark.parametrize(
    ("ill", "why"),
    [
        (silent, "in time"),
        (fails(dns.rcode.SERVFAIL), "proper answer"),
        (fails(dns.rcode.REFUSED), "proper answer"),
        (fails(dns.rcode.NXDOMAIN), "does not exist"),
        (empty, "no A record"),
        (garbage, "proper answer|in time"),
    ],
)
@pytest.mark.parametrize("service", [(), ("udp", "tcp")])
def test_what_is_no_answer_is_a_failure_that_says_why(
    server: Server, tmp_path: Path, ill: object, why: str, service: tuple[str, ...]
) -> None:
    server.ill = ill  # type: ignore[assignment]
    lookup = make_lookup(server, tmp_path, timeout=0.2)
    failure = ask(lookup, name(NAME, *service))
    assert isinstance(failure, LookupFailed)
    assert re.search(why, str(failure)), str(failure)


def test_a_server_that_is_gone_is_a_failure(server: Server, tmp_path: Path) -> None:
    lookup = make_lookup(server, tmp_path, timeout=0.2)
    server.close()
    assert isinstance(ask(lookup, name()), LookupFailed)


def test_names_in_a_circle_are_a_failure(lookup: Lookup) -> None:
    assert isinstance(ask(lookup, name("loop.example")), LookupFailed)


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "..", "x" * 250 + ".example.example", "\x00"])
def test_what_is_no_name_is_a_failure(lookup: Lookup, host: str) -> None:
    assert isinstance(ask(lookup, name(host)), LookupFailed)


@pytest.mark.parametrize("address", ["0.0.0.0", "224.0.0.1", "169.254.1.1"])
def test_nobody_can_be_called_at_such_addresses(lookup: Lookup, server: Server, address: str) -> None:
    server.zone[NAME, "A"] = [address]
    assert isinstance(ask(lookup, name()), LookupFailed)


def test_a_part_that_is_lost_is_taken_as_it_was_the_last_time(server: Server, tmp_path: Path) -> None:
    lookup = make_lookup(server, tmp_path, timeout=0.2)
    question = name(NAME, "udp", "tcp")
    assert found(lookup, question).addresses == BY_SRV
    server.ill = only(["A"], server)
    answer = found(lookup, question)
    assert (answer.addresses, answer.complete, answer.ttl) == (BY_SRV, True, MAX_RETRY)
    server.ill = silent
    assert isinstance(ask(lookup, question), LookupFailed)


def test_a_part_that_was_never_answered_makes_the_answer_incomplete(server: Server, tmp_path: Path) -> None:
    lookup = make_lookup(server, tmp_path, timeout=0.2)
    server.ill = only(["A"], server)  # as home routers do that know nothing of NAPTR
    answer = found(lookup, name(NAME, "udp", "tcp"))
    assert (len(answer.addresses), answer.complete) == (2, False)


def test_made_up_names_do_not_fill_the_memory(server: Server, lookup: Lookup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup_module, "MAX_KNOWN", 50)
    for turn in range(8):
        server.zone["_sip._udp.sbc.example", "SRV"] = [f"1 1 5060 n{turn}-{number}.example." for number in range(10)]
        ask(lookup, name(NAME, "udp"))
    assert len(lookup._known) == 50


def test_the_second_server_is_asked_where_the_first_is_silent(server: Server, tmp_path: Path) -> None:
    with serving({}) as dead:
        dead.ill = silent
        lookup = Lookup(Dns((dead.address, server.address), timeout=0.6), tmp_path / "hosts")
        assert isinstance(ask(lookup, name()), Answer)


@pytest.mark.parametrize("text", [None, "", "nameserver 256.1.1.1 extra\n\x00\n", "options timeout:x\n"])
def test_a_system_without_a_dns_server_still_has_its_hosts_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    (tmp_path / "hosts").write_text("10.0.0.7 pbx.example\n")
    if text is not None:
        (tmp_path / "resolv.conf").write_text(text)
    monkeypatch.setattr(lookup_module, "RESOLV_CONF", str(tmp_path / "resolv.conf"))
    found = Lookup(Dns(), tmp_path / "hosts").find_all([name("pbx.example"), name()])
    assert isinstance(found[name("pbx.example")], Answer)
    assert str(found[name()]).startswith("the system names no DNS server")


def test_a_lie_is_an_answer_like_any_other(lookup: Lookup, server: Server) -> None:
    server.ill = lies(server, {(NAME, "A"): ["203.0.113.66"]})
    assert shown(lookup, name()) == ["udp:203.0.113.66:5060"]  # what is believed of it is not decided here


@pytest.mark.parametrize("seeds", [range(1), pytest.param(range(1, 40), marks=pytest.mark.long)], ids=["some", "many"])
def test_whatever_comes_is_an_answer_or_a_failure(server: Server, tmp_path: Path, seeds: range) -> None:
    names = [f"n{number}.example" for number in range(100)]
    for host in names:
        server.zone[f"_sip._udp.{host}", "SRV"] = [f"1 1 5060 {host}."]
        server.zone[host, "A"] = ["192.0.2.7"]
        server.zone[host, "NAPTR"] = [f'20 50 "s" "SIP+D2U" "" _sip._udp.{host}.']
    for seed in seeds:
        server.ill = mutated(server, random.Random(seed))
        found = make_lookup(server, tmp_path, timeout=0.2).find_all(name(host, "udp", "tcp") for host in names)
        assert len(found) == len(names)
        assert {type(what) for what in found.values()} <= {Answer, LookupFailed}
        assert all(str(what) for what in found.values())


# --------------------------------------------------------------------------- questions


def test_a_trunk_with_an_address_asks_nothing() -> None:
    listen = [Listen("0.0.0.0", 5060)]
    assert question_of(Trunk("a", "192.0.2.1", 5060), listen) is None
    assert question_of(Trunk("a", "2001:db8::1", 5060), listen) is None


def test_a_trunk_asks_for_what_its_listeners_reach() -> None:
    listen = [
        Listen("192.0.2.10", 5060, name="in"), Listen("2001:db8::10", 5060, name="out"), Listen("192.0.2.10", 5060, "tcp"),
    ]  # fmt: skip
    asked = question_of(Trunk("a", "SBC.example.", 5060, service=("udp", "tcp")), listen)
    assert asked == Question("sbc.example", 5060, "udp", ("udp", "tcp"), (("udp", 4), ("udp", 6), ("tcp", 4)))
    asked = question_of(Trunk("a", "sbc.example", 5070, listener="out"), listen)
    assert asked == Question("sbc.example", 5070, "udp", (), (("udp", 6),))
