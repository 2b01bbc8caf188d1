from __future__ import annotations

from typing import Any

import pytest

from sip import builder
from sip.element import Element, Refusal
from sip.headers import Via, find_uri, parse_via, split_values
from sip.layer import mark_source
from sip.message import Request, Response
from sip.route import SealedRoute
from sip.seal import Seal
from sip.transaction import Hop
from sip.uri import parse_uri
from tests.sip.wire import CALLER, LOCAL, answer, answered, make_element, parsed, request

US = Hop("2001:db8::1", 5060)


def branch_of(element: Element, invite: Request, path: str = "a", trial: int = 1) -> str:
    return parse_via(element.via_for(invite, element.path_tag_of(path), trial)).branch


def forward(element: Element, invite: Request, path: str = "a", trial: int = 1) -> Request:
    return builder.forward_request(invite, "sip:b@h", element.via_for(invite, element.path_tag_of(path), trial))


def comes_back(element: Element, response: Response) -> bool:
    top, below = (parse_via(value) for value in response.get_all("via")[:2])
    return element.made_branch(top, below, response)


# --------------------------------------------------------------------------- branches


def test_our_via_says_where_we_are() -> None:
    via = parse_via(make_element().via_for(parsed(request()), "tag"))
    assert (via.transport, via.sent_by) == ("UDP", (LOCAL.host, LOCAL.port))
    assert via.branch.startswith("z9hG4bK")
    via = parse_via(make_element(US).via_for(parsed(request()), "tag"))
    assert via.sent_by == ("2001:db8::1", 5060)


def test_another_life_gives_the_same_branch_to_the_same_invite() -> None:
    one, other = make_element(), make_element()
    assert branch_of(one, parsed(request())) == branch_of(other, parsed(request()))


def test_a_branch_fits_into_a_via_whatever_the_path_is_called() -> None:
    element = make_element()
    for name in ("front-desk via hq-pbx", "Ünïcode; via=x", "a" * 300):
        via = parse_via(element.via_for(parsed(request()), element.path_tag_of(name)))
        assert via.params == f";rport;branch={via.branch}"


@pytest.mark.parametrize(
    "other",
    [
        {"path": "b"},
        {"trial": 2},
        {"branch": "z9hG4bK-caller-2"},
        {"call_id": "call-2"},
        {"cseq": 8, "branch": ""},  # the next request of a peer of RFC 2543, which gives no branch
        {"via": "SIP/2.0/UDP 192.0.2.2:5070"},  # another peer with the same branch
        {"via": "SIP/2.0/UDP 192.0.2.1:5071"},
    ],
)
def test_whatever_makes_it_another_request_gives_another_branch(other: dict[str, Any]) -> None:
    element, options = make_element(), dict(other)
    path, trial = options.pop("path", "a"), options.pop("trial", 1)
    old_peer = {"branch": ""} if options.get("branch") == "" else {}
    first = branch_of(element, parsed(request(**old_peer)))
    assert branch_of(element, parsed(request(**options)), path, trial) != first


def test_a_thousand_paths_and_trials_give_a_thousand_branches() -> None:
    element, invite = make_element(), parsed(request())
    branches = {branch_of(element, invite, f"path {path}", trial) for path in range(200) for trial in range(1, 6)}
    assert len(branches) == 1000


def test_another_key_gives_another_branch() -> None:
    assert branch_of(make_element(), parsed(request())) != branch_of(make_element(key=b"x" * 32), parsed(request()))


@pytest.mark.parametrize("local", [LOCAL, US, Hop("192.0.2.10", 5099)])
@pytest.mark.parametrize("options", [{}, {"branch": ""}, {"rport": True}, {"via": "SIP/2.0/UDP [2001:DB8::9]:5070"}])
def test_a_response_to_a_past_life_is_recognised(local: Hop, options: dict[str, Any]) -> None:
    sent = forward(make_element(local), parsed(request(**options)))
    for status in (100, 180, 200, 486):
        assert comes_back(make_element(local), answered(answer(sent, status)))


def test_every_change_of_our_branch_is_refused() -> None:
    element = make_element()
    response = answered(answer(forward(element, parsed(request())), 200))
    top, below = (parse_via(value) for value in response.get_all("via"))

    def is_ours(branch: str) -> bool:
        return element.made_branch(Via(top.transport, top.host, top.port, f";branch={branch}", branch), below, response)

    branch = top.branch
    assert is_ours(branch)
    for index, was in enumerate(branch):
        for letter in "Aa0-_z1\xe9\udcff":
            if letter != was:
                assert not is_ours(branch[:index] + letter + branch[index + 1 :])
        assert not is_ours(branch[:index] + branch[index + 1 :])
        assert not is_ours(branch[:index])
    for more in ("A", "-", "\udcff"):
        assert not is_ours(branch + more)


def test_a_branch_of_ours_is_worth_nothing_elsewhere() -> None:
    element = make_element()
    invite = parsed(request())
    response = answered(answer(forward(element, invite), 200))
    for options in (
        {"call_id": "call-2"},
        {"cseq": 8},
        {"branch": "z9hG4bK-other"},
        {"via": "SIP/2.0/UDP 203.0.113.9"},
    ):
        foreign = answered(answer(forward(element, parsed(request(**options))), 200))
        foreign.replace_first_value("via", response.get_all("via")[0])
        assert not comes_back(element, foreign)


@pytest.mark.parametrize(
    "changed",
    [
        "SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK-caller-1;rport=5070;received=203.0.113.66",
        "SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK-caller-1;rport=66;received=192.0.2.1",
        "SIP/2.0/UDP 203.0.113.66:5070;branch=z9hG4bK-caller-1;rport=5070;received=192.0.2.1",
    ],
)
def test_a_response_that_was_given_another_way_home_is_not_ours(changed: str) -> None:
    element = make_element()
    invite = parsed(request(via="SIP/2.0/UDP 10.0.0.9:5070", rport=True))
    mark_source(invite, CALLER)
    response = answered(answer(forward(element, invite), 200))
    assert comes_back(element, response)
    top = response.get_all("via")[0]
    response.remove_first_value("via")
    response.replace_first_value("via", changed)
    response.prepend("via", f"Via: {top}")
    assert not comes_back(element, response)


def test_a_branch_of_another_element_is_not_ours() -> None:
    response = answered(answer(forward(make_element(), parsed(request())), 200))
    assert not comes_back(make_element(key=b"x" * 32), response)
    assert not comes_back(make_element(Hop("192.0.2.10", 5061)), response)
    assert not comes_back(make_element(Hop("192.0.2.11", 5060)), response)


# --------------------------------------------------------------------------- tags


def test_our_to_tag_is_the_same_in_another_life_and_for_the_cancel() -> None:
    element = make_element()
    tag = element.to_tag_for(parsed(request()))
    assert tag == make_element().to_tag_for(parsed(request()))
    assert tag == element.to_tag_for(parsed(request("CANCEL")))
    assert tag != element.to_tag_for(parsed(request(branch="z9hG4bK-caller-2")))
    assert len(tag) >= 6  # §19.3: at least 32 bits


# --------------------------------------------------------------------------- Record-Route

PASSPORT = SealedRoute("caller", CALLER, "carrier-a")


def callees(local: Hop = LOCAL, passport: SealedRoute = PASSPORT) -> str:
    """Our Record-Route entry as the callee gets it in the INVITE."""
    return make_element(local).record_route("call-1@192.0.2.1", passport)


def callers(local: Hop = LOCAL, to_tag: str = "callee", status: int = 200, more: str = "") -> str:
    """Our Record-Route entry as the caller gets it in a response."""
    element = make_element(local)
    invite = parsed(request())
    via = element.via_for(invite, "path")
    sent = builder.forward_request(invite, "sip:b@h", via, record_route=f"{more}{callees(local)}")
    return element.forward_response(answered(answer(sent, status, to_tag))).get_all("record-route")[-1]


def from_caller(route: str, **options: Any) -> Request:
    return parsed(request("BYE", **{"to_tag": "callee", **options}, extra=[f"Route: {route}"]))


def from_callee(route: str, **options: Any) -> Request:
    return from_caller(route, **{"caller_tag": ";tag=callee", "to_tag": "caller", **options})


@pytest.mark.parametrize("local", [LOCAL, US])
def test_both_sides_may_speak_in_the_dialog_also_in_another_life(local: Hop) -> None:
    element = make_element(local)
    assert element.open_route(from_callee(callees(local) + ", <sip:next;lr>")) == PASSPORT._replace(
        onward="<sip:next;lr>"
    )
    assert element.open_route(from_caller(callers(local))) == PASSPORT._replace(callee_tag="callee")


@pytest.mark.parametrize("status", [180, 183, 200])
def test_every_early_dialog_has_a_passport_of_its_own(status: int) -> None:
    for tag in ("desk", "mobile"):
        route = make_element().open_route(from_caller(callers(to_tag=tag, status=status), to_tag=tag))
        assert route == PASSPORT._replace(callee_tag=tag)
        assert make_element().open_route(from_caller(callers(to_tag=tag), to_tag="callee")) is Refusal.BROKEN_SEAL


def test_neither_side_can_speak_for_the_other() -> None:
    assert make_element().open_route(from_caller(callees())) is Refusal.BROKEN_SEAL
    assert make_element().open_route(from_callee(callers())) is Refusal.BROKEN_SEAL


def test_our_entry_is_turned_wherever_it_stands_in_the_list() -> None:
    route = callers(more="<sip:192.0.2.200;lr>, ")
    assert make_element().open_route(from_caller(route)) == PASSPORT._replace(callee_tag="callee")


def test_the_entries_of_others_go_upstream_as_they_are() -> None:
    element = make_element()
    foreign = ["<sip:192.0.2.200;lr>", "<sip:192.0.2.201;lr;cw=k1.AAAA>", "<sip:192.0.2.202;lr;cw>"]
    invite = parsed(request(extra=[f"Record-Route: {', '.join(foreign)}"]))
    response = answered(answer(forward(element, invite), 200))
    assert element.forward_response(response).get_all("record-route") == foreign


def test_a_response_without_our_record_route_is_only_freed_of_our_via() -> None:
    element = make_element()
    for status in (100, 180, 200, 302, 486):
        response = answered(answer(forward(element, parsed(request())), status))
        assert element.forward_response(response).encode() == builder.forward_response(response).encode()


def test_our_record_route_is_a_loose_router() -> None:
    for route in (callees(), callers()):
        uri = parse_uri(find_uri(route))
        assert uri.param("lr") == ""
        assert make_element().owns(uri)


def test_the_same_invite_gets_the_same_record_route_in_another_life() -> None:
    assert callees() == callees()
    assert callers() == callers()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"call_id": "call-2"}, "another call"),
        ({"caller_tag": ";tag=stranger"}, "a forged From tag"),
        ({"caller_tag": ""}, "no From tag"),
        ({"to_tag": "stranger"}, "a forged To tag"),
    ],
)
def test_a_seal_opens_for_its_own_dialog_only(options: dict[str, Any], why: str) -> None:
    assert make_element().open_route(from_caller(callers(), **options)) is Refusal.BROKEN_SEAL, why


@pytest.mark.parametrize("options", [{"call_id": "call-2"}, {"to_tag": "stranger"}])
def test_the_seal_of_the_callee_opens_for_its_own_dialog_only(options: dict[str, Any]) -> None:
    assert make_element().open_route(from_callee(callees(), **options)) is Refusal.BROKEN_SEAL


def test_every_change_of_the_seal_is_refused() -> None:
    for route, ask in ((callers(), from_caller), (callees(), from_callee)):
        for index in range(route.index("cw=") + 3, len(route) - 1):
            for letter in "Aa0-_":
                if letter != route[index]:
                    changed = route[:index] + letter + route[index + 1 :]
                    assert make_element().open_route(ask(changed)) is Refusal.BROKEN_SEAL
            assert make_element().open_route(ask(route[:index] + ">")) is Refusal.BROKEN_SEAL


@pytest.mark.parametrize(
    "route",
    ["<sip:192.0.2.10:5060;lr>", "<sip:192.0.2.10;lr;cw>", "<sip:192.0.2.10;lr;cw=>", "<sip:192.0.2.10;cw=k1.A>"],
)
def test_a_route_to_us_without_a_seal_is_refused(route: str) -> None:
    assert make_element().open_route(from_caller(route)) is Refusal.BROKEN_SEAL


def test_a_route_to_somebody_else_is_not_ours() -> None:
    foreign = callers().replace("192.0.2.10", "192.0.2.11")
    assert make_element().open_route(from_caller(f"{foreign}, {callers()}")) is Refusal.NOT_OURS
    assert make_element().open_route(parsed(request("BYE", to_tag="callee"))) is Refusal.NOT_OURS


def test_another_key_does_not_open_the_route() -> None:
    assert make_element(seal_key=b"x" * 32).open_route(from_caller(callers())) is Refusal.BROKEN_SEAL


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("sip:192.0.2.10", True),
        ("sip:x@192.0.2.10:5060;lr", True),
        ("sip:192.0.2.10:5061", False),
        ("sip:192.0.2.1", False),
        ("tel:+1", False),
        ("", False),
        ("sip:192.0.2.10:x", False),
    ],
)
def test_what_points_at_us(text: str, ours: bool) -> None:
    assert make_element().is_own(text) == ours


def test_what_points_at_us_over_ipv6() -> None:
    assert make_element(US).is_own("sip:[2001:DB8::1]:5060;lr")


# --------------------------------------------------------------------------- next hops


@pytest.mark.parametrize(
    ("uri", "hop"),
    [
        ("sip:b@192.0.2.21", Hop("192.0.2.21", 5060)),
        ("sip:b@192.0.2.21:5070;transport=UDP", Hop("192.0.2.21", 5070)),
        ("sip:b@[2001:db8::2]", None),  # nothing of ours speaks IPv6
        ("sip:b@pbx.example:5070", Hop("192.0.2.33", 5070)),
        ("sip:b@PBX.example", Hop("192.0.2.33", 5060)),
        ("sip:b@unknown.example", None),
        ("sip:b@192.0.2.21;transport=tcp", None),
        ("sips:b@192.0.2.21", None),
    ],
)
def test_where_a_uri_leads(uri: str, hop: Hop | None) -> None:
    element = make_element(names={"pbx.example": ("192.0.2.33",)})
    assert element.next_hop(parsed(request("BYE", uri))) == hop
    assert element.next_hop(parsed(request("BYE", "sip:elsewhere", extra=[f"Route: <{uri}>,<sip:last>"]))) == hop


def test_the_caller_is_reached_by_its_address() -> None:
    assert make_element().hop_of(parse_uri("sip:192.0.2.1:5070")) == CALLER


# --------------------------------------------------------------------------- two transports

OVER_TCP = Hop("192.0.2.10", 5070, "tcp")
THERE = {transport: Hop("192.0.2.30", 5060, transport) for transport in ("udp", "tcp")}


def make_both() -> Element:
    return Element(LOCAL, b"k" * 32, Seal({"k1": b"s" * 32}, "k1"), {}, OVER_TCP)


def passport_of(caller: str) -> SealedRoute:
    return PASSPORT._replace(caller=Hop(*CALLER[:2], caller))


def values_of(caller: str, callee: str) -> list[str]:
    return split_values(make_both().record_route("call-1@192.0.2.1", passport_of(caller), THERE[callee]))


def turned_values_of(caller: str, callee: str, lines: int = 1) -> list[str]:
    """The same as they come to the caller, out of so many header lines."""
    element, invite = make_both(), parsed(request())
    sent = builder.forward_request(invite, "sip:b@h", element.via_for(invite, "path"))
    response = answered(answer(sent, 200, "callee"))
    values = values_of(caller, callee)
    for value in [", ".join(values)] if lines == 1 else values[::-1]:
        response.prepend("record-route", f"Record-Route: {value}")
    return element.forward_response(response).get_all("record-route")


def test_one_entry_leads_back_by_the_transport_of_both_sides() -> None:
    for transport, hop in (("udp", LOCAL), ("tcp", OVER_TCP)):
        (entry,) = values_of(transport, transport)
        assert make_both().hop_of(parse_uri(find_uri(entry))) == hop


@pytest.mark.parametrize(("caller", "callee"), [("udp", "tcp"), ("tcp", "udp")])
def test_each_side_finds_on_top_the_entry_that_it_can_use(caller: str, callee: str) -> None:
    element = make_both()
    entries = values_of(caller, callee)
    assert [element.hop_of(parse_uri(find_uri(entry))).transport for entry in entries] == [callee, caller]
    onward = "<sip:next:5080;lr;transport=tcp>"
    here = passport_of(caller)._replace(entries=2)
    opened = element.open_route(from_callee(", ".join([*entries, onward])))
    assert isinstance(opened, SealedRoute)
    assert opened._replace(side=None) == here._replace(onward=onward)
    for lines in (1, 2):
        turned = turned_values_of(caller, callee, lines)
        assert [element.hop_of(parse_uri(find_uri(entry))).transport for entry in turned] == [callee, caller]
        opened = element.open_route(from_caller(", ".join([*turned[::-1], onward])))
        assert isinstance(opened, SealedRoute)
        assert opened._replace(side=None) == here._replace(callee_tag="callee", onward=onward)


def test_a_double_entry_without_its_twin_is_refused() -> None:
    top, below = values_of("udp", "tcp")
    (single,) = values_of("udp", "udp")
    turned = turned_values_of("udp", "tcp")[0]
    for route in (top, f"{top}, <sip:elsewhere;lr>", f"{top}, {single}", f"{below}, {single}", f"{top}, {turned}"):
        assert make_both().open_route(from_callee(route)) is Refusal.BROKEN_SEAL
    for route in (turned, f"{turned}, {below}"):
        assert make_both().open_route(from_caller(route)) is Refusal.BROKEN_SEAL


def test_a_via_says_by_which_transport_it_was_sent_and_is_recognised_either_way() -> None:
    element, invite = make_both(), parsed(request())
    for transport, shown in (("udp", "UDP 192.0.2.10:5060;rport"), ("tcp", "TCP 192.0.2.10:5070")):
        via = element.via_for(invite, "path", hop=THERE[transport])
        assert via.startswith(f"SIP/2.0/{shown};branch=")
        response = answered(answer(parsed(builder.forward_request(invite, invite.uri, via).encode()), 200))
        top, below = (parse_via(value) for value in response.get_all("via"))
        assert element.made_branch(top, below, response)


def test_what_listens_on_tcp_points_at_us_as_well() -> None:
    assert make_both().is_own("sip:192.0.2.10:5070;transport=tcp")
    assert make_both().hop_of(parse_uri("sip:b@192.0.2.21;transport=TCP")) == Hop("192.0.2.21", 5060, "tcp")
