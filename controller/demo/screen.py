"""All that the demo prints: calm lines that scroll, aligned, times in ms; on a terminal a board stays below them.

Owns words, columns and colours. A colour always means something (green works, red does not, yellow is in doubt), and
none is needed to understand a line. Piped output has no control codes and is 100 columns wide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from controller import __version__, clock
from controller.demo.boxes import Condition
from controller.demo.keyboard import Keyboard
from controller.demo.testbed import Outcome, Testbed, TrunkSign
from sip.builder import REASONS

WIDTH = 100
PATH_WIDTH = 25  # "anna-mobile via carrier-a"
PROMPT = "kill, silence or revive a trunk · call · status · help · quit"

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
_STATE_COLOURS = {"up": "green", "down": "red", "suspect": "yellow", "degraded": "yellow"}


class Screen:
    """The demo's side of the terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or _open_console()
        self._board: Live | None = None
        self._scrolls = False  # whether changes of trunks are told as they come

    # -- the story

    def say(self, text: str, indent: int = 0) -> None:
        """A remark."""
        self.console.print(Text(" " * indent + text, "dim"))

    def show_scene(self, testbed: Testbed) -> None:
        """Who plays."""
        listen = testbed.listen
        self.console.print(Text.assemble((f"callward {__version__}", "bold"), "   a call fails over before your eyes"))
        self.console.print()
        daemon = _grid((3, 11, 16, 0))
        daemon.add_row("", "callward", f"udp :{listen.port}", f"the daemon itself, pid {testbed.daemon.pid}")
        for name, box in testbed.boxes.items():
            daemon.add_row("", name, f"udp :{box.hop.port}", f"simulated; leads to {', '.join(testbed.reaches(name))}")
        self.console.print(daemon)
        self.console.print()
        for route in testbed.dialplan.routes.values():
            stages = testbed.dialplan.chains[route.chain].stages
            people = (" and ".join(target.endpoint for target in stage.targets) for stage in stages)
            self.say(f"{route.did} rings {', then '.join(people)}", indent=5)
        self.say(f"as {_nearby(testbed.file)} says", indent=5)

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

    def show_notice(self, name: str, sign: TrunkSign, seconds: float) -> None:
        """That the daemon noticed what was done to a trunk, and how soon."""
        table = _timeline()
        what = Text.assemble((sign.state, _STATE_COLOURS.get(sign.state, "")), f": {sign.why}")
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

    def show_end(self, outcomes: list[Outcome], problems: list[str]) -> None:
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

    # -- afterwards

    def show_beginning(self, every: float) -> None:
        """The story is over, the demo goes on."""
        self.console.print()
        self.say(f"From here on a call every {every:.0f} s. Break what you like: type help. Ctrl-C ends it.")
        self.console.print()
        self._scrolls = True

    def show_trunk(self, name: str, sign: TrunkSign) -> None:
        """A change of a trunk, as it comes."""
        if self._scrolls and sign.state != "suspect":
            self._log(name, Text.assemble((f"{sign.state:<8}", _STATE_COLOURS.get(sign.state, "")), (sign.why, "dim")))
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

    def show_typed(self, line: str) -> None:
        """A command, as it was understood."""
        self._log("you", Text(line, "bold"))

    def show_mistake(self, text: str) -> None:
        """A command that cannot be obeyed."""
        self._log("", Text(text, "yellow"))

    def show_help(self, commands: Mapping[str, str]) -> None:
        """What can be typed."""
        for command, meaning in commands.items():
            self._log("", Text.assemble(f"{command:<15}", (meaning, "dim")))

    def show_status(self, testbed: Testbed) -> None:
        """The board, once."""
        self.console.print(_trunks(testbed))

    @contextmanager
    def open_board(self, testbed: Testbed, keyboard: Keyboard) -> Iterator[None]:
        """Keep the trunks and the prompt below what scrolls; on a pipe there is no such place."""
        if not self.console.is_terminal:
            yield
            return

        def draw() -> RenderableType:
            typed = Text(keyboard.typed, "bold") if keyboard.typed else Text(PROMPT, "dim")
            prompt = [Text("\n  > ").append(typed)] if keyboard.prompt else []
            return Group("", _trunks(testbed), *prompt)

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
        table = _grid((8, 9, 0), right=0)
        table.add_row(Text(moment if who else "", "dim"), who, what)
        self.console.print(Padding(table, (0, 0, 0, 2), expand=False))


def _trunks(testbed: Testbed) -> Table:
    """How the trunks are, and what the daemon thinks of them."""
    now = clock.monotonic()
    table = _grid((1, 12, 14, 20, 0))
    table.add_row("", *(Text(word, "dim") for word in ("trunk", "simulated as", "callward says", "leads to")))
    for name, box in testbed.boxes.items():
        sign = testbed.signs[name]
        broken = "" if box.condition is Condition.RUNNING else "red"
        table.add_row(
            "",
            name,
            Text(box.condition.value, broken),
            Text.assemble((f"{sign.state:<8}", _STATE_COLOURS.get(sign.state, "")), f" {_duration(now - sign.at):>6}"),
            Text(", ".join(testbed.reaches(name)), "dim"),
        )
    return table


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
    if cause == "COMPLETED_ELSEWHERE":
        return Text("no reply" if milestone == "none" else "stopped: somebody else answered", "yellow")
    if cause.isdigit():
        return Text(f"{cause} {REASONS.get(int(cause), '')}".rstrip(), "yellow")
    return Text(_WORDS.get(cause, cause), "yellow")


def _nearby(file: Path) -> Path:
    """The way to a file from here, where it is below us."""
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _timeline() -> Table:
    """Columns: when, who, what."""
    return _grid((10, PATH_WIDTH, 0), right=0)


def _grid(widths: tuple[int, ...], right: int | None = None) -> Table:
    """Columns of these widths; 0 takes what is left. ``right`` is the column set flush right."""
    table = Table.grid(padding=(0, 2))
    for index, width in enumerate(widths):
        justify: Any = "right" if index == right else "left"
        table.add_column(width=width or None, justify=justify, overflow="fold")
    return table


def _open_console() -> Console:
    console = Console(highlight=False, emoji=False)
    if not console.is_terminal:
        return Console(highlight=False, emoji=False, width=WIDTH)
    console.width = min(console.width, WIDTH)
    return console
