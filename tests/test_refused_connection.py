"""A refused TCP connection on real sockets, all the way: stream, engine, prober, board. Nothing sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path as File

from bench.drills import TcpAgent
from controller.app import App
from controller.compiled import Compiled
from controller.inputs import Inputs
from controller.types import Chain, Dialplan, Listen, Path, Probe, Route, Stage, Target, TargetState, Transition, Trunk

PATIENCE = 20.0  # seconds; only what is broken ever waits for so long


def dialplan(port: int) -> Dialplan:
    path = Path("desk via pbx", "desk", "pbx", f"sip:100@127.0.0.1:{port};transport=tcp")
    return Dialplan(
        "v1",
        (Listen("127.0.0.1", 0, "tcp"),),  # and nothing on UDP
        {"pbx": Trunk("pbx", "127.0.0.1", port, "tcp", probe=Probe(every=0.1))},
        {"main": Chain("main", (Stage((Target("desk", (path,)),)),))},
        {},
        Route("*", "main"),
    )


async def live_and_die(folder: File, port: int) -> list[Transition]:
    """A trunk answers, then its listener goes away with all connections, then it comes back."""
    loop, turned = asyncio.get_running_loop(), asyncio.Event()
    app = App(Compiled(dialplan(port), "", Inputs()), folder, folder / "plan.yaml")
    app.build()
    app.endpoint.on_turn = turned.set
    app.streams[0].start(app.engine, loop, app.endpoint.pump)
    app.endpoint.start(app.engine, loop)

    async def until(condition: Callable[[], bool]) -> None:
        while not condition():
            turned.clear()
            await asyncio.wait_for(turned.wait(), PATIENCE)

    def is_in(state: TargetState) -> Callable[[], bool]:
        return lambda: app.engine.board.view.trunks["pbx"].state is state

    agent = TcpAgent()
    await agent.start(port)
    try:
        await until(is_in(TargetState.UP))
        agent.close()
        await until(is_in(TargetState.DOWN))
        agent = TcpAgent()
        await agent.start(port)
        await until(is_in(TargetState.UP))
    finally:
        agent.close()
        app.stop()
    return [item for item in app.engine.news if isinstance(item, Transition)]


def test_refused_connection_is_down_at_once_and_up_when_it_is_taken_again(tmp_path: File, free_port: int) -> None:
    news = asyncio.run(live_and_die(tmp_path, free_port))
    down = next(item for item in news if item.new is TargetState.DOWN)
    assert down.old in (TargetState.UP, TargetState.SUSPECT), "suspected when a probe was cut off on its way"
    assert down.code == "PORT_CLOSED"
    assert down.why.startswith("the connection was refused, nothing heard for ")
    assert news[-1].new is TargetState.UP
