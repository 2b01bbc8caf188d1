"""Trunks that register, in virtual time: the whole engine, and a registrar that is as difficult as they come."""

from __future__ import annotations

import io
import itertools
import json
import random
from dataclasses import replace
from math import inf

import pytest
from rich.console import Console

from controller.engine import Engine
from controller.scenario.network import Link, Network, Port
from controller.status import collect_status
from controller.status_table import print_status
from controller.types import (
    Access,
    Auth,
    Chain,
    Dialplan,
    Listen,
    Path,
    Register,
    Registered,
    Route,
    Stage,
    Target,
    TargetState,
    Transition,
    Trunk,
)
from sip.agent import Agent, Script
from sip.element import Element
from sip.headers import find_uri
from sip.seal import Seal
from sip.transaction import Hop
from sip.uri import parse_uri
from tests.sim.registrar import Registrar

US = Hop("192.0.2.10", 5060)
FIRST, SECOND = Hop("192.0.2.31", 5060), Hop("192.0.2.32", 5060)
PBX = Hop("192.0.2.50", 5060)
CARRIER = Hop("203.0.113.7", 5060)  # where its calls come from
USER, PASSWORD = "15557000", "open sesame"
HOUR = 3600.0


class Scene:
    """One engine with one trunk that registers, two registrars, and a PBX behind us."""

    def __init__(self, *registrars: Hop, expires: float = 600.0, seed: int = 1, password: str = PASSWORD) -> None:
        uris = tuple(f"sip:{hop.host}:{hop.port}" for hop in registrars)
        self.register = Register(USER, "registrar.example", expires, uris)
        desk = Target("desk", (Path("desk via pbx", "desk", "pbx", f"sip:100@{PBX.host}:{PBX.port}"),))
        self.dialplan = Dialplan(
            version="sim",
            listen=(Listen(US.host, US.port),),
            trunks={
                "carrier": Trunk(
                    "carrier", FIRST.host, FIRST.port, probe=None, register=self.register, auth=Auth(USER, password)
                ),
                "pbx": Trunk("pbx", PBX.host, PBX.port, probe=None),
            },
            chains={"desk": Chain("desk", (Stage((desk,)),))},
            routes={"+15557000": Route("+15557000", "desk")},
            access=Access.TRUNKS,
        )
        self.seed = seed
        self.network = Network(random.Random(seed), Link(delay=0.005))
        self.first, self.second = Registrar(FIRST, {USER: PASSWORD}), Registrar(SECOND, {USER: PASSWORD})
        for registrar in (self.first, self.second):
            self.network.join(registrar, registrar.local)
        self.pbx = Agent("pbx", PBX, Script(answer_after=0.1))
        self.carrier = Agent("carrier", CARRIER, Script())
        for agent in (self.pbx, self.carrier):
            self.network.join(agent, agent.local)
        self.news: list[object] = []
        self.start()

    def start(self) -> None:
        """A life of the engine; the keys are the same in each."""
        tokens = random.Random(f"{self.seed}/{self.network.now}")
        element = Element(US, b"k" * 32, Seal({"1": bytes(range(32))}, "1"))
        hops = {"carrier": FIRST, "pbx": PBX}
        self.engine = Engine(
            self.dialplan, element, hops, self.network.now, token=lambda: f"{tokens.getrandbits(96):024x}"
        )
        self.network.join(self.engine, US)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.network.run_until(self.network.now + seconds)
        self.news += self.engine.news
        self.engine.news = []
        assert not self.first.faults + self.second.faults

    def stop(self) -> None:
        """The end of the daemon, as the app does it."""
        self.engine.close(self.network.now)
        self.network.settle(US)
        self.run(2.0)

    @property
    def registered(self) -> list[bool]:
        """What was told of the registration, in order."""
        return [item.bound for item in self.news if isinstance(item, Registered)]

    @property
    def state(self) -> TargetState:
        """How the board shows the trunk."""
        return self.engine.board.view.trunks["carrier"].state

    def why(self) -> str:
        """What the status shows of it."""
        (row,) = self.engine.registrations.rows(self.network.now)
        return row.why

    def contact(self, registrar: Registrar) -> str:
        """The one Contact that a registrar has of us."""
        (uri,) = registrar.contacts(USER, self.network.now)
        return uri


def test_registers_with_digest_and_keeps_the_binding_for_days_without_a_gap() -> None:
    scene = Scene()
    for _ in range(2 * 24 * 60):
        scene.run(60.0)
        assert scene.first.contacts(USER, scene.network.now)
    assert scene.registered == [True]
    refreshes = [now for now, request in scene.first.requests if request.get("authorization")]
    gaps = {round(later - earlier) for earlier, later in itertools.pairwise(refreshes)}
    assert min(gaps) >= 0.65 * 600 - 1
    assert max(gaps) <= 0.75 * 600 + 1
    assert len(gaps) > 10, "the refreshes keep step"
    assert len({request.call_id for _, request in scene.first.requests}) == 1
    assert scene.state in {TargetState.UP, TargetState.UNKNOWN}


def test_credentials_go_ahead_with_each_refresh_and_a_new_nonce_costs_one_round_trip() -> None:
    scene = Scene()
    scene.run(10.0)
    assert [bool(request.get("authorization")) for _, request in scene.first.requests] == [False, True]
    scene.run(600.0)
    assert len(scene.first.requests) == 3
    scene.first.nonce = "n1"
    scene.run(600.0)
    assert scene.registered == [True]
    assert len(scene.first.requests) in {5, 6}


def test_wrong_password_is_told_once_and_tried_seldom() -> None:
    scene = Scene(password="wrong")
    scene.run(HOUR)
    assert scene.registered == [False]
    assert scene.state is TargetState.DEGRADED
    assert scene.engine.board.view.trunks["carrier"].code == "NOT_REGISTERED"
    assert "401" in scene.why()
    assert "refused" in scene.why()
    assert PASSWORD not in scene.why()
    assert 6 <= len(scene.first.requests) <= 24


def test_trunk_is_degraded_while_it_is_not_registered_and_well_again_afterwards() -> None:
    scene = Scene()
    scene.first.status, scene.first.extra = 403, ()
    scene.run(5.0)
    assert scene.state is TargetState.DEGRADED
    (lost,) = [item for item in scene.news if isinstance(item, Registered)]
    assert lost.why == "not registered: 403 Whatever"
    scene.first.status = 0
    scene.run(120.0)
    assert scene.registered == [False, True]
    assert scene.state in {TargetState.UP, TargetState.UNKNOWN}
    assert [item.code for item in scene.news if isinstance(item, Transition)][-1] == "RECOVERED"


def test_silent_registrar_is_left_for_the_second_within_seconds_and_used_again_when_it_is_back() -> None:
    scene = Scene(FIRST, SECOND)
    scene.run(10.0)
    assert scene.first.contacts(USER, scene.network.now)
    scene.first.silent = True
    scene.run(600.0)
    assert scene.second.contacts(USER, scene.network.now)
    scene.run(HOUR)
    assert scene.second.contacts(USER, scene.network.now)
    assert scene.registered == [True], "the second one took over before the first binding was over"
    scene.first.silent = False
    scene.run(HOUR)
    assert scene.first.contacts(USER, scene.network.now)


def test_first_registrar_dead_at_the_start_costs_five_seconds() -> None:
    scene = Scene(FIRST, SECOND)
    scene.network.ports[FIRST] = Port.GONE
    scene.run(2.0 + 5.0 + 0.1)
    assert scene.second.contacts(USER, scene.network.now)


def test_closed_port_of_the_first_registrar_costs_nothing() -> None:
    scene = Scene(FIRST, SECOND)
    scene.network.ports[FIRST] = Port.CLOSED
    scene.run(2.0 + 0.1)
    assert scene.second.contacts(USER, scene.network.now)


def test_binding_that_ends_because_nobody_answers_is_told_when_it_ends() -> None:
    scene = Scene()
    scene.run(10.0)
    (bound,) = [item for item in scene.news if isinstance(item, Registered)]
    scene.first.silent = True
    scene.run(HOUR)
    assert scene.registered == [True, False]
    (_, lost) = [item for item in scene.news if isinstance(item, Registered)]
    until = lost.at - bound.at
    assert 600 <= until <= 600 * 1.75, "the last binding was good until then"
    assert scene.state is TargetState.DEGRADED
    scene.first.silent = False
    scene.run(300.0)
    assert scene.registered == [True, False, True]


def test_shorter_or_longer_time_than_asked_for_is_kept() -> None:
    scene = Scene()
    scene.first.grants = 60
    scene.run(600.0)
    assert 12 <= len(scene.first.requests) <= 18
    brief = Scene(expires=60.0)
    brief.first.min_expires = 300
    brief.run(10.0)
    assert brief.registered == [True]
    (until,) = [each.until for each in brief.first.bindings[USER].values()]
    assert until - brief.network.now > 280


@pytest.mark.parametrize("header", ["Retry-After: 120", "Retry-After: 120 (maintenance);duration=60"])
def test_retry_after_is_honoured(header: str) -> None:
    scene = Scene()
    scene.first.status, scene.first.extra = 503, (header,)
    scene.run(100.0)
    assert len(scene.first.requests) == 1
    scene.first.status = 0
    scene.run(30.0)
    assert scene.registered == [False, True]


def test_retry_after_of_a_day_is_capped_at_half_an_hour() -> None:
    scene = Scene()
    scene.first.status, scene.first.extra = 503, ("Retry-After: 86400",)
    scene.run(5.0)
    scene.first.status = 0
    scene.run(1801.0)
    assert scene.registered == [False, True]


def test_redirection_is_followed_once_and_never_in_a_circle() -> None:
    scene = Scene()
    scene.first.status, scene.first.extra = 302, (f"Contact: <sip:{SECOND.host}:{SECOND.port}>",)
    scene.run(5.0)
    assert scene.second.contacts(USER, scene.network.now)
    circle = Scene()
    circle.first.status, circle.first.extra = 302, (f"Contact: <sip:{SECOND.host}:{SECOND.port}>",)
    circle.second.status, circle.second.extra = 302, (f"Contact: <sip:{FIRST.host}:{FIRST.port}>",)
    circle.run(HOUR)
    assert circle.registered == [False]
    assert len(circle.first.requests) + len(circle.second.requests) <= 20


def test_life_after_a_crash_registers_anew_and_replaces_the_binding() -> None:
    scene = Scene()
    scene.run(30.0)
    before = scene.contact(scene.first)
    for _ in range(5):
        scene.start()
        scene.run(3.0)
        assert scene.contact(scene.first) == before
    assert len({request.call_id for _, request in scene.first.requests}) == 6


def test_end_of_the_daemon_takes_the_binding_away_and_only_that() -> None:
    scene = Scene()
    scene.run(10.0)
    other = "sip:anna@198.51.100.77:5060"
    scene.first.bindings[USER][other] = replace(next(iter(scene.first.bindings[USER].values())), call_id="other")
    scene.stop()
    assert scene.first.contacts(USER, scene.network.now) == [other]
    assert scene.engine.is_quiet()


@pytest.mark.parametrize("nonce", ["n0", "n9"])
def test_end_of_the_daemon_answers_a_challenge(nonce: str) -> None:
    scene = Scene()
    scene.run(10.0)
    scene.first.nonce = nonce
    scene.stop()
    assert not scene.first.contacts(USER, scene.network.now)


def test_end_of_the_daemon_beside_a_dead_registrar_leaves_nothing_to_wait_for_but_silence() -> None:
    scene = Scene()
    scene.run(10.0)
    scene.first.silent = True
    scene.stop()
    assert not scene.engine.is_quiet()
    scene.run(10.0)
    assert scene.engine.is_quiet()


def test_end_before_anything_was_registered_is_quiet_at_once() -> None:
    scene = Scene()
    scene.first.silent = True
    scene.run(10.0)
    scene.stop()
    assert scene.engine.is_quiet()


def test_reload_keeps_the_binding_of_an_account_that_stays_and_drops_one_that_goes() -> None:
    scene = Scene()
    scene.run(10.0)
    asked = len(scene.first.requests)
    scene.engine.reload(scene.dialplan, {"carrier": FIRST, "pbx": PBX}, scene.network.now)
    scene.network.settle(US)
    scene.run(10.0)
    assert len(scene.first.requests) == asked

    trunks = {**scene.dialplan.trunks, "carrier": replace(scene.dialplan.trunks["carrier"], register=None)}
    scene.engine.reload(replace(scene.dialplan, trunks=trunks), {"carrier": FIRST, "pbx": PBX}, scene.network.now)
    scene.network.settle(US)
    scene.run(10.0)
    assert not scene.first.contacts(USER, scene.network.now)
    assert scene.engine.registrations.rows(scene.network.now) == []


def test_address_that_a_nat_gives_us_becomes_our_contact_and_the_old_one_goes() -> None:
    scene = Scene()
    outside = Hop("198.51.100.200", 41234)
    scene.first.sees = outside
    scene.run(5.0)
    uri = parse_uri(scene.contact(scene.first))
    assert (uri.host, uri.port) == outside[:2]
    scene.run(HOUR)
    uri = parse_uri(scene.contact(scene.first))
    assert (uri.host, uri.port) == outside[:2]
    assert scene.registered == [True]


def test_address_that_the_operator_advertises_is_not_overruled_by_what_is_seen() -> None:
    scene = Scene()
    (listen,) = scene.dialplan.listen
    scene.dialplan = replace(scene.dialplan, listen=(replace(listen, advertise=(US.host, US.port)),))
    scene.start()
    scene.first.sees = Hop("198.51.100.200", 41234)
    scene.run(5.0)
    uri = parse_uri(scene.contact(scene.first))
    assert (uri.host, uri.port) == US[:2]


def test_registrar_that_hides_our_address_is_believed() -> None:
    scene = Scene()
    scene.first.hides = True
    scene.run(HOUR)
    assert scene.registered == [True]
    assert len(scene.first.requests) < 20


def test_answers_of_a_registrar_are_signs_of_life_of_its_trunk() -> None:
    scene = Scene()
    scene.run(10.0)
    assert scene.state is TargetState.UP
    (up,) = [item for item in scene.news if isinstance(item, Transition)]
    assert up.why.startswith("a registration was responded to")


def call_in(scene: Scene, uri: str, *more: str, to: str = "") -> str:
    """The carrier sends a call from an address of its own that nobody told us of."""
    call_id = scene.carrier.place_call(uri, US, scene.network.now)
    data, hop = scene.carrier.outbox.pop()
    text = data.decode()
    if to:
        text = "".join(f"To: <{to}>\r\n" if line.startswith("To:") else line for line in text.splitlines(keepends=True))
    head, _, rest = text.partition("\r\n")
    text = "\r\n".join([head, *more, rest])
    scene.carrier.outbox.append((text.encode(), hop))
    scene.network.settle(CARRIER)
    return call_id


@pytest.mark.parametrize(
    ("to", "more"),
    [
        ("sip:+15557000@registrar.example", ()),
        ("sip:15557000@registrar.example", ()),
        ("tel:+1-555-7000", ()),
        ("sip:somebody@registrar.example", ("P-Called-Party-ID: <sip:+15557000@registrar.example>",)),
    ],
)
def test_call_to_our_contact_goes_by_the_number_that_was_called(to: str, more: tuple[str, ...]) -> None:
    scene = Scene()
    scene.run(5.0)
    call_in(scene, scene.contact(scene.first), *more, to=to)
    scene.run(5.0)
    (call,) = scene.pbx.calls
    assert call.user == "100"
    (record,) = [item for item in scene.news if type(item).__name__ == "CallRecord"]
    assert (record.offer.trunk, record.status) == ("carrier", 200)  # type: ignore[attr-defined]


def test_contact_cannot_be_guessed_and_is_no_secret_of_ours() -> None:
    scene = Scene()
    scene.run(5.0)
    user = parse_uri(scene.contact(scene.first)).user
    assert len(user) == 22
    call_in(scene, scene.contact(scene.first).replace(user, user[:-1] + ("a" if user[-1] != "a" else "b")))
    scene.run(5.0)
    assert not scene.pbx.calls
    assert not [call for call in scene.carrier.calls if call.heard], "a stranger gets no answer at all"


def test_caller_who_was_told_by_the_registrar_may_give_up_and_is_told_of_failures() -> None:
    scene = Scene()
    scene.pbx.script = Script(ring_after=0.1)
    scene.run(5.0)
    call_id = call_in(scene, scene.contact(scene.first), to="sip:+15557000@registrar.example")
    scene.run(1.0)
    scene.carrier.cancel(call_id, scene.network.now)
    scene.network.settle(CARRIER)
    scene.run(5.0)
    assert [call.status for call in scene.carrier.calls] == [487]
    assert scene.pbx.calls[0].cancelled
    call_in(scene, scene.contact(scene.first), to="sip:+15550000@registrar.example")
    scene.run(5.0)
    assert scene.carrier.calls[-1].status == 404
    scene.run(60.0)
    assert len(scene.engine.plane._layer) == 0, "its ACK came through"


def test_registrars_are_addresses_of_their_trunk() -> None:
    scene = Scene(FIRST, SECOND)
    scene.run(5.0)
    assert scene.engine.plane.sources.trunk_of(SECOND._replace(port=5099)) == "carrier"
    reload(scene, replace(scene.register, registrars=()))
    assert scene.engine.plane.sources.trunk_of(SECOND) == ""


def test_nothing_is_left_of_requests_that_are_over() -> None:
    scene = Scene(FIRST, SECOND)
    scene.first.silent = scene.second.silent = True
    scene.run(HOUR)
    scene.first.silent = False
    scene.run(HOUR)
    scene.stop()
    scene.run(60.0)
    assert scene.engine.registrations.next_deadline() == inf
    assert find_uri(f"<{scene.register.domain}>") == "registrar.example"


def test_status_says_where_a_trunk_is_registered_or_why_not() -> None:
    scene = Scene()
    console = Console(width=140, record=True, highlight=False, file=io.StringIO())
    scene.run(0.0)
    print_status(collect_status(scene.engine, scene.network.now), console)
    scene.run(65.0)
    print_status(collect_status(scene.engine, scene.network.now), console)
    scene.first.status = 403
    scene.run(HOUR)
    print_status(collect_status(scene.engine, scene.network.now), console)
    rows = [line.split() for line in console.export_text().splitlines() if "registrar.example" in line]
    account = f"sip:{USER}@registrar.example"
    assert rows[0] == ["carrier", "not", "yet", "-", "-", account, "-", "-"]
    assert rows[1][:5] == ["carrier", "yes", "1", "min", rows[1][4]]
    assert rows[1][-3:] == [account, f"udp:{FIRST.host}:{FIRST.port}", "-"]
    assert rows[2][:2] == ["carrier", "no"]
    assert rows[2][-4:] == [account, "-", "403", "Whatever"]
    json.dumps(collect_status(scene.engine, scene.network.now), allow_nan=False)


def reload(scene: Scene, register: Register) -> None:
    """The dialplan says something else of the registration now."""
    trunks = {**scene.dialplan.trunks, "carrier": replace(scene.dialplan.trunks["carrier"], register=register)}
    scene.engine.reload(replace(scene.dialplan, trunks=trunks), {"carrier": FIRST, "pbx": PBX}, scene.network.now)
    scene.network.settle(US)


def test_reload_with_another_registrar_moves_the_binding_at_once() -> None:
    scene = Scene()
    scene.run(10.0)
    reload(scene, replace(scene.register, registrars=(f"sip:{SECOND.host}:{SECOND.port}",)))
    scene.run(1.0)
    assert scene.second.contacts(USER, scene.network.now)
    assert scene.registered == [True]


def test_reload_with_another_account_takes_the_old_binding_away() -> None:
    scene = Scene()
    scene.first.users = {}
    scene.run(10.0)
    reload(scene, replace(scene.register, user="15557001"))
    scene.run(3.0)
    assert not scene.first.contacts(USER, scene.network.now)
    assert scene.first.contacts("15557001", scene.network.now)


def test_reload_with_the_right_password_registers_at_once() -> None:
    scene = Scene(password="wrong")
    scene.run(10.0)
    assert not scene.first.contacts(USER, scene.network.now)
    carrier = replace(scene.dialplan.trunks["carrier"], auth=Auth(USER, PASSWORD))
    dialplan = replace(scene.dialplan, trunks={**scene.dialplan.trunks, "carrier": carrier})
    scene.engine.reload(dialplan, {"carrier": FIRST, "pbx": PBX}, scene.network.now)
    scene.network.settle(US)
    scene.run(1.0)
    assert scene.first.contacts(USER, scene.network.now)


def test_reload_does_not_wait_for_what_was_held_against_a_registrar() -> None:
    scene = Scene()
    scene.first.status = 403
    scene.run(10.0)
    scene.first.status = 0
    reload(scene, replace(scene.register, expires=300.0))
    scene.run(1.0)
    assert scene.registered == [False, True]


def test_addresses_of_a_name_are_one_registration_with_failover() -> None:
    scene = Scene()
    scene.run(10.0)
    carrier = scene.dialplan.trunks["carrier"]
    both = {
        f"carrier/{hop.host}:5060": replace(carrier, name=f"carrier/{hop.host}:5060", host=hop.host, group="carrier")
        for hop in (FIRST, SECOND)
    }
    dialplan = replace(scene.dialplan, trunks={**both, "pbx": scene.dialplan.trunks["pbx"]})
    hops = {f"carrier/{hop.host}:5060": hop for hop in (FIRST, SECOND)} | {"pbx": PBX}
    asked = len(scene.first.requests)
    scene.engine.reload(dialplan, hops, scene.network.now)
    scene.network.settle(US)
    scene.run(10.0)
    assert len(scene.first.requests) == asked, "the binding stays as it is"
    scene.first.silent = True
    scene.run(600.0)
    assert scene.second.contacts(USER, scene.network.now)
    assert scene.registered == [True]
    scene.second.silent = True
    scene.run(HOUR)
    assert {scene.engine.board.view.trunks[name].code for name in both} == {"NOT_REGISTERED"}
    (row,) = scene.engine.registrations.rows(scene.network.now)
    assert row.trunk == "carrier"


def test_lost_connection_to_the_registrar_is_made_anew_but_not_at_any_rate() -> None:
    scene = Scene()
    scene.run(60.0)
    for _ in range(20):
        scene.engine.disconnected(FIRST, scene.network.now)
        scene.network.settle(US)
        scene.run(2.0)
    assert len(scene.first.requests) == 2 + 2, "at once, and once more half a minute later"
    scene.run(600.0)
    assert scene.registered == [True]
