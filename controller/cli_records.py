"""The commands about calls that were, and those of this moment: `callward calls` and `callward ladder`.

Owns arguments and output only. What is kept is read from its file, whether a daemon runs or not; cascades are asked for over the
API. Numbers are masked unless somebody asks for them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from controller.cli_messages import DEFAULT_URL, TokenFile, Url, ask_api
from controller.command.asking import AsJson, StateDir, ask_daemon, complete_trunk, end, make_console, print_json
from controller.command.manner import Section, add
from controller.exits import FINDINGS, UNREACHABLE, USAGE
from controller.files import DEFAULT_STATE_DIR

if TYPE_CHECKING:
    from controller.records.reading import Reader, Wanted

T = TypeVar("T")
Numbers = Annotated[bool, typer.Option("--numbers", help="show the numbers of people as they are")]
_ID = "a number of the list, or a Call-ID or its beginning"


def add_commands(cli: typer.Typer) -> None:
    """Put them beside the others."""
    add(
        cli, calls, Section.CALLS, "callward calls --failed --since 2h", "callward calls --live",
        "callward calls 17 --pcap call.pcap",
        exits={FINDINGS: "no such call, or none of its messages are kept", UNREACHABLE: "nothing is kept there"},
        shape="{calls: [{id, ...}]}; with --live {ringing, up, ...}; with --pcap {file, messages}; with --erase {calls}",
    )  # fmt: skip
    add(
        cli, ladder, Section.CALLS, "callward ladder 17",
        exits={FINDINGS: "no such call is kept", UNREACHABLE: "nothing is kept there; of a cascade: nobody answers"},
        shape="{ladder, ...}; of a cascade {cascade, ladder}",
    )  # fmt: skip


def calls(  # what people ask for
    call: Annotated[str, typer.Argument(metavar="CALL", help=f"with --pcap: {_ID}")] = "",
    did: Annotated[str, typer.Option(metavar="NUMBER", help="called by this number")] = "",
    caller: Annotated[str, typer.Option("--from", metavar="NUMBER", help="from this number")] = "",
    status: Annotated[str, typer.Option(metavar="CODE", help="that ended so: 486, 5xx")] = "",
    trunk: Annotated[
        str, typer.Option(metavar="TRUNK", help="from or over this trunk", autocompletion=complete_trunk)
    ] = "",
    since: Annotated[str, typer.Option(metavar="TIME", help="of the last 2h, 30m, 7d")] = "",
    failed: Annotated[
        bool, typer.Option("--failed", help="nobody answered, or somebody else after the first way tried was lost")
    ] = False,
    before: Annotated[int | None, typer.Option(metavar="CALL", help="older than this number of the list")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="so many, the newest first")] = 20,
    live: Annotated[bool, typer.Option("--live", help="those of this moment instead")] = False,
    pcap: Annotated[Path | None, typer.Option(metavar="FILE", help="write the SIP messages of CALL to a file")] = None,
    erase: Annotated[
        str, typer.Option(metavar="NUMBER", help="take all calls of this number out of what is kept")
    ] = "",
    numbers: Numbers = False,
    state_dir: StateDir = DEFAULT_STATE_DIR,
    as_json: AsJson = False,
) -> None:
    """List calls: who called, who answered, and why not.

    The newest first. What became of each attempt of one of them: callward ladder CALL.
    """
    from controller.records.reading import Reader, Wanted

    if bool(call) != (pcap is not None):
        end("CALL goes with --pcap FILE; to look at one call: callward ladder CALL", USAGE)
    if erase:
        _erase(state_dir, erase, as_json=as_json)
    elif live:
        _show_live(state_dir, numbers=numbers, as_json=as_json)
    elif pcap is not None:
        _write_pcap(Reader(state_dir), call, pcap, as_json=as_json)
    else:
        _read_status(status)
        wanted = Wanted(did, caller, trunk, status.lower(), _read_since(since), failed, before, limit)
        _list(Reader(state_dir), wanted, numbers=numbers, as_json=as_json)


def ladder(
    call: Annotated[str, typer.Argument(metavar="CALL", help=f"{_ID}; or the id of a cascade")],
    numbers: Numbers = False,
    state_dir: StateDir = DEFAULT_STATE_DIR,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Draw what became of one call, or of one cascade.

    Who said what to whom and when, and why each attempt was started, skipped or lost.
    """
    from controller.messages.ids import PATTERN
    from controller.records.reading import Reader

    if PATTERN.fullmatch(call):
        _draw_cascade(ask_api(url, token_file, "GET", f"/v1/cascades/{call}/explain"), as_json=as_json)
        return
    found = _or_end(lambda: Reader(state_dir).call(call))
    if found is None:
        _end_unknown(call)
        return
    from controller.calls_table import print_head
    from controller.ladder_table import print_ladder
    from controller.records.showing import show_call

    shown = show_call(found, whole=numbers)
    if as_json:
        print_json(shown)
        return
    console = make_console()
    print_head(shown, console)
    print_ladder(shown["ladder"], console)


def _list(reader: Reader, wanted: Wanted, *, numbers: bool, as_json: bool) -> None:
    from controller.calls_table import print_calls
    from controller.masking import mask_shown

    found = _or_end(lambda: reader.calls(wanted))
    rows = found if numbers else [mask_shown(row) for row in found]
    if as_json:
        print_json({"calls": rows})
        return
    print_calls(rows, make_console())
    if len(rows) == wanted.limit:
        typer.echo(f"older ones: --before {rows[-1]['id']}")


def _show_live(state_dir: Path, *, numbers: bool, as_json: bool) -> None:
    from controller.calls_table import print_live
    from controller.masking import mask_shown

    answer = ask_daemon(state_dir, "calls")
    if not answer["ok"]:
        end(answer["text"], UNREACHABLE)
    found = answer["calls"]
    if not numbers:
        found["ringing"] = [mask_shown(row) for row in found["ringing"]]
    if as_json:
        print_json(found)
    else:
        print_live(found, make_console())


def _write_pcap(reader: Reader, call: str, path: Path, *, as_json: bool) -> None:
    from controller.records.export import write_pcap

    found = _or_end(lambda: reader.call(call))
    if found is None:
        _end_unknown(call)
        return
    if not found["messages"]:
        end("no SIP messages of that call are kept; how long they are: 'wire' of 'records'", FINDINGS)
    try:
        count = write_pcap(path, found["messages"])
    except OSError as error:
        end(f"{path}: {error.strerror}", UNREACHABLE)
    if as_json:
        print_json({"file": str(path), "messages": count})
    else:
        typer.echo(f"{path}: {count} messages")


def _erase(state_dir: Path, number: str, *, as_json: bool) -> None:
    import sqlite3

    from controller.records.store import FILE, Store

    path = state_dir / FILE
    number = _read_number(number)
    if not path.exists():
        end(f"{path}: nothing is kept there; is it another folder?", UNREACHABLE)
    store = Store(path)
    try:
        gone = store.erase(number)
    except (sqlite3.Error, OSError) as error:
        end(f"{path}: {error}; run this as the daemon's user", UNREACHABLE)
    finally:
        store.close()
    if store.aside:
        end(f"{path}: {store.aside}; it is {FILE}.unreadable now, and nothing in it is erased: delete it", UNREACHABLE)
    aside = path.with_name(f"{FILE}.unreadable")
    if aside.exists():
        typer.echo(f"{aside}: put aside before, and nothing in it is erased: delete it", err=True)
    if as_json:
        print_json({"calls": gone})
        return
    typer.echo(f"erased; {gone} call{'' if gone == 1 else 's'} knew the number")


def _read_number(text: str) -> str:
    """As it is kept: a number of a phone without what stands between its digits."""
    import re

    bare = re.sub(r"[\s().-]", "", text)
    if not re.search(r"\w", bare):
        end(f"--erase: {text!r} is no number; write it as calls are listed with --numbers", USAGE)
    return bare if re.fullmatch(r"\+?[0-9]+", bare) else text


def _draw_cascade(found: dict[str, Any], *, as_json: bool) -> None:
    from controller.ladder_table import print_ladder
    from controller.records.cascade_ladder import draw_cascade

    drawn = draw_cascade(found)
    if as_json:
        print_json({"cascade": found["cascade"], "ladder": drawn})
        return
    console = make_console()
    row = found["cascade"]
    console.print(f"cascade {row['id']}: {row['status']}, begun {row['created']}")
    console.print()
    print_ladder(drawn, console)


def _end_unknown(call: str) -> None:
    end(f"no call {call!r} is kept; callward calls lists those that are", FINDINGS)


def _or_end(ask: Callable[[], T]) -> T:
    from controller.records.reading import NotKeptError

    try:
        return ask()
    except NotKeptError as error:
        end(str(error), UNREACHABLE)


def _read_status(text: str) -> None:
    import re

    if text and not re.fullmatch(r"[1-6]([0-9]{2}|xx)", text.lower()):
        end(f"--status: {text!r} is none; write 486, or 5xx for all of a class", USAGE)


def _read_since(text: str) -> float | None:
    if not text:
        return None
    from controller import clock
    from controller.config.diagnostics import Mistake
    from controller.config.messages_values import parse_keep

    try:
        return clock.epoch() - parse_keep(text)
    except Mistake as mistake:
        end(f"--since: {mistake.message}; {mistake.hint}", USAGE)
