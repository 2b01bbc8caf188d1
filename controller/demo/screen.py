"""All that the demo prints: calm lines that scroll, aligned, times in ms; on a terminal a board stays below them.

Owns words, columns and colours. A colour always means something (green works, red does not, yellow is in doubt), and
none is needed to understand a line. Piped output has no control codes and is 100 columns wide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from controller import __version__, clock
from controller.demo.board import STATE_COLOURS, grid
from controller.demo.codes import Code, Send
from controller.demo.show import Show
from controller.demo.testbed import Outcome, Sign
from sip.builder import REASONS

WIDTH = 100
PATH_WIDTH = 25  # "anna-mobile via carrier-a"

#: What became of an attempt, by its cause in the daemon's log.
_WORDS = {
    "TRANSPORT_ERROR": "port closed",
    "NO_REPLY": "no reply in time",
    "NO_PROGRESS": "did not ring in time",
    "NO_ANSWER": "rang, nobody answered",
    "TRUNK_DOWN": "trunk found dead",
    "WITHDRAWN": "the caller hung up",
    "HEDGE_RELEASED": "not needed: the silent one came to life",
}

_STEPS = ("suspect", "canary", "rising")
#: What became of a message, by the code of its outcome.
_OUTCOMES: Mapping[str, str] = {}


class Screen:
    """The demo's side of the terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or _open_console()
        self._board: Live | None = None
        self._scrolls = False  # whether changes are told as they come
        self._told: dict[str, str] = {}  # the last state of each that is worth a line

    # -- the story

    def say(self, text: str, indent: int = 0) -> None:
        """A remark."""
        self.console.print(Text(" " * indent + text, "dim"))

    def show_scene(self, show: Show) -> None:
        """Who plays."""
        testbed = show.testbed
        self.console.print(Text.assemble((f"callward {__version__}", "bold"), "   a call fails over before your eyes"))
        self.console.print()
        parts = grid((3, 11, 11, 0))
        parts.add_row("", "callward", f"udp :{testbed.listen.port}", f"the daemon itself, pid {testbed.daemon.pid}")
        for part in show.controls.show():
            parts.add_row("", part["name"], part["where"], f"simulated; leads to {part['leads_to']}")
        self.console.print(parts)
        self.console.print()
        for route in testbed.dialplan.routes.values():
            stages = testbed.dialplan.chains[route.chain].stages
            people = (" and ".join(target.endpoint for target in stage.targets) for stage in stages)
            self.say(f"{route.did} rings {', then '.join(people)}", indent=5)
        self.say("a code for Anna goes by WhatsApp, then SMS, then mail", indent=5)
        self.say(f"as {_nearby(show.file)} says", indent=5)

    def show_act(self, title: str, number: int | None = None) -> None:
        """What happens now, to which the times below it are relative; calls are numbered."""
        self.console.print()
        self.console.print(Text(f"  {number or ' '}  {title}", "bold"))

    def show_call(self, outcome: Outcome) -> None:
        """The call as a timeline from the INVITE on: whom callward tried, and what the caller noticed."""
        table = _timeline()
        record, call = outcome.record or {}, outcome.call
        rows: list[tuple[float, Text | str, Text]] = []
        for skipped in record.get("skipped", ()):
            path, _, why = skipped.partition(": ")
            table.add_row("", Text(path, "dim"), Text(f"passed over: {why}", "dim"))
        rows += [(a["at"], a["path"], _fate(a, record["winner"])) for a in record.get("attempts", ())]
        if call.rang is not None:
            rows.append((call.rang - call.started, "the caller", Text("hears ringing")))
        rows.append(_ending(outcome))
        for at, who, what in sorted(rows, key=lambda row: row[0]):
            table.add_row(_ms(at), who, what)
        self.console.print(table)

    def show_notice(self, name: str, sign: Sign, seconds: float) -> None:
        """That the daemon noticed what was done to a trunk, and how soon."""
        table = _timeline()
        what = Text.assemble((sign.state, STATE_COLOURS.get(sign.state, "")), f": {sign.why}")
        table.add_row(_ms(seconds), name, what)
        self.console.print(table)

    def show_remark(self, text: str) -> None:
        """A remark beside the timeline."""
        table = _timeline()
        table.add_row("", "", Text(text, "dim"))
        self.console.print(table)

    def show_problem(self, problem: str) -> None:
        """Something that should not be."""
        self.console.print(Text(f"     wrong: {problem}", "red"))

    def show_code(self, code: Code) -> None:
        """A message as a timeline from the request on: whom callward tried, and when it arrived."""
        table = _timeline()
        for send in code.sends:
            table.add_row(_ms(send.started), _way(send), _fate_of(send, code))
        if code.status == "completed":
            table.add_row(_ms(code.seconds), "Anna", Text("has the code", "green"))
        else:
            table.add_row(_ms(code.seconds), "Anna", Text(f"has no code: {code.reason or code.status}", "red"))
        self.console.print(table)

    def show_end(self, outcomes: list[Outcome], codes: list[Code], problems: list[str]) -> None:
        """The sum of it."""
        answered = [outcome.call for outcome in outcomes if outcome.call.status == 200]
        rang = [call.rang - call.started for call in answered if call.rang is not None]
        self.console.print()
        if problems:
            self.console.print(Text(f"{len(problems)} of the demo's expectations failed:", "bold red"))
            for problem in problems:
                self.console.print(Text(f"   {problem}", "red"))
            return
        self.console.print(
            Text.assemble(
                (f"{len(answered)} of {len(outcomes)} calls answered", "bold green"),
                f" where they should be; the slowest rang after {_ms(max(rang, default=0.0))}",
            )
        )
        arrived = [code for code in codes if len(code.arrived) == 1]
        self.console.print(
            Text.assemble((f"{len(arrived)} of {len(codes)} codes arrived", "bold green"), ", each of them once")
        )

    # -- afterwards

    def show_beginning(self, show: Show, opened: str) -> None:
        """The story is over, the demo goes on. ``opened``: by what the console was opened, if it was."""
        self.console.print()
        self.say(
            "From here on calls and codes come by themselves. Break what you like, here (type help) or in the console:"
        )
        self.console.print(Text(f"  {show.link}", "bold"), soft_wrap=True)
        self.say(f"{opened} opens it. " * bool(opened) + "The same in another terminal:", indent=2)
        self.console.print(Text(f"  callward top --state-dir {show.state_dir}"), soft_wrap=True)
        self.console.print()
        self._scrolls = True

    def show_change(self, name: str, sign: Sign) -> None:
        """What callward says of a trunk or provider has changed; steps on the way there or back are on the board alone."""
        if sign.state not in _STEPS and self._told.get(name) != sign.state:
            self._told[name] = sign.state
            if self._scrolls:
                self._log(
                    name, Text.assemble((f"{sign.state:<8}", STATE_COLOURS.get(sign.state, "")), (sign.why, "dim"))
                )
        self.refresh_board()

    def show_page(self, what: str, title: str) -> None:
        """Whoever is on call is told."""
        if self._scrolls:
            self._log("pager", Text(title, "red" if what == "trigger" else "green"))
            self.refresh_board()

    def show_line_of_call(self, number: int, outcome: Outcome) -> None:
        """A call in a line, and a line for each attempt that failed."""
        record, call = outcome.record or {}, outcome.call
        winner = record.get("winner")
        if call.status == 200 and call.answered is not None and call.rang is not None:
            rang, answered = _ms(call.rang - call.started), _ms(call.answered - call.started)
            what = Text.assemble(
                (f"{winner or 'somebody':<{PATH_WIDTH}}", "green"), f"  rang {rang}, answered {answered}"
            )
        else:
            what = Text("nobody answered: the caller ").append(_ending(outcome)[2])
        self._log(f"call {number}", what)
        for attempt in record.get("attempts", ()):
            if attempt["path"] != winner:
                self._log("", Text(f"{attempt['path']:<{PATH_WIDTH}}  ", "dim").append(_fate(attempt, winner)))
        self.refresh_board()

    def show_line_of_code(self, number: int, code: Code) -> None:
        """A message in a line, and a line for each send before that by which it arrived."""
        if code.status == "completed":
            won = next(send for send in code.sends if send.provider == code.winner)
            what = Text.assemble((f"{_way(won):<{PATH_WIDTH}}", "green"), f"  arrived {_ms(code.seconds)}")
        else:
            what = Text(f"did not arrive: {code.reason or code.status}", "red")
        self._log(f"code {number}", what)
        for send in code.sends:
            if send.provider != code.winner:
                self._log("", Text(f"{_way(send):<{PATH_WIDTH}}  ", "dim").append(_fate_of(send, code)))
        self.refresh_board()

    def show_done(self, who: str, what: str) -> None:
        """A command, as it was understood, and by whom."""
        self._log(who, Text(what, "bold"))

    def show_mistake(self, text: str) -> None:
        """A command that cannot be obeyed."""
        self._log("", Text(text, "yellow"))

    def show_help(self, commands: Mapping[str, str]) -> None:
        """What can be typed."""
        for command, meaning in commands.items():
            self._log("", Text.assemble(f"{command:<15}", (meaning, "dim")))

    def show(self, what: RenderableType) -> None:
        """Something drawn, once."""
        self.console.print(what)

    @contextmanager
    def open_board(self, draw: Callable[[], RenderableType]) -> Iterator[None]:
        """Keep what is drawn below what scrolls; on a pipe there is no such place."""
        if not self.console.is_terminal:
            yield
            return
        with Live(
            get_renderable=draw,
            console=self.console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as self._board:
            try:
                yield
            finally:
                self._board = None

    def refresh_board(self) -> None:
        """Draw the board anew, if there is one."""
        if self._board is not None:
            self._board.refresh()

    def _log(self, who: str, what: Text) -> None:
        """A line below the story; without ``who`` it belongs to the one before."""
        moment = datetime.fromtimestamp(clock.epoch(), UTC).astimezone().strftime("%H:%M:%S")
        table = grid((8, 9, 0), right=0)
        table.add_row(Text(moment if who else "", "dim"), who, what)
        self.console.print(Padding(table, (0, 0, 0, 2), expand=False))


def _ending(outcome: Outcome) -> tuple[float, str, Text]:
    """The last row of a call's timeline."""
    call = outcome.call
    if call.status == 200 and call.answered is not None:
        who = next((path.endpoint for path, rung in outcome.rung if rung.answered is not None), "somebody")
        return call.answered - call.started, "the caller", Text(f"talks to {who}", "green")
    at = (call.ended or call.started) - call.started
    return at, "the caller", Text(f"gets {call.status} {REASONS.get(call.status, '')}".rstrip(), "red")


def _fate(attempt: dict[str, Any], winner: str | None) -> Text:
    """What became of one attempt."""
    cause, milestone = attempt["cause"], attempt["milestone"]
    if not cause and attempt["path"] == winner:
        return Text("rings")
    if cause in ("COMPLETED_ELSEWHERE", "TRUNK_DOWN") and milestone == "none":
        return Text("no reply", "yellow")
    if cause == "COMPLETED_ELSEWHERE":
        return Text("stopped: somebody else answered", "yellow")
    if cause.isdigit():
        return Text(f"{cause} {REASONS.get(int(cause), '')}".rstrip(), "yellow")
    return Text(_WORDS.get(cause, cause), "yellow")


def _way(send: Send) -> str:
    return f"{send.channel} via {send.provider}"


def _fate_of(send: Send, code: Code) -> Text:
    """What became of one send."""
    if send.provider == code.winner:
        return Text("takes it")
    return Text(_OUTCOMES.get(send.outcome, send.outcome.lower().replace("_", " ")), "yellow")


def _nearby(file: Path) -> Path:
    """The way to a file from here, where it is below us."""
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _timeline() -> Table:
    """Columns: when, who, what."""
    return grid((10, PATH_WIDTH, 0), right=0)


def _open_console() -> Console:
    console = Console(highlight=False, emoji=False)
    if not console.is_terminal:
        return Console(highlight=False, emoji=False, width=WIDTH)
    console.width = min(console.width, WIDTH)
    return console
