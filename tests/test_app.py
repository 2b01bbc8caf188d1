"""The daemon's lifecycle: all that can fail fails before anything listens, and says so."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path as File

import pytest

from controller.addresses import AddressError, place_trunks
from controller.app import App, StartError
from controller.compiled import Compiled
from controller.inputs import Inputs
from controller.types import Chain, Dialplan, Dns, Listen, Path, Route, Stage, Target, Trunk
from sip.transaction import Hop


def dialplan(host: str = "127.0.0.1", port: int = 0) -> Dialplan:
    """One trunk, one chain."""
    path = Path("desk via pbx", "desk", "pbx", "sip:100@127.0.0.1:5071")
    return Dialplan(
        "v1",
        (Listen("127.0.0.1", port, where="plan.yaml:2"),),
        {"pbx": Trunk("pbx", host, 5071, where="plan.yaml:4")},
        {"main": Chain("main", (Stage((Target("desk", (path,)),)),))},
        {},
        Route("*", "main"),
    )


def test_name_of_a_trunk_is_looked_up_before_the_first_call() -> None:
    assert place_trunks(dialplan("localhost"), {}).hops == {"pbx": Hop("127.0.0.1", 5071)}


def test_trunk_that_cannot_be_resolved_is_named_with_its_place() -> None:
    with pytest.raises(
        AddressError, match=r"plan\.yaml:4: cannot resolve 'nowhere\.invalid' of trunk 'pbx': .*check the name"
    ):
        place_trunks(replace(dialplan("nowhere.invalid"), dns=Dns((("127.0.0.1", 9),), timeout=0.2)), {})


def test_taken_port_is_named_and_nothing_stays_open(tmp_path: File) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        app = App(Compiled(dialplan(port=taken.getsockname()[1]), "", Inputs()), tmp_path, tmp_path / "plan.yaml")
        with pytest.raises(
            StartError, match=r"plan\.yaml:2: cannot listen on udp 127\.0\.0\.1:\d+: Address already in use"
        ):
            app.build()


def test_spoilt_key_file_stops_the_start(tmp_path: File) -> None:
    (tmp_path / "keys.json").write_text("{")
    with pytest.raises(StartError, match="not a key file"):
        App(Compiled(dialplan(), "", Inputs()), tmp_path, tmp_path / "plan.yaml").build()


def test_stop_twice_is_harmless(tmp_path: File) -> None:
    app = App(Compiled(dialplan(), "", Inputs()), tmp_path, tmp_path / "plan.yaml")
    app.build()
    app.stop()
    app.stop()


def test_every_turn_of_the_pump_follows_the_wall_clock(tmp_path: File) -> None:
    app = App(Compiled(dialplan(), "", Inputs()), tmp_path, tmp_path / "plan.yaml")
    app.build()
    plane = app.engine.plane
    right, plane.epoch_offset = plane.epoch_offset, 0.0  # as after an NTP step, or a VM that slept
    app.endpoint.pump()
    assert plane.epoch_offset == pytest.approx(right, abs=60.0)
    app.stop()
