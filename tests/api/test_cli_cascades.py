"""`callward send` and `callward cascades` against the API on a socket."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from controller.cli import cli
from controller.types.cascades import SendAccepted, SendRefused
from tests.api.harness import ACME, Server

Call = Callable[..., Result]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def call(server: Server) -> Call:
    """Runs a command with a token of acme's."""

    def run(*args: str, token: str = ACME, **more: str) -> Result:
        env = {"CALLWARD_TOKEN": token, "CALLWARD_URL": server.api.url, "COLUMNS": "80"}
        return CliRunner().invoke(cli, list(args), env=env, **more)  # type: ignore[arg-type]

    return run


def test_send_gives_the_id_and_the_same_key_sends_once(call: Call, server: Server) -> None:
    before = len(server.ids())
    args = ("send", "+1 415 555-0199", "--cascade", "otp", "--param", "code=881188", "--key", "cli-1")
    done = call(*args)
    assert done.exit_code == 0, done.output
    cascade_id = done.output.partition(":")[0]
    assert cascade_id in server.ids()
    assert "active, until 20" in done.output
    ladder = call("ladder", cascade_id)
    assert ladder.exit_code == 0, ladder.output
    assert "POST cascade otp" in ladder.output
    assert "application" in ladder.output
    shown = json.loads(call("ladder", cascade_id, "--json").output)
    assert shown["cascade"]["id"] == cascade_id
    assert shown["ladder"]["columns"][1]["name"] == "callward"
    assert call(*args).output == done.output
    assert len(server.ids()) == before + 1
    assert json.loads(call(*args, "--json").output)["id"] == cascade_id


def test_who_and_secrets_need_not_stand_on_the_command_line(call: Call, tmp_path: Path) -> None:
    (tmp_path / "code").write_text("424242\n")
    done = call("send", "-", "--cascade", "otp", "--param", f"code=@{tmp_path}/code", input="+14155550199\n")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("send", "0415"), 2, "give a number in full"),
        (("send", "+14155550199", "--also", "+14155550198"), 2, "--also: give an address"),
        (("send", "+14155550199", "--param", "code"), 2, "NAME=VALUE"),
        (("send", "+14155550199", "--window", "3"), 2, "--window: duration needs a unit"),
        (("send", "+14155550199", "--cascade", "nothing", "--text", "hi"), 1, "cascade: there is no such cascade"),
        (("send", "+14155550199", "--cascade", "otp"), 1, "params: the template needs code"),
        (("send", "+19005550199", "--cascade", "otp", "--text", "hi"), 1, "to/phone: "),
        (("send", "+14155550199"), 1, "give a template or a text"),
        (("cascades", "0" * 26), 1, "there is no such cascade"),
        (("ladder", "0" * 26), 1, "there is no such cascade"),
        (("cascades", "--wait"), 2, "give its id"),
        (("cascades", "--url", "http://127.0.0.1:1"), 3, "Connection refused; is 'callward run' there"),
        (("cascades", "--status", "odd"), 1, "status: "),
    ],
)
def test_what_is_wrong_has_its_words_and_its_exit_code(call: Call, args: tuple[str, ...], code: int, said: str) -> None:
    done = call(*args)
    assert (done.exit_code, said in done.output) == (code, True), done.output
    assert not done.output.startswith(":"), "no place is named where it is the whole"


def test_a_token_that_is_none(call: Call) -> None:
    assert call("cascades", token="wrong").exit_code == 1
    assert call("cascades", token="").exit_code == 2


def test_a_list_fits_eighty_columns(call: Call, server: Server) -> None:
    done = call("cascades", "--limit", "2")
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0].split() == ["cascade", "status", "step", "to", "after", "cost", "by,", "or", "why"]
    assert all(len(line) <= 80 for line in lines)
    assert f"callward cascades --before {sorted(server.ids(), reverse=True)[1]}" in done.output
    assert len(json.loads(call("cascades", "--json").output)["cascades"]) == len(server.ids())


def test_one_shows_the_ladder_of_its_attempts(call: Call, server: Server) -> None:
    cascade_id = call("send", "+14155550199", "--cascade", "otp", "--text", "hi").output.partition(":")[0]
    server.do(server.api.hands.apply(cascade_id, SendRefused(1, "rejected")))
    server.do(server.api.hands.apply(cascade_id, SendAccepted(2, "SM9")))
    shown = call("cascades", cascade_id).output
    assert "active: step 1 of 2" in shown
    rows = [line.split() for line in shown.splitlines()]
    assert any(row[:1] == ["1"] and "sms-1" in row and "rejected" in row for row in rows)
    assert any(row[:1] == ["2"] and "sms-2" in row and "accepted" in row for row in rows)
    assert "next: step 2, email by mail" in shown
    assert call("cascades", cascade_id, "--cancel").exit_code == 0
    assert "cancelled" in call("cascades", cascade_id).output
    assert call("cascades", cascade_id, "--cancel").exit_code == 0


def test_wait_follows_to_the_end_and_says_whether_it_arrived(call: Call, server: Server) -> None:
    cascade_id = call("send", "+14155550199", "--cascade", "otp", "--text", "hi").output.partition(":")[0]
    results: list[Result] = []
    waiting = threading.Thread(target=lambda: results.append(call("cascades", cascade_id, "--wait")))
    waiting.start()
    server.do(server.api.hands.apply(cascade_id, SendAccepted(1, "SM10")))
    server.do(server.api.call("POST", f"/v1/cascades/{cascade_id}/feedback", {"outcome": "verified"}))
    waiting.join(20)
    (done,) = results
    assert done.exit_code == 0, done.output
    assert "begun" in done.output
    assert "completed after" in done.output
    other = call("send", "+14155550199", "--cascade", "otp", "--text", "hi").output.partition(":")[0]
    call("cascades", other, "--cancel")
    assert call("cascades", other, "--wait").exit_code == 1


def test_who_comes_too_soon_hears_when_to_come_again(call: Call, server: Server) -> None:
    server.api.store.lost = True
    try:
        done = call("send", "+14155550199", "--cascade", "otp", "--param", "code=881188")
    finally:
        server.api.store.lost = False
    assert done.exit_code == 1
    assert re.search(r"; again after \d+ s$", done.output.strip()), done.output
