"""A trunk that refuses our credentials: tried behind others for a while, and at once when the dialplan has others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.credentials import Accounts
from controller.engine import REFUSED_FOR
from controller.types import Auth, TargetState, Trunk
from tests.planes.strict import CALLEE, CALLER, PASSWORD, USER, Habits, Table


class Scene:
    """A carrier that lets nobody in who has the dialplan's password."""

    def __init__(self) -> None:
        self.table = Table(Habits(), Habits(asks=True, fresh=1000), 1, password="wrong")

    def call(self) -> int:
        """How a call ends for its caller."""
        caller = self.table.caller
        caller.call(self.table.now)
        self.table.settle(10.0)
        return caller.finals["INVITE", caller.cseq]

    @property
    def state(self) -> TargetState:
        return self.table.engine.board.view.trunks["out"].state


def refused() -> Scene:
    scene = Scene()
    for state in (TargetState.UP, TargetState.DEGRADED):
        assert scene.call() == 480
        assert scene.state is state
    return scene


def test_two_refusals_in_a_row_degrade_a_trunk_for_a_minute() -> None:
    scene = refused()
    scene.table.settle(REFUSED_FOR)
    assert scene.state is TargetState.UP
    assert scene.call() == 480
    assert scene.state is TargetState.DEGRADED, "none was let in between"


def test_another_password_is_tried_at_once() -> None:
    scene = refused()
    table = scene.table
    out = replace(table.dialplan.trunks["out"], auth=Auth(USER, PASSWORD))
    dialplan = replace(table.dialplan, trunks={**table.dialplan.trunks, "out": out})
    table.engine.reload(dialplan, {"in": CALLER, "out": CALLEE}, table.now)
    assert scene.state is TargetState.UP
    table.callee.faults.clear()
    assert scene.call() == 200
    assert scene.state is TargetState.UP


@pytest.mark.parametrize(("auth", "same"), [(Auth("a", "b"), True), (Auth("a", "c"), False), (None, False)])
def test_what_is_known_of_a_trunk_outlives_a_reload_that_changes_nothing(auth: Auth | None, same: bool) -> None:
    accounts = Accounts(str)
    accounts.swap({"t": Trunk("t", "192.0.2.1", 5060, auth=Auth("a", "b"))})
    before = accounts.find("t")
    assert before is not None
    accounts.swap({"t": Trunk("t", "192.0.2.1", 5060, auth=auth)})
    assert (accounts.find("t") is before) == same


def test_addresses_of_one_name_share_an_account() -> None:
    accounts = Accounts(str)
    names = ("t/192.0.2.1:5060", "t/192.0.2.2:5060")
    accounts.swap({name: Trunk(name, "192.0.2.1", 5060, auth=Auth("a", "b")) for name in names})
    one, other = map(accounts.find, names)
    assert one is not None
    assert one is other
    assert accounts.find("u") is None
