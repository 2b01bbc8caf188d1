"""Simulated providers behind HTTP: one server that is all of them, on real sockets.

Owns answering as fate has it, sending webhooks, and the journal of what came. How each provider speaks is its dialect's
business. The first step of a URL names the account: a provider of the dialplan has ``url: http://HOST:PORT/NAME``.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from controller import clock
from controller.simulate.base import Answer, Fate, FatedReport, Fates, Got, Journal
from controller.simulate.dialects import DIALECTS, Account, Dialect
from controller.simulate.dialects.base import Asked, Hook, Malformed, Reply, Sent
from controller.supervise import Supervisor

#: How often a webhook that nobody took is sent again, and after how many seconds: first and at most.
TRIES, FIRST_PAUSE, LONGEST_PAUSE = 30, 0.1, 2.0
_MOST_BYTES = 1 << 20


@dataclass(slots=True)
class HookSent:
    """A webhook and how it was answered."""

    account: str
    send_key: str  # "" for a message from a person
    word: str
    forged: bool
    hook: Hook = field(repr=False)
    status: int = 0  # 0: nobody answered


@dataclass(slots=True)
class _Desk:
    """One account at work."""

    dialect: Dialect
    fates: Fates
    refs: dict[str, str] = field(default_factory=dict)  # of what was taken, by key


class HttpSimulator:
    """A server with accounts at any number of providers."""

    def __init__(
        self,
        accounts: Iterable[Account],
        fates: Fates | None = None,
        journal: Journal | None = None,
        on_failure: Callable[[BaseException], None] = lambda _error: None,
    ) -> None:
        """``fates``: of all accounts that `fate_of` gives no others; ``on_failure`` hears of what went wrong in here."""
        self.journal = journal or Journal()
        self.hooks: list[HookSent] = []
        self.malformed: list[str] = []  # requests that no provider would understand, and why
        self.tokens_given = 0
        shared = fates or Fates()
        self._desks = {each.name: _Desk(DIALECTS[each.preset](each), shared) for each in accounts}
        self._supervisor = Supervisor(on_failure)
        self._runner: web.AppRunner | None = None
        self._client: aiohttp.ClientSession | None = None
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.url = ""

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; `url` says where."""
        app = web.Application(client_max_size=_MOST_BYTES)
        app.router.add_route("*", "/{account}{rest:/.*}", self._serve)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def close(self) -> None:
        """Stop; what was still to be sent is not."""
        await self._supervisor.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._client is not None:
            await self._client.close()

    def fate_of(self, account: str, fates: Fates) -> None:
        """Give an account fates of its own."""
        self._desks[account].fates = fates

    async def settled(self) -> None:
        """Wait until no webhook is still to be sent."""
        await self._idle.wait()

    async def say(self, account: str, sender: str, to: str, text: str) -> None:
        """A person writes to a number of ours."""
        hook = self._desks[account].dialect.inbound(sender, to, text, f"in-{uuid.uuid4().hex[:12]}", clock.epoch())
        await self._deliver(HookSent(account, "", "inbound", forged=False, hook=hook))

    async def bring(self, hook: Hook) -> int:
        """Send any webhook as it is; the status of the answer, 0 for none."""
        assert self._client is not None
        try:
            request = self._client.request(
                hook.method,
                URL(hook.url, encoded=True),
                data=hook.body or None,
                headers=dict(hook.headers),
                allow_redirects=False,
            )
            async with request as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, OSError, TimeoutError):
            return 0

    # ------------------------------------------------------------------- submissions

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        desk = self._desks.get(request.match_info["account"])
        if desk is None:
            return web.Response(status=404)
        headers = {name.lower(): value for name, value in request.headers.items()}
        rest = request.match_info["rest"]
        asked = Asked(request.method, rest, dict(request.query), headers, await request.read())
        try:
            if (reply := desk.dialect.token(asked)) is not None:
                self.tokens_given += reply.status == 200
                return _write(reply)
            if not desk.dialect.is_ours(asked):
                return _write(desk.dialect.deny())
            if (reply := desk.dialect.look_up(asked, desk.refs)) is not None:
                return _write(reply)
            sent = desk.dialect.read(asked)
        except (Malformed, KeyError, ValueError, TypeError, AttributeError) as error:
            self.malformed.append(f"{desk.dialect.account.preset}: {error!r}")
            return _write(Reply(400, {"error": "malformed"}))
        return await self._answer(desk, sent, request)

    async def _answer(self, desk: _Desk, sent: Sent, request: web.Request) -> web.StreamResponse:
        dialect, name = desk.dialect, desk.dialect.account.name
        fate = desk.fates.of(name, sent.key, self.journal.tries(name, sent.key))
        known = dialect.knows_keys and sent.key in desk.refs
        ref = desk.refs[sent.key] if known else f"{name}-{uuid.uuid4().hex[:16]}"
        got = Got(name, sent.key, sent.to, sent.text, clock.epoch(), fate, ref if fate.taken else "", known)
        self.journal.add(got)
        if fate.taken and not known:
            desk.refs[sent.key] = ref
            await self._begin_reports(desk, sent, ref, fate)
        if fate.delay:
            await asyncio.sleep(fate.delay)
        match fate.answer:
            case Answer.TAKE:
                return _write((dialect.repeat if known else dialect.take)(sent, ref))
            case Answer.REFUSE:
                return _write(dialect.refuse(fate.code))
            case Answer.THROTTLE:
                return _write(dialect.throttle(fate.retry_after))
            case Answer.FAIL:
                return _write(dialect.fail())
            case Answer.DROP:
                await asyncio.Event().wait()  # until whoever asked has enough
            case Answer.CUT:
                pass
        return await _cut(dialect.take(sent, ref), request)

    # ------------------------------------------------------------------- webhooks

    async def _begin_reports(self, desk: _Desk, sent: Sent, ref: str, fate: Fate) -> None:
        if not (sent.hook or desk.dialect.account.hook):
            return
        for report in fate.reports:
            if report.after < 0:
                await self._report(desk, sent, ref, report, fate.code)
            else:
                self._begin(self._report(desk, sent, ref, report, fate.code, fate.delay + report.after))

    def _begin(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._open += 1
        self._idle.clear()
        self._supervisor.spawn(self._count(coroutine), "webhook")

    async def _count(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
        finally:
            self._open -= 1
            if not self._open:
                self._idle.set()

    async def _report(
        self, desk: _Desk, sent: Sent, ref: str, report: FatedReport, code: str, after: float = 0.0
    ) -> None:
        await asyncio.sleep(after)
        hook = desk.dialect.report(sent, ref, report.word, code, clock.epoch())
        if report.forged:
            hook = desk.dialect.forge(hook, clock.epoch())
        await self._deliver(HookSent(desk.dialect.account.name, sent.key, report.word, report.forged, hook))

    async def _deliver(self, sent: HookSent) -> None:
        """Send until somebody takes it; whoever forges tries once, and so does what comes before the answer."""
        self.hooks.append(sent)
        pause = FIRST_PAUSE
        for _ in range(1 if sent.forged else TRIES):
            sent.status = await self.bring(sent.hook)
            if 200 <= sent.status < 300 or 400 <= sent.status < 500:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def _write(reply: Reply) -> web.Response:
    return web.json_response(reply.data, status=reply.status, headers=dict(reply.headers))


async def _cut(reply: Reply, request: web.Request) -> web.StreamResponse:
    """Half of an answer, and then nothing."""
    whole = _write(reply).body
    assert isinstance(whole, bytes)
    response = web.StreamResponse(status=reply.status, headers={"Content-Length": str(len(whole))})
    response.content_type = "application/json"
    await response.prepare(request)
    await response.write(whole[: len(whole) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
