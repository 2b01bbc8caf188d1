"""`callward erase`: a person is taken out, by number or address, and nothing of it is shown or left on a command line."""

from __future__ import annotations

import asyncio

import pytest
from click.testing import Result
from typer.testing import CliRunner

from controller.cli import cli
from tests.api.harness import ERASER, READER, running


def run_erase(person: str, typed: str | None = None, token: str = ERASER) -> Result:
    """The command beside a running API that knows two cascades of one person."""

    async def main() -> Result:
        async with running() as api:
            sent = [await api.send(to={"phone": "+14155550123", "email": "anna@example.com"}) for _ in range(2)]
            assert [each[0] for each in sent] == [202, 202]
            command = ["erase", person, "--url", api.url]
            return await asyncio.to_thread(CliRunner().invoke, cli, command, input=typed, env={"CALLWARD_TOKEN": token})

    return asyncio.run(main())


@pytest.mark.parametrize("person", ["+14155550123", "+1 (415) 555-0123", "anna@example.com", " Anna@Example.com "])
def test_a_person_is_taken_out_by_number_or_address(person: str) -> None:
    result = run_erase(person)
    assert (result.exit_code, result.output) == (0, "erased; 2 cascades knew the person\n")


def test_a_number_may_be_typed_so_that_no_command_line_shows_it() -> None:
    result = run_erase("-", typed="+14155550123\n")
    assert result.exit_code == 0
    assert "555" not in result.output


def test_somebody_else_is_left_alone() -> None:
    result = run_erase("+14155550124")
    assert result.output == "erased; 0 cascades knew the person\n"


def test_it_takes_a_token_for_it() -> None:
    result = run_erase("+14155550123", token=READER)
    assert result.exit_code == 1
    assert "scope 'erase'" in result.output


@pytest.mark.parametrize("person", ["4155550123", "anna", "", "+", "+1415555anna"])
def test_what_is_nobody_is_said_without_it(person: str) -> None:
    result = CliRunner().invoke(cli, ["erase", person], env={"CALLWARD_TOKEN": ERASER})
    assert result.exit_code == 2
    assert "give a number in full" in result.output
    assert len(person) < 2 or person not in result.output
