"""Logins of the console: what a cookie is worth, when it ends, and how slow guessing is."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from starlette.types import Message

from controller.ops.door import Door
from controller.ops.pages import Pages
from controller.ops.sessions import FILE, LASTS, OPERATE, READ, Known, Sessions
from controller.ops.throttle import WITHIN, WRONG, Throttle
from controller.types.messages import ApiToken

NOW = 1_800_000_000.0


def token(name: str, *scopes: str) -> ApiToken:
    return ApiToken(name, hashlib.sha256(f"secret of {name}".encode()).hexdigest(), "", scopes)


ANNA, WALL = token("anna", READ, OPERATE), token("wall", READ)


def log_in(sessions: Sessions, name: str = "anna") -> str:
    begun = sessions.begin(f" secret of {name}\n", NOW)
    assert begun is not None
    return begun[1]


def test_a_login_outlives_the_process_and_ends_in_time(tmp_path: Path) -> None:
    cookie = log_in(Sessions(tmp_path, [ANNA, WALL]))
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    again = Sessions(tmp_path, [ANNA, WALL])
    found = again.find(cookie, NOW + LASTS - 1)
    assert found is not None
    assert (found.name, found.operator) == ("anna", True)
    assert again.find(cookie, NOW + LASTS) is None
    assert again.begin("wrong", NOW) is None
    wall = again.find(log_in(again, "wall"), NOW)
    assert wall is not None
    assert not wall.operator


def test_logging_out_is_kept_over_a_restart(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path, [ANNA])
    cookie, other = log_in(sessions), log_in(sessions)
    session = sessions.find(cookie, NOW)
    assert session is not None
    sessions.end(session, NOW)
    again = Sessions(tmp_path, [ANNA])
    assert sessions.find(cookie, NOW) is again.find(cookie, NOW) is None
    assert again.find(other, NOW) is not None


def test_a_cookie_is_worth_nothing_once_its_token_is_another_or_gone(tmp_path: Path) -> None:
    cookie = log_in(Sessions(tmp_path, [ANNA]))
    assert Sessions(tmp_path, [WALL]).find(cookie, NOW) is None
    changed = ApiToken("anna", WALL.digest, "", ANNA.scopes)
    assert Sessions(tmp_path, [changed]).find(cookie, NOW) is None
    demoted = Sessions(tmp_path, [ApiToken("anna", ANNA.digest, "", (READ,))]).find(cookie, NOW)
    assert demoted is not None
    assert not demoted.operator  # the role is that of today


def test_forged_cookies_are_nobodys(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path, [ANNA, WALL])
    body, _, mac = log_in(sessions, "wall").partition(".")
    held = json.loads(base64.urlsafe_b64decode(body))
    forged = base64.urlsafe_b64encode(json.dumps({**held, "n": "anna"}).encode()).decode()
    for cookie in (f"{forged}.{mac}", body, f"{body}.", f"{body}.{mac[:-1]}", ".", "", "é.é", f"{body}.{mac}.x"):
        assert sessions.find(cookie, NOW) is None, cookie
    known = Known([ANNA, WALL], sessions, lambda: NOW)
    assert known.find(b"Session " + body.encode()) is None
    assert known.find(b"Session \xff.\xff") is None
    assert known.find(f"Session {body}.{mac}".encode()) is not None


def test_a_key_file_that_is_not_whole_is_made_anew(tmp_path: Path) -> None:
    cookie = log_in(Sessions(tmp_path, [ANNA]))
    for text in ("", "{", "[]", '{"key": "aa", "gone": {}}', '{"key": 5, "gone": 3}'):
        (tmp_path / FILE).write_text(text)
        sessions = Sessions(tmp_path, [ANNA])
        assert sessions.find(cookie, NOW) is None
        assert sessions.find(log_in(sessions), NOW) is not None


def test_without_a_disk_logins_last_as_long_as_the_process(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path / "gone", [ANNA])
    cookie = log_in(sessions)
    session = sessions.find(cookie, NOW)
    assert session is not None
    sessions.end(session, NOW)
    assert sessions.find(cookie, NOW) is None


def test_whoever_guesses_waits_and_nobody_else_does() -> None:
    throttle = Throttle()
    for number in range(WRONG):
        assert throttle.wait("192.0.2.1", float(number)) == 0.0
        throttle.note("192.0.2.1", float(number))
    assert throttle.wait("192.0.2.1", 9.0) == WITHIN - 9.0
    assert throttle.wait("192.0.2.2", 9.0) == 0.0
    assert throttle.wait("192.0.2.1", WITHIN + 0.1) == 0.0


def test_whoever_has_one_address_of_ipv6_has_many() -> None:
    throttle = Throttle()
    for number in range(WRONG):
        throttle.note(f"2001:db8::{number:x}", 0.0)
    assert throttle.wait("2001:db8::ffff:1", 1.0) > 0.0
    assert throttle.wait("2001:db8:0:1::1", 1.0) == 0.0
    assert throttle.wait("fe80::1%eth0", 1.0) == 0.0


# -- the door


async def _ask(door: Door, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    told: list[Message] = []

    async def send(message: Message) -> None:
        told.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": raw, "client": ("192.0.2.1", 1)}
    await door(scope, receive, send)
    start, *rest = told
    names = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], names, b"".join(each.get("body", b"") for each in rest)


def _door(seen: list[Any], status: int = 200) -> Door:
    async def inner(scope: Any, receive: Any, send: Any) -> None:
        seen.append(dict(scope["headers"]).get(b"authorization"))
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return Door(inner, Pages(), "callward_1", Throttle())


def test_a_cookie_changes_nothing_unless_our_page_asks() -> None:
    async def act() -> None:
        seen: list[Any] = []
        door, cookie = _door(seen), {"cookie": "other=1; callward_1=abc"}
        assert (await _ask(door, "GET", "/v1/status", **cookie))[0] == 200
        assert (await _ask(door, "POST", "/v1/trunks/x/drain", **cookie))[0] == 403
        assert (await _ask(door, "POST", "/v1/trunks/x/drain", **cookie, x_callward="1", sec_fetch_site="cross-site"))[
            0
        ] == 403
        assert (await _ask(door, "POST", "/v1/trunks/x/drain", **cookie, x_callward="1", sec_fetch_site="same-origin"))[
            0
        ] == 200
        assert seen == [b"Session abc", b"Session abc"]

    asyncio.run(act())


def test_pages_are_served_with_headers_that_keep_a_browser_in_bounds() -> None:
    async def act() -> None:
        door = _door([])
        status, headers, body = await _ask(door, "GET", "/")
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert b"<script>" not in body
        assert b"style=" not in body
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        status, _, body = await _ask(door, "GET", "/", if_none_match=headers["etag"])
        assert (status, body) == (304, b"")
        packed = (await _ask(door, "GET", "/page/app.js", accept_encoding="br, gzip"))[1]
        assert packed["content-encoding"] == "gzip"
        assert (await _ask(door, "HEAD", "/page/app.js"))[2] == b""
        for path in ("/page/../web.py", "/page/index.html", "/page/"):
            assert (await _ask(door, "GET", path))[1].get("etag") is None  # the API's business

    asyncio.run(act())


def test_scripts_that_guess_are_slowed_down_too() -> None:
    async def act() -> None:
        seen: list[Any] = []
        door = _door(seen, 401)
        for _ in range(WRONG):
            assert (await _ask(door, "GET", "/v1/status", authorization="Bearer x"))[0] == 401
        status, headers, _ = await _ask(door, "GET", "/v1/status", authorization="Bearer x")
        assert (status, len(seen)) == (429, WRONG)
        assert 0 < int(headers["retry-after"]) <= WITHIN

    asyncio.run(act())


def test_whoever_was_right_before_does_not_wait_for_those_who_guess_beside_him() -> None:
    async def act() -> None:
        async def inner(scope: Any, receive: Any, send: Any) -> None:
            right = dict(scope["headers"])[b"authorization"] == b"Bearer right"
            await send({"type": "http.response.start", "status": 200 if right else 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        door = Door(inner, Pages(), "callward_1", Throttle())
        assert (await _ask(door, "GET", "/metrics", authorization="Bearer right"))[0] == 200
        for _ in range(WRONG + 1):
            status, _, _ = await _ask(door, "GET", "/metrics", authorization="Bearer wrong")
        assert status == 429
        assert (await _ask(door, "GET", "/metrics", authorization="Bearer right"))[0] == 200
        assert (await _ask(door, "GET", "/metrics", authorization="Bearer other"))[0] == 429

    asyncio.run(act())
