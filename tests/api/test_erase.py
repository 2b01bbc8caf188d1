"""`callward erase`: a person is taken out, by number or address, and nothing of it is shown or left on a command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from controller.cli import cli
from controller.messages.reducer import reduce
from controller.privacy import BlindIndex, load_keyring
from controller.store.opening import FILE, open_store
from tests.api.harness import ERASER, READER, running
from tests.store.cases import begin


def run_erase(state_dir: Path, person: str, typed: str | None = None, token: str = ERASER) -> tuple[Result, int]:
    """The command beside a running API that knows two cascades of one person, over SQLite; how many know the
    person afterwards."""

    async def main() -> tuple[Result, int]:
        store = open_store("", state_dir, reduce)
        await store.open()
        async with running(store) as api:
            sent = [await api.send(to={"phone": "+14155550123", "email": "anna@example.com"}) for _ in range(2)]
            assert [each[0] for each in sent] == [202, 202]
            command = ["erase", person, "--url", api.url]
            result = await asyncio.to_thread(
                CliRunner().invoke, cli, command, input=typed, env={"CALLWARD_TOKEN": token}
            )
            left = [await store.recipient(receipt["id"]) for _, receipt, _ in sent]
        await store.close()
        return result, sum(each is not None for each in left)

    return asyncio.run(main())


@pytest.mark.parametrize("person", ["+14155550123", "+1 (415) 555-0123", "anna@example.com", " Anna@Example.com "])
def test_a_person_is_taken_out_by_number_or_address(tmp_path: Path, person: str) -> None:
    result, left = run_erase(tmp_path, person)
    assert (result.exit_code, result.output, left) == (0, "erased; 2 cascades knew the person\n", 0)


def test_a_number_may_be_typed_so_that_no_command_line_shows_it(tmp_path: Path) -> None:
    result, left = run_erase(tmp_path, "-", typed="+14155550123\n")
    assert (result.exit_code, left) == (0, 0)
    assert "555" not in result.output


def test_somebody_else_is_left_alone(tmp_path: Path) -> None:
    result, left = run_erase(tmp_path, "+14155550124")
    assert (result.output, left) == ("erased; 0 cascades knew the person\n", 2)


def test_it_takes_a_token_for_it(tmp_path: Path) -> None:
    result, left = run_erase(tmp_path, "+14155550123", token=READER)
    assert (result.exit_code, left) == (1, 2)
    assert "scope 'erase'" in result.output


@pytest.mark.parametrize("person", ["4155550123", "anna", "", "+", "+1415555anna"])
def test_what_is_nobody_is_said_without_it(person: str) -> None:
    result = CliRunner().invoke(cli, ["erase", person], env={"CALLWARD_TOKEN": ERASER})
    assert result.exit_code == 2
    assert "give a number in full" in result.output
    assert len(person) < 2 or person not in result.output


def keep_one(state_dir: Path) -> None:
    """What a daemon leaves behind: its keys, and a store with a cascade to one person."""

    async def main() -> None:
        store = open_store("", state_dir, reduce)
        await store.open()
        await begin(store, person=BlindIndex(load_keyring(state_dir)).of("phone", "+14155550123"))
        await store.close()

    asyncio.run(main())


def test_where_no_daemon_runs_the_state_folder_is_enough(tmp_path: Path) -> None:
    keep_one(tmp_path)
    erase = ["erase", "+14155550123", "--state-dir", str(tmp_path)]
    assert CliRunner().invoke(cli, erase).output == "erased; 1 cascade knew the person\n"
    assert json.loads(CliRunner().invoke(cli, [*erase, "--json"]).output) == {"cascades": 0}


def test_a_store_that_a_daemon_has_open_is_left_to_it(tmp_path: Path) -> None:
    keep_one(tmp_path)

    async def main() -> Result:
        store = open_store("", tmp_path, reduce)
        await store.open()
        command = ["erase", "+14155550123", "--state-dir", str(tmp_path)]
        result = await asyncio.to_thread(CliRunner().invoke, cli, command)
        await store.close()
        return result

    result = asyncio.run(main())
    assert result.exit_code == 3
    assert FILE in result.output


def test_a_folder_that_was_misspelt_stays_empty(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["erase", "+14155550123", "--state-dir", str(tmp_path)])
    assert (result.exit_code, "is --state-dir another folder?" in result.output) == (3, True)
    assert list(tmp_path.iterdir()) == []
