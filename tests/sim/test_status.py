"""`callward status`: the picture of a daemon whose trunks have had a bad day."""

from __future__ import annotations

import io
import json
import re

from rich.console import Console

from controller.scenario.network import Port
from controller.status import collect_status
from controller.status_table import print_status
from controller.types import Probe
from controller.wording import show_span
from sip.agent import Script
from tests.playbook import stage
from tests.sim.test_quality import UNABLE, call_for, make_world
from tests.sim.world import World


def show(world: World, width: int = 100) -> str:
    console = Console(width=width, record=True, highlight=False, file=io.StringIO())
    print_status(collect_status(world.engine, world.now), console)
    return console.export_text()


def test_states_scores_and_reasons_are_shown() -> None:
    world = make_world()
    world.trunks["t1"].scripts["anna"] = UNABLE
    call_for(world, 20.0)
    world.set_port("t2", Port.GONE)
    world.run_until(world.now + 8.0)
    text = show(world)
    assert text.startswith("1 of 2 trunks usable, 0 calls being set up, version sim, on udp:192.0.2.10:5060")
    rows = [line.split() for line in text.splitlines() if line[:3] in ("t1 ", "t2 ")]
    assert [row[:2] for row in rows] == [["t1", "up"], ["t2", "down"], ["t1", "held"], ["t2", "held"]]
    assert "says itself that it cannot (503), 3 times" in text
    data = json.loads(json.dumps(collect_status(world.engine, world.now), allow_nan=False))
    first, second = data["trunks"]
    assert (first["calls"]["gate"], first["calls"]["answered"]) == ("held", 0.0)
    assert second["paged"]
    assert second["why"].startswith("16 probes in a row unanswered")


def test_a_daemon_without_calls_shows_its_trunks_only() -> None:
    world = World(stage("anna/t1"))
    world.behave("anna", Script())
    text = show(world)
    assert "come through" not in text
    assert "never" in text


def test_no_word_is_broken_in_a_terminal_of_80_columns() -> None:
    world = make_world()
    world.set_port("t2", Port.GONE)
    world.run_until(world.now + 8.0)
    wide, narrow = show(world), show(world, 80)
    assert set(re.findall(r"[A-Z]+_[A-Z_]+", narrow)) == {"PROBE_OK", "PROBE_TIMEOUT"}
    assert "round trip" in wide
    assert max(map(len, narrow.splitlines())) <= 80


def test_what_is_well_is_counted_where_a_terminal_has_not_as_many_lines() -> None:
    """Whoever looks at night looks for what is not."""
    world = World(stage(f"anna/{','.join(f't{n}' for n in range(40))}"), probe=Probe(every=1.0))
    world.run_until(5.0)
    for gone in ("t7", "t31"):
        world.set_port(gone, Port.GONE)
    world.run_until(world.now + 8.0)
    status = collect_status(world.engine, world.now)

    def lines(*, terminal: bool = True, whole: bool = False) -> list[str]:
        out = io.StringIO()
        console = Console(file=out, width=100, height=24, force_terminal=terminal, no_color=True, highlight=False)
        print_status(status, console, whole=whole)
        return [re.sub(r"\x1b\[\d*m", "", line).rstrip() for line in out.getvalue().splitlines()]

    short = lines()
    assert [line.split()[:2] for line in short if line.startswith("t")][1:3] == [["t7", "down"], ["t31", "down"]]
    assert "38 more trunks are up: --all shows them" in short
    assert len(short) <= 23
    for everything in (lines(whole=True), lines(terminal=False)):
        assert sum(line.split()[1:2] == ["up"] for line in everything) == 38
        assert "--all" not in " ".join(everything)


def test_nothing_that_others_wrote_is_taken_for_colours() -> None:
    """Reasons of registrars and names of hosts may hold whatever they like, and addresses begin with a letter."""
    world = World(stage("anna/t1"))
    status = collect_status(world.engine, world.now)
    wild = "[/red] [fd00::20] [bold]"
    status["trunks"][0] |= {"address": f"udp:{wild}:5060"}
    status["listen"] = [wild]
    status["registrations"] = [
        {"trunk": "t1", "bound": False, "for": 1.0, "left": None, "account": wild, "registrar": wild, "why": wild}
    ]
    status["names"] = [{"name": "t1", "answered": None, "next": 1.0, "stale": True, "addresses": [wild], "why": wild}]
    console = Console(width=1000, record=True, highlight=False, file=io.StringIO())
    print_status(status, console)
    assert console.export_text().count(wild) == 7


def test_times_have_the_unit_that_suits_them() -> None:
    assert [show_span(seconds) for seconds in (0.25, 1.5, 59.0, 61.0, 3700.0, 200_000.0)] == [
        "250 ms",
        "1.50 s",
        "59 s",
        "1 min 01 s",
        "1 h 01 min",
        "2 d 7 h",
    ]


def test_the_name_of_a_call_can_be_searched_for_on_the_wire() -> None:
    world = World(stage("anna/t1"))
    world.behave("anna", Script())
    call = world.call()
    world.calm()
    name = world.record(call).offer.id
    assert re.fullmatch(rf"{re.escape(call)};z9hG4bK[^;]+;198\.51\.100\.1:5060", name)
