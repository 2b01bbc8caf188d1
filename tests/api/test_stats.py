"""Figures by HTTP and on the command line: whose they are, how they are read, how they look."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from controller import clock
from controller.api.stats import MOST_ROWS, Stats
from controller.cli import cli
from controller.messages.figures import rows_of
from tests.api.harness import ACME, ERASER, OTHER, running

TERMS = {"channels": {"sms-1": "sms", "wa-1": "whatsapp"}, "upstreams": {}}


class Rows:
    """A store in which cascades were over already; notes what it was asked for."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        self.asked: list[tuple[float, float]] = []

    async def outcomes(self, since: float, until: float) -> list[dict[str, Any]]:
        self.asked.append((since, until))
        return [row for row in self.rows if since <= row["created"] < until]


def past(tenant: str, ago: float, country: str = "DE", *, arrived: bool = True) -> list[dict[str, Any]]:
    """One cascade of some seconds ago: it arrived after 4 s by the first provider, or failed by two."""
    at = clock.epoch() - ago
    send = {
        "attempt": 1,
        "provider": "wa-1",
        "started": at,
        "ended": at + 4.0,
        "phase": "ended",
        "spent": True,
        "cost": 0.01,
    }
    if arrived:
        sends = [send | {"outcome": "delivered", "judged": "delivered"}]
    else:
        failed = {"outcome": "undelivered", "judged": "undelivered"}
        sends = [send | failed, send | failed | {"attempt": 2, "provider": "sms-1"}]
    state = {
        "reason": "" if arrived else "NO_PROVIDER",
        "ended": at + 4.0,
        "verified": arrived,
        "late": False,
        "winner": int(arrived),
        "sends": sends,
    }
    facts = {"country": country, "operator": "", "route_class": "standard", "use_case": "", "prefix": ""}
    return rows_of(f"c-{tenant}-{ago}", tenant, "completed" if arrived else "exhausted", at, state, TERMS, facts)


ROWS = [
    *past("acme", 60),
    *past("acme", 120),
    *past("acme", 200, "FR", arrived=False),
    *past("other", 90),
    *past("acme", 90_000),
]


def test_a_tenant_sees_its_own_figures_of_the_last_day() -> None:
    async def main() -> None:
        async with running(Rows(ROWS)) as api:
            status, found, _ = await api.call("GET", "/v1/stats")
            assert status == 200
            assert (found["all"]["cascades"], found["all"]["completion_rate"]) == (3, pytest.approx(2 / 3))
            assert found["concentration"]["cascades"]["top"][0]["country"] == "FR"
            _, found, _ = await api.call("GET", "/v1/stats", token=OTHER)
            assert found["all"]["cascades"] == 1
            _, found, _ = await api.call("GET", "/v1/stats?hours=48")
            assert found["all"]["cascades"] == 4
            assert api.faults == []

    asyncio.run(main())


def test_others_figures_take_the_scope_for_that() -> None:
    async def main() -> None:
        async with running(Rows(ROWS)) as api:
            assert (await api.call("GET", "/v1/stats?everybody=true"))[0] == 403
            assert (await api.call("GET", "/v1/stats", token=ERASER))[0] == 403
            assert (await api.call("GET", "/v1/stats?hours=0"))[0] == 422
            assert (await api.call("GET", "/v1/stats?hours=1e9"))[0] == 422
            assert (await api.call("GET", "/v1/stats", token=None))[0] == 401
            everybody = json.loads(await Stats(api.service).show(None, 24.0))
            assert everybody["all"]["cascades"] == 4

    asyncio.run(main())


def test_a_day_is_read_once_slice_by_slice_without_gaps_and_short_ones_where_much_was() -> None:
    async def main() -> None:
        many = [row for _ in range(MOST_ROWS // 2) for row in past("acme", 300)]
        store = Rows([*many, *past("acme", 80_000)])
        async with running(store) as api:
            for _ in range(3):
                _, found, _ = await api.call("GET", "/v1/stats")
            assert found["all"]["cascades"] == MOST_ROWS // 2 + 1
            assert all(before[1] == after[0] for before, after in zip(store.asked, store.asked[1:], strict=False))
            assert store.asked[-1][1] - store.asked[0][0] == pytest.approx(86400.0)
            assert len(store.asked) < 12, "few rows: long slices"

    asyncio.run(main())


def run_stats(
    rows: list[dict[str, Any]], *arguments: str, token: str = ACME, environment: dict[str, str] | None = None
) -> Result:
    """`callward stats` against a running API."""

    async def main() -> Result:
        async with running(Rows(rows)) as api:
            command = ["stats", "--url", api.url, *arguments]
            settings = {"CALLWARD_TOKEN": token, "COLUMNS": "80"} if environment is None else environment
            return await asyncio.to_thread(CliRunner().invoke, cli, command, env=settings)

    return asyncio.run(main())


def test_the_command_shows_figures_in_80_columns() -> None:
    result = run_stats(ROWS)
    assert result.exit_code == 0
    assert "3 cascades of the last 24 h: 2 completed, 1 exhausted" in result.output
    assert "66.7 % completed, 66.7 % verified, 33.3 % fell back to another way" in result.output
    assert "completed in 4.00 s (median)" in result.output
    assert "each 30 min" in result.output
    assert "wa-1" in result.output
    assert "1 cascade that failed, 100.0 % in one country" in result.output
    assert max(len(line.rstrip()) for line in result.output.splitlines()) <= 80


def test_the_command_has_all_figures_as_json() -> None:
    result = run_stats(ROWS, "--json", "--hours", "48")
    assert json.loads(result.output)["all"]["cascades"] == 4


def test_nothing_to_show_is_said() -> None:
    assert run_stats([]).output == "no cascade was over in the last 24 h\n"


def test_a_token_that_may_not_is_said_without_it() -> None:
    result = run_stats(ROWS, token=ERASER)
    assert result.exit_code == 1
    assert "the token does not have the scope 'read'" in result.output
    assert ERASER not in result.output


def test_a_token_is_needed_and_may_stand_in_a_file(tmp_path: Path) -> None:
    result = run_stats(ROWS, environment={})
    assert (result.exit_code, "there is no token: set CALLWARD_TOKEN" in result.output) == (2, True)
    file = tmp_path / "token"
    file.write_text(ACME + "\n")
    assert run_stats(ROWS, "--token-file", str(file), environment={}).exit_code == 0
    file.write_text("two\nlines")
    assert run_stats(ROWS, "--token-file", str(file), environment={}).exit_code == 2
    assert run_stats(ROWS, "--token-file", str(tmp_path / "none"), environment={}).exit_code == 2


def test_nobody_who_answers_is_said() -> None:
    result = CliRunner().invoke(cli, ["stats", "--url", "http://127.0.0.1:9"], env={"CALLWARD_TOKEN": ACME})
    assert result.exit_code == 3
    assert "http://127.0.0.1:9: Connection refused; is 'callward run' there" in result.output
    result = CliRunner().invoke(cli, ["stats", "--url", "ftp://x"], env={"CALLWARD_TOKEN": ACME})
    assert (result.exit_code, "not the URL of an API" in result.output) == (3, True)
