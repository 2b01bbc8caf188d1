"""The commands that send and look: `callward send` and `callward cascades`, over the API.

Owns arguments and output only, and which exit code says what.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from controller.cli_messages import API_EXITS, DEFAULT_URL, TokenFile, Url, ask_api, or_end, read_person, read_token
from controller.command.asking import AsJson, end, make_console, print_json
from controller.command.manner import Section, add
from controller.exits import FINDINGS, OK, USAGE


def add_commands(cli: typer.Typer) -> None:
    """Put them beside the others."""
    more = {FINDINGS: "the API refuses; with --wait, or it did not arrive"}
    add(
        cli, send, Section.MESSAGES, "callward send +14155550100 --cascade otp --param code=481516 --wait",
        exits=API_EXITS | more, shape="{id, status, expires, ...}; with --wait a line for each event, then the cascade",
    )  # fmt: skip
    add(
        cli, cascades, Section.MESSAGES, "callward cascades --status exhausted", "callward cascades ID --cancel",
        exits=API_EXITS | more, shape="{cascades: [...], next}; of one {cascade, plan, skipped, events, ...}",
    )  # fmt: skip


def send(
    to: Annotated[str, typer.Argument(metavar="NUMBER|ADDRESS", help="to whom; - reads it from standard input")],
    cascade: Annotated[str, typer.Option(metavar="NAME", help="a cascade of the dialplan")] = "",
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="of the template: code=1234; @FILE as value reads a file"),
    ] = None,
    template: Annotated[str, typer.Option(metavar="NAME", help="default: the one named as the cascade")] = "",
    text: Annotated[str, typer.Option(help="instead of a template")] = "",
    also: Annotated[
        str, typer.Option(metavar="NUMBER|ADDRESS", help="of the same person: mail beside the number, or the other way")
    ] = "",
    language: Annotated[str, typer.Option(metavar="TAG", help="of the template: de, en-GB")] = "",
    use_case: Annotated[str, typer.Option(metavar="NAME", help="what for; policies may ask for it")] = "",
    premium: Annotated[bool, typer.Option("--premium", help="of the premium class")] = False,
    window: Annotated[str, typer.Option(metavar="TIME", help="nothing is sent after it: 3m")] = "",
    key: Annotated[str, typer.Option(metavar="TEXT", help="Idempotency-Key: the same key sends once")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="until it is over; exit code 1 if it did not arrive")] = False,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Send one message by every channel that it takes."""
    person = read_person(to)
    if also:
        other = read_person(also)
        if set(other) & set(person):
            end("--also: give an address of mail beside a number, or a number beside an address", USAGE)
        person |= other
    body: dict[str, Any] = {"to": person, "params": _read_params(param or [])}
    given = {"cascade": cascade, "template": template, "text": text, "language": language, "use_case": use_case}
    body |= {name: value for name, value in given.items() if value}
    if premium:
        body["class"] = "premium"
    if window:
        body["window_s"] = _read_window(window)
    receipt = ask_api(url, token_file, "POST", "/v1/cascades", body, {"Idempotency-Key": key} if key else None)
    if wait:
        _wait(url, token_file, receipt["id"], as_json=as_json)
    elif as_json:
        print_json(receipt)
    else:
        typer.echo(f"{receipt['id']}: {receipt['status']}, until {receipt['expires']} at the latest")


def cascades(
    cascade: Annotated[str, typer.Argument(metavar="ID", help="one of them, with its attempts")] = "",
    status: Annotated[
        str, typer.Option(metavar="WORD", help="only active, completed, exhausted, cancelled or refused ones")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="so many, the newest first")] = 20,
    before: Annotated[str, typer.Option(metavar="ID", help="older ones than this")] = "",
    cancel: Annotated[bool, typer.Option("--cancel", help="send nothing more for this one")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="until it is over, as it happens")] = False,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """List messages, or show what became of one.

    Where it went, why, and what came of each attempt.
    """
    from urllib.parse import quote, urlencode

    from controller.cascade_table import print_cascade, print_cascades

    if not cascade:
        if cancel or wait:
            end("--cancel and --wait are for one cascade: give its id", USAGE)
        asked = {"limit": limit, "status": status, "before": before}
        query = urlencode({name: value for name, value in asked.items() if value})
        page = ask_api(url, token_file, "GET", f"/v1/cascades?{query}")
        if as_json:
            print_json(page)
        else:
            print_cascades(page, make_console())
        return
    here = f"/v1/cascades/{quote(cascade, safe='')}"
    if cancel:
        ask_api(url, token_file, "POST", f"{here}/cancel")
    if wait:
        _wait(url, token_file, cascade, as_json=as_json)
        return
    found = ask_api(url, token_file, "GET", f"{here}/explain")
    if as_json:
        print_json(found)
    else:
        print_cascade(found, make_console())


def _wait(url: str, token_file: Path | None, cascade_id: str, *, as_json: bool) -> None:
    """Follow it to its end, and say by the exit code whether it arrived."""
    from urllib.parse import quote

    from controller.api.client import follow
    from controller.cascade_table import print_cascade, print_event

    console = make_console()
    here = f"/v1/cascades/{quote(cascade_id, safe='')}"

    def listen() -> None:
        first = ""
        for kind, data in follow(url, read_token(token_file), f"{here}/events"):
            if kind == "end":
                return
            if as_json:
                typer.echo(json.dumps(data))
            else:
                first = first or data["at"]
                print_event(data, first, console)
            sys.stdout.flush()

    or_end(listen)
    found = ask_api(url, token_file, "GET", f"{here}/explain")
    if as_json:
        typer.echo(json.dumps(found["cascade"]))
    else:
        console.print()
        print_cascade(found, console)
    raise typer.Exit(OK if found["cascade"]["status"] == "completed" else FINDINGS)


def _read_params(given: list[str]) -> dict[str, str]:
    params = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name:
            end("--param: write it as NAME=VALUE, code=1234", USAGE)
        if value.startswith("@"):
            path = Path(value[1:])
            try:
                value = path.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                end(f"{path}: {getattr(error, 'strerror', None) or 'not a text'}", USAGE)
        params[name] = value
    return params


def _read_window(text: str) -> float:
    from controller.config.diagnostics import Mistake
    from controller.config.duration import parse_duration

    try:
        return parse_duration(text)
    except Mistake as mistake:
        end(f"--window: {mistake.message}; {mistake.hint}", USAGE)
