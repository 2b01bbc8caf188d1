"""Drills end to end: by command and over HTTP, what comes of them, and when each path was last exercised by what."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller.config import load
from controller.demo import DIALPLAN
from controller.ops.drills import MOST, STALE, Drills
from controller.records.reading import Reader
from controller.records.rows import Batch, ExercisedRow, exercised_rows
from controller.records.store import Store
from controller.types import Route
from tests.ops.stage import OPERATOR, VIEWER, Stage, play, trunk, with_echo

NOW = 1_800_000_000.0


async def drill(here: Stage, *words: str) -> tuple[int, str]:
    """The command: exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "controller.cli", "drill", *words, "--state-dir", str(here.state_dir)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


def row_of(found: dict[str, Any], path: str) -> dict[str, Any]:
    return next(each for each in found["paths"] if each["path"] == path)


def trunk_of(found: dict[str, Any], name: str = "carrier-b") -> dict[str, Any]:
    return next(each for each in found["trunks"] if each["trunk"] == name)


async def _exercise(here: Stage) -> None:
    await here.until("/v1/status", lambda found: found["calls"] and trunk(found, "carrier-b")["state"] == "up")
    _, before = await here.get("/v1/drills")
    assert before["counts"] == {"failed": 0, "never": 5, "stale": 0, "fresh": 0}

    code, said = await drill(here, "carrier-b")
    assert (code, said[:28]) == (0, "carrier-b passed: 200 after "), said
    found = await here.until("/v1/drills", lambda found: trunk_of(found)["last"])
    assert (trunk_of(found)["state"], trunk_of(found)["last"]["means"]) == ("fresh", "drill")
    assert row_of(found, "anna-mobile via carrier-b")["last"]["means"] == "drill"
    assert row_of(found, "front-desk via hq-pbx")["state"] == "never"
    assert found["paths"][0]["state"] == "never"

    await here.call()  # the front desk answers
    found = await here.until("/v1/drills", lambda found: row_of(found, "front-desk via hq-pbx")["last"])
    assert row_of(found, "front-desk via hq-pbx")["last"]["means"] == "call"
    _, calls = await here.get("/v1/calls")
    assert len(calls["calls"]) == 1, "a drill is nobody's call"

    here.testbed.boxes["carrier-b"].fail(503)
    status, done = await here.ask("POST", "/v1/trunks/carrier-b/drill", token=OPERATOR)
    assert (status, done["passed"], [call["trunk"] for call in done["calls"]]) == (200, False, ["carrier-b"])
    code, said = await drill(here, "carrier-b", "--json")
    assert (code, json.loads(said)["passed"]) == (1, False)
    found = await here.until("/v1/status", lambda found: trunk(found, "carrier-b")["state"] == "degraded")
    assert trunk(found, "carrier-b")["code"] == "DEEP_FAILED", "two in a row are a verdict, as of any test calls"
    found = await here.until("/v1/drills", lambda found: trunk_of(found)["state"] == "failed")
    assert found["paths"][0]["failed"]["what"].startswith("503 after ")
    told = await here.until("/v1/timeline?kind=drill", lambda told: len(told["events"]) == 3)
    assert [event["data"]["passed"] for event in told["events"]] == [False, False, True]

    code, said = await drill(here, "hq-pbx")
    assert code == 2
    assert "hq-pbx: {..., deep: {number: " in said
    for name, token, wanted in (("carrier-b", VIEWER, 403), ("nowhere", OPERATOR, 404), ("hq-pbx", OPERATOR, 409)):
        assert (await here.ask("POST", f"/v1/trunks/{name}/drill", token=token))[0] == wanted


def test_an_operator_drills_a_trunk_and_sees_what_was_exercised_by_what(tmp_path: Path) -> None:
    play(tmp_path, _exercise, change=with_echo)


def test_where_no_daemon_runs_nobody_is_called(tmp_path: Path) -> None:
    async def main() -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "controller.cli", "drill", "x", "--state-dir", str(tmp_path)),
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await process.communicate()
        return process.returncode or 0, said.decode()

    code, said = asyncio.run(main())
    assert code == 3
    assert "no daemon runs" in said


# --------------------------------------------------------------------------- what counts, and in which order


def attempt(path: str, milestone: str, cause: str = "") -> dict[str, Any]:
    return {"path": path, "at": 1.0, "milestone": milestone, "cause": cause}


def test_a_call_shows_that_a_path_works_where_it_rang_and_not_where_its_trunk_failed() -> None:
    call = {
        "moment": NOW,
        "winner": "anna via a/192.0.2.1:5060",
        "attempts": [
            attempt("desk via pbx", "none", "NO_REPLY"),
            attempt("ben via a", "accepted", "486"),  # busy: nothing of the path
            attempt("eve via b", "alerting", "COMPLETED_ELSEWHERE"),
            attempt("tom via b", "none", "COMPLETED_ELSEWHERE"),
            attempt("anna via a/192.0.2.1:5060", "answered"),
        ],
    }
    assert exercised_rows("call", NOW + 30.0, call) == [
        ExercisedRow("desk via pbx", "call", 0, NOW + 1.0, "NO_REPLY"),
        ExercisedRow("eve via b", "call", 1, NOW + 1.0, "it rang"),
        ExercisedRow("anna via a", "call", 1, NOW + 1.0, "it was answered"),
    ]
    drill = {"trunk": "a/192.0.2.1:5060", "passed": True, "what": "200 after 0.1 s"}
    assert exercised_rows("drill", NOW, drill) == [ExercisedRow("a", "drill", 1, NOW, "200 after 0.1 s")]
    assert exercised_rows("drill", NOW, {**drill, "passed": None}) == []
    assert exercised_rows("trunk", NOW, {"trunk": "a"}) == []


def test_what_needs_somebody_stands_first() -> None:
    dialplan = load(DIALPLAN).dialplan
    assert dialplan is not None
    drills = Drills(dialplan)
    old, late = NOW - STALE - 1.0, NOW - 60.0
    found = drills.show(
        [
            ExercisedRow("front-desk via hq-pbx", "call", 1, late, "it was answered"),
            ExercisedRow("front-desk via hq-pbx", "call", 0, late - 1.0, "NO_REPLY"),  # before it
            ExercisedRow("anna-mobile via carrier-a", "call", 1, old, "it rang"),
            ExercisedRow("carrier-b", "test_call", 0, late, "500 after 0.1 s"),
            ExercisedRow("answering via carrier-b", "call", 1, late + 1.0, "it was answered"),  # after it
        ],
        NOW,
    )
    assert [(each["path"], each["state"]) for each in found["paths"]] == [
        ("anna-mobile via carrier-b", "failed"),
        ("answering via carrier-a", "never"),
        ("anna-mobile via carrier-a", "stale"),
        ("front-desk via hq-pbx", "fresh"),
        ("answering via carrier-b", "fresh"),
    ]
    assert found["paths"][0]["dids"] == ["+15557000", "any other number"]
    assert {each["trunk"]: each["state"] for each in found["trunks"]} == {
        "carrier-b": "failed",
        "hq-pbx": "never",
        "carrier-a": "never",
    }
    only = drills.show([], NOW, "Anna carrier-a +15557000")
    assert [each["path"] for each in only["paths"]] == ["anna-mobile via carrier-a"]
    assert (only["found"], only["counts"]["never"]) == (1, 5)


def test_of_a_large_dialplan_the_first_are_listed_and_the_others_found() -> None:
    loaded = load(DIALPLAN).dialplan
    assert loaded is not None
    chain = loaded.chains["sales"]
    many = {f"c{n}": replace(chain, name=f"c{n}") for n in range(MOST // 2)}
    routes = {f"+1555{n:07d}": Route(f"+1555{n:07d}", f"c{n}") for n in range(MOST // 2)}
    drills = Drills(replace(loaded, chains=many, routes=routes, default=None))
    found = drills.show([], NOW)
    assert (len(found["paths"]), found["found"], found["counts"]["never"]) == (MOST, MOST * 5 // 2, MOST * 5 // 2)
    last = f"+1555{MOST // 2 - 1:07d}"
    assert {each["chain"] for each in drills.show([], NOW, last)["paths"]} == {f"c{MOST // 2 - 1}"}


def test_the_latest_of_each_is_kept_whatever_order_it_comes_in(tmp_path: Path) -> None:
    store = Store(tmp_path / "records.db")
    for at in (5.0, 9.0, 7.0):
        batch = Batch()
        batch.exercise([ExercisedRow("a", "drill", 1, at, f"at {at}"), ExercisedRow("a", "drill", 0, at - 5.0, "")])
        assert batch
        store.write(batch)
    store.close()
    found = sorted(Reader(tmp_path).exercised(), key=lambda row: row.at)
    assert [(row.at, row.what) for row in found] == [(4.0, ""), (9.0, "at 9.0")]
