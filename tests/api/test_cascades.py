from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from controller.types.cascades import SendMessage
from tests.api.harness import ACME, ERASER, OTHER, READER, Api, asked, running

Play = Callable[[Callable[[Api], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def play() -> Play:
    """Runs a test against the API on a socket."""

    def run(test: Callable[[Api], Coroutine[Any, Any, None]]) -> None:
        async def main() -> None:
            async with running() as api:
                await test(api)
                assert api.faults == []

        asyncio.run(main())

    return run


def test_a_request_is_written_down_and_set_going(play: Play) -> None:
    async def test(api: Api) -> None:
        status, receipt, headers = await api.send(key="k1")
        assert status == 202
        assert receipt["status"] == "active"
        assert headers["Location"] == f"/v1/cascades/{receipt['id']}"
        ((cascade_id, command),) = [each for each in api.hands.done if isinstance(each[1], SendMessage)]
        assert cascade_id == receipt["id"]
        assert command.provider == "sms-1"
        status, shown, _ = await api.call("GET", headers["Location"])
        assert status == 200
        assert (shown["step"], shown["steps"], shown["country"]) == (1, 2, "US")
        assert shown["attempts"][0]["provider"] == "sms-1"

    play(test)


def test_the_same_key_gets_the_same_answer_and_another_body_a_conflict(play: Play) -> None:
    async def test(api: Api) -> None:
        _, first, _ = await api.send(key="k1")
        status, again, headers = await api.send(key="k1")
        assert (status, again, headers["Idempotency-Replayed"]) == (202, first, "true")
        status, problem, _ = await api.send(key="k1", params={"code": "111111"})
        assert (status, problem["code"]) == (409, "key-reused")
        status, other, _ = await api.send(key="k1", token=OTHER)
        assert status == 202
        assert other["id"] != first["id"]

    play(test)


def test_a_hundred_requests_with_one_key_at_once_make_one_cascade(play: Play) -> None:
    async def test(api: Api) -> None:
        answers = await asyncio.gather(*(api.send(key="race") for _ in range(100)))
        assert {status for status, *_ in answers} == {202}
        assert len({receipt["id"] for _, receipt, _ in answers}) == 1
        assert len(await api.ids()) == 1
        assert sum(isinstance(command, SendMessage) for _, command in api.hands.done) == 1

    play(test)


def test_what_was_accepted_once_is_answered_the_same_when_a_limit_is_reached_since() -> None:
    async def main() -> None:
        async with running(limits={"ip": (1, 600.0)}) as api:
            keys = {"ip": "192.0.2.1"}
            _, first, _ = await api.send(key="k1", limit_keys=keys)
            status, problem, headers = await api.send(key="k2", limit_keys=keys)
            assert (status, problem["code"]) == (429, "limited")
            assert 590 <= int(headers["Retry-After"]) <= 600
            assert (await api.send(key="k1", limit_keys=keys))[1] == first
            assert (await api.send(limit_keys={"ip": "192.0.2.2"}))[0] == 202
            assert len(await api.ids()) == 2

    asyncio.run(main())


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (asked(to={}), {"#/to"}),
        (asked(to={"phone": "0415 5550123"}), {"#/to/phone"}),
        (asked(to={"email": "a@b"}, window_s=-1), {"#/to/email", "#/window_s"}),
        (asked(cascade="nothing"), {"#/cascade"}),
        (asked(cascade="nothing", template=None), {"#/cascade"}),
        (asked(to={"phone": "+19005550123"}), {"#/to/phone"}),
        (asked(template="nothing"), {"#/template"}),
        (asked(params={}), {"#/params"}),
        (asked(text="hello"), {"#"}),
        (asked(steps=[{"channel": "sms"}]), {"#"}),
        (asked(colour="red"), {"#/colour"}),
        (asked(to={"phone": "+14155550123"}, max_cost="a lot"), {"#/max_cost"}),
        ([], {"#"}),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_nothing_is_written(play: Play, body: Any, pointers: set[str]) -> None:
    async def test(api: Api) -> None:
        status, problem, headers = await api.call("POST", "/v1/cascades", body)
        assert status == 422
        assert headers["Content-Type"] == "application/problem+json"
        assert {error["pointer"] for error in problem["errors"]} == pointers
        assert "5550123" not in json.dumps(problem)
        assert await api.ids() == []

    play(test)


def test_bodies_that_are_none(play: Play) -> None:
    async def test(api: Api) -> None:
        for body, kind, status in (
            (b"{", "application/json", 400),
            (b"\xff", "application/json", 400),
            (b"{}", "text/plain", 415),
            (b" " * 70_000, "application/json", 413),
        ):
            found, problem, headers = await api.call("POST", "/v1/cascades", body, Content_Type=kind)
            assert (found, headers["Content-Type"]) == (status, "application/problem+json")
            assert problem["status"] == status

    play(test)


def test_another_tenant_sees_nothing(play: Play) -> None:
    async def test(api: Api) -> None:
        _, receipt, _ = await api.send()
        here = f"/v1/cascades/{receipt['id']}"
        for method, path in (
            ("GET", here), ("GET", f"{here}/explain"), ("GET", f"{here}/events"), ("POST", f"{here}/cancel"),
        ):  # fmt: skip
            status, problem, _ = await api.call(method, path, token=OTHER)
            assert (status, problem["code"]) == (404, "not-found")
        status, _, _ = await api.call("POST", f"{here}/feedback", {"outcome": "verified"}, token=OTHER)
        assert status == 404
        assert (await api.call("GET", "/v1/cascades", token=OTHER))[1]["cascades"] == []
        assert (await api.call("GET", here))[1]["status"] == "active"

    play(test)


def test_no_route_but_the_open_ones_answers_without_a_token(play: Play) -> None:
    async def test(api: Api) -> None:
        paths = (await api.call("GET", "/openapi.json", token=None))[1]["paths"]
        assert len(paths) >= 12
        for path, operations in paths.items():
            for method in operations:
                status, _, headers = await api.call(method.upper(), path.replace("{cascade_id}", "0" * 26), token=None)
                if path in {"/healthz", "/hooks/{provider}"}:
                    assert status in {200, 404}
                else:
                    assert status == 401, path
                    assert headers["WWW-Authenticate"] == "Bearer"
        assert (await api.call("GET", "/v1/cascades", token="acme-token-1x"))[0] == 401
        assert (await api.call("GET", "/v1/cascades", token=None, Authorization="Basic YTpi"))[0] == 401

    play(test)


def test_tokens_do_what_their_scopes_say_and_no_more(play: Play) -> None:
    async def test(api: Api) -> None:
        _, receipt, _ = await api.send()
        here = f"/v1/cascades/{receipt['id']}"
        person = {"phone": "+14155550123"}
        assert (await api.send(token=READER))[0] == 403
        assert (await api.call("GET", here, token=READER))[0] == 200
        assert (await api.call("GET", here, token=ERASER))[0] == 403
        assert (await api.call("POST", f"{here}/cancel", token=READER))[0] == 403
        assert (await api.call("POST", "/v1/opt-outs", person, token=READER))[0] == 403
        assert (await api.call("POST", "/v1/erase", person, token=ACME))[0] == 403
        assert (await api.call("POST", "/v1/erase", person, token=ERASER))[:2] == (200, {"cascades": 1})

    play(test)


def test_feedback_completes_and_cancel_is_only_for_what_goes_on(play: Play) -> None:
    async def test(api: Api) -> None:
        _, one, _ = await api.send()
        _, two, _ = await api.send()
        status, shown, _ = await api.call("POST", f"/v1/cascades/{one['id']}/feedback", {"outcome": "verified"})
        assert (status, shown["status"], shown["verified"]) == (200, "completed", True)
        assert (await api.call("POST", f"/v1/cascades/{one['id']}/feedback", {"outcome": "verified"}))[0] == 200
        assert (await api.call("POST", f"/v1/cascades/{one['id']}/cancel"))[0] == 409
        assert (await api.call("POST", f"/v1/cascades/{two['id']}/cancel"))[1]["status"] == "cancelled"
        assert (await api.call("POST", f"/v1/cascades/{two['id']}/cancel"))[0] == 200
        assert (await api.call("POST", f"/v1/cascades/{two['id']}/feedback", {"outcome": "maybe"}))[0] == 422

    play(test)


def test_lists_come_in_pages_the_newest_first(play: Play) -> None:
    async def test(api: Api) -> None:
        sent = [(await api.send())[1]["id"] for _ in range(5)]
        await api.call("POST", f"/v1/cascades/{sent[2]}/cancel")
        _, page, _ = await api.call("GET", "/v1/cascades?limit=3")
        assert [each["id"] for each in page["cascades"]] == sorted(sent, reverse=True)[:3]
        _, rest, _ = await api.call("GET", f"/v1/cascades?limit=3&before={page['next']}")
        assert [each["id"] for each in rest["cascades"]] == sorted(sent, reverse=True)[3:]
        assert rest["next"] is None
        _, only, _ = await api.call("GET", "/v1/cascades?status=cancelled")
        assert [each["id"] for each in only["cascades"]] == [sent[2]]
        status, problem, _ = await api.call("GET", "/v1/cascades?limit=0&status=odd")
        assert status == 422
        assert {error["parameter"] for error in problem["errors"]} == {"limit", "status"}

    play(test)


def test_who_opted_out_gets_nothing_and_it_is_written_down(play: Play) -> None:
    async def test(api: Api) -> None:
        person = {"phone": "+14155550123"}
        assert (await api.call("POST", "/v1/opt-outs", person))[1] == {"out": True, "channel": ""}
        assert (await api.call("POST", "/v1/opt-outs/find", person))[1]["out"] is True
        status, problem, _ = await api.send(key="k1")
        assert (status, problem["code"]) == (403, "opted-out")
        assert (await api.send(key="k1"))[1]["cascade"] == problem["cascade"]
        assert (await api.call("GET", f"/v1/cascades/{problem['cascade']}"))[1]["reason"] == "OPTED_OUT"
        assert api.hands.done == []
        assert (await api.send(token=OTHER))[0] == 202
        await api.call("POST", "/v1/opt-outs", {**person, "out": False})
        assert (await api.send())[0] == 202

    play(test)


def test_a_high_fraud_score_is_refused_with_its_reason(play: Play) -> None:
    async def test(api: Api) -> None:
        status, problem, _ = await api.send(fraud_score=0.95)
        assert (status, problem["code"]) == (403, "fraud")
        _, found, _ = await api.call("GET", f"/v1/cascades/{problem['cascade']}/explain")
        assert found["history"][-1]["reason"] == "FRAUD"

    play(test)


def test_a_lost_store_says_when_to_come_again(play: Play) -> None:
    async def test(api: Api) -> None:
        api.store.lost = True
        for method, path, body in (
            ("POST", "/v1/cascades", asked()), ("GET", "/v1/cascades", None), ("GET", "/healthz", None),
        ):  # fmt: skip
            status, problem, headers = await api.call(method, path, body, Idempotency_Key="k")
            assert (status, problem["code"]) == (503, "store")
            assert int(headers["Retry-After"]) >= 1
        api.store.lost = False
        assert (await api.send(key="k"))[0] == 202

    play(test)


def test_paths_and_methods_that_are_none(play: Play) -> None:
    async def test(api: Api) -> None:
        status, problem, _ = await api.call("GET", "/v2/nothing")
        assert (status, problem["code"]) == (404, "not-found")
        status, _, headers = await api.call("DELETE", "/v1/erase")
        assert (status, headers["Allow"]) == (405, "POST")

    play(test)


def test_the_log_of_requests_has_routes_and_names_of_tokens_alone(play: Play) -> None:
    async def test(api: Api) -> None:
        await api.send(key="secret-key")
        await api.call("GET", "/v1/cascades/+14155550123")
        await api.call("GET", "/v1/cascades?before=14155550123")
        said = repr(api.seen)
        assert "acme-app" in said
        for secret in (ACME, "4155550123", "secret-key", "737373"):
            assert secret not in said

    play(test)
