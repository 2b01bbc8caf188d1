"""The commands about messages: each asks the API, or the store where no daemon runs.

Owns arguments and output only. Numbers and tokens are kept off the command line, where every user of the machine would read
them: a token comes from a file or the environment, a person may be read from standard input.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from controller.command.asking import AsJson, end, make_console, print_json
from controller.command.manner import Section, add
from controller.exits import FINDINGS, UNREACHABLE, USAGE

TOKEN = "CALLWARD_TOKEN"  # noqa: S105  # the name of a variable
T = TypeVar("T")
DEFAULT_URL = "http://127.0.0.1:8080"
API_EXITS = {FINDINGS: "the API refuses", UNREACHABLE: "nobody answers there"}

Url = Annotated[str, typer.Option(metavar="URL", envvar="CALLWARD_URL", help="where the API listens")]
TokenFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help=f"holds the token; else it is in the environment ({TOKEN})")
]


def add_commands(cli: typer.Typer) -> None:
    """Put them beside the others."""
    add(
        cli, stats, Section.MESSAGES, "callward stats", "callward stats --hours 1 --json | jq .all.completion_rate",
        exits=API_EXITS, shape="{since, until, all, routes, countries, operators, trend, ...}",
    )  # fmt: skip
    add(
        cli, erase, Section.MESSAGES, "callward erase +14155550100", "callward erase - < number.txt",
        exits={FINDINGS: "the API refuses", UNREACHABLE: "nobody answers there, or nothing is kept there"},
        shape="{cascades}",
    )  # fmt: skip


def stats(
    hours: Annotated[float, typer.Option(help="look at cascades accepted in so many last hours", min=0.02)] = 24.0,
    everybody: Annotated[bool, typer.Option("--all", help="of all tenants; takes the scope 'operate'")] = False,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what arrived, how fast, at what price.

    And where messages fail: by route, country and network.
    """
    from controller.stats_table import print_stats

    path = f"/v1/stats?hours={hours}&everybody={'true' if everybody else 'false'}"
    found = ask_api(url, token_file, "GET", path)
    if as_json:
        print_json(found)
    else:
        print_stats(found, make_console())


def erase(
    person: Annotated[str, typer.Argument(metavar="NUMBER|ADDRESS", help="whom; - reads it from standard input")],
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    state_dir: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="no daemon runs: take the person out of what is kept there")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take a person out of all that is kept.

    Numbers, addresses, texts, messages. What was counted stays, and that a person wants nothing more: neither tells who it was.
    """
    known_as = read_person(person)
    if state_dir is not None:
        cascades = _erase_offline(state_dir, known_as)
    else:
        cascades = int(ask_api(url, token_file, "POST", "/v1/erase", known_as)["cascades"])
    if as_json:
        print_json({"cascades": cascades})
    else:
        typer.echo(f"erased; {cascades} cascade{'' if cascades == 1 else 's'} knew the person")


def _erase_offline(state_dir: Path, known_as: dict[str, str]) -> int:
    """From SQLite in a state folder; a daemon that has it open keeps it."""
    import asyncio

    from controller import clock
    from controller.control import MESSAGES, is_served
    from controller.keyfile import KeyFileError
    from controller.messages.reducer import reduce
    from controller.privacy import BlindIndex, load_keyring
    from controller.privacy.keyring import FILE as KEYS
    from controller.store.base import StoreError
    from controller.store.opening import FILE, open_store

    async def main() -> int:
        store = open_store("", state_dir, reduce)
        await store.open()
        try:
            return await store.erase(index, clock.epoch())
        finally:
            await store.close()

    if is_served(state_dir, MESSAGES):
        end(f"a daemon runs with {state_dir}: leave --state-dir out, so that it is asked", USAGE)
    for name in (KEYS, FILE):
        if not (state_dir / name).exists():
            end(f"{state_dir / name}: there is no such file; is --state-dir another folder?", UNREACHABLE)
    try:
        index = BlindIndex(load_keyring(state_dir)).of(*next(iter(known_as.items())))
        return asyncio.run(main())
    except (KeyFileError, StoreError) as error:
        end(str(error), UNREACHABLE)


def read_person(text: str) -> dict[str, str]:
    """{"phone": ...} or {"email": ...} of an argument, or of what stands on standard input."""
    if text == "-":
        text = sys.stdin.readline()
    text = text.strip()
    if "@" in text:
        return {"email": text}
    number = "".join(sign for sign in text if sign not in " ()-./")
    if not number.startswith("+") or not number[1:].isdigit():
        end("give a number in full, as +4915112345678, or an address of mail", USAGE)
    return {"phone": number}


def ask_api(
    url: str,
    token_file: Path | None,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """The answer of the API; what is wrong ends the command."""
    from controller.api.client import ask

    return or_end(lambda: ask(url, read_token(token_file), method, path, body, headers=headers))


def or_end(act: Callable[[], T]) -> T:
    """What asking the API comes to; what is wrong is said, and ends the command."""
    from controller.api.client import Refused, Unreachable

    try:
        return act()
    except Unreachable as error:
        end(str(error), UNREACHABLE)
    except Refused as error:
        end(str(error), FINDINGS)


def read_token(token_file: Path | None) -> str:
    if token_file is None:
        token = os.environ.get(TOKEN, "").strip()
        if not token:
            end(f"there is no token: set {TOKEN}, or give --token-file", USAGE)
    else:
        try:
            token = token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            end(f"{token_file}: {getattr(error, 'strerror', None) or 'not a text'}", USAGE)
    if not token.isascii() or not token.isprintable() or not token:
        end("the token must be one line of visible ASCII characters", USAGE)
    return token
