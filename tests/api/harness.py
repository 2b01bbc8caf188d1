"""The API on a real socket, with a store, keys and a plan of two steps; what it hands to the broker is noted."""

from __future__ import annotations

import asyncio
import hashlib
import pathlib
import threading
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from math import inf
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import aiohttp
from fastapi import APIRouter

from controller import clock
from controller.api.app import create_app
from controller.api.fronts import Fronts
from controller.api.server import ApiServer, open_socket
from controller.api.service import Planned, Service, Turned
from controller.api.shell import Seen, Shell
from controller.channels.base import Adapter, News, Report
from controller.messages.cascade import Cascade, Terms
from controller.messages.reducer import reduce
from controller.messages.region import Number
from controller.messages.request import Request
from controller.messages.verdicts import DEFAULTS
from controller.privacy import BlindIndex, Cipher, Keyring, load_keyring
from controller.store.base import Applied, Facts, Store, StoreError
from controller.store.sqlite import SqliteStore
from controller.types import Milestone, Path, Plan, Stage, Target
from controller.types.cascades import CascadeCommand, CascadeEvent, Circumstances
from controller.types.messages import ApiToken, Messaging, Templates

T = TypeVar("T")

#: Tokens of two tenants; one that may only read, one that may erase.
ACME, OTHER, READER, ERASER = "acme-token-1", "other-token-2", "reader-token-3", "eraser-token-4"


def messaging() -> Messaging:
    """Two providers, one cascade, tokens and a template."""
    return Messaging(
        {},
        {},
        tokens=(
            ApiToken("acme-app", digest(ACME), "acme", ("send", "read")),
            ApiToken("other-app", digest(OTHER), "other", ("send", "read")),
            ApiToken("acme-reader", digest(READER), "acme", ("read",)),
            ApiToken("eraser", digest(ERASER), "acme", ("erase",)),
        ),
        templates={"otp": Templates("otp", {"": "Your code is {code}", "de": "Ihr Code ist {code}"})},
        public="https://hooks.example.com",
    )


def digest(token: str) -> str:
    """As the dialplan has it."""
    return hashlib.sha256(token.encode()).hexdigest()


def plan_two_steps(request: Request, number: Number | None, risk: float, key: str, now: float) -> Planned:
    """SMS by two providers, then mail."""
    if request.cascade not in {"", "otp"}:
        raise Turned("/cascade", "there is no such cascade in the dialplan")
    stages = (_stage("sms", "sms-1", "sms-2"), _stage("email", "mail"))
    terms = Terms(
        now + (request.window or 180.0),
        channels={"sms-1": "sms", "sms-2": "sms", "mail": "email"},
        dedup={"sms-1": "native", "sms-2": "none", "mail": "none"},
        costs={"sms-1": 0.01, "sms-2": 0.02, "mail": 0.0},
        region=("US", ""),
    )
    refusal = "FRAUD" if risk > 0.9 else ""
    return Planned(
        Plan("otp", stages, {}, DEFAULTS, Milestone.ANSWERED, version="v1"),
        terms,
        Facts(cascade="otp", country="US", use_case=request.use_case, version="v1"),
        refusal=refusal,
    )


class TwoSteps:
    """Plans them, whatever is asked."""

    def __call__(self, *asked: Any) -> Planned:
        return plan_two_steps(*asked)

    def explain(self, request: Request, number: Number | None, risk: float, key: str, now: float) -> dict[str, Any]:
        planned = self(request, number, risk, key, now)
        words = ("operator", "operator_source", "kind", "refused_because")
        return {
            **dict.fromkeys(words, ""),
            "country": planned.facts.country,
            "cascade": "otp",
            "policies": [],
            "decided_by": {},
            "window": planned.terms.expires - now,
            "max_attempts": planned.terms.max_attempts,
            "max_cost": None,
            "weight": 1.0,
            "refused": planned.refusal,
            "steps": [],
            "excluded": [],
        }


def _stage(channel: str, *providers: str) -> Stage:
    paths = tuple(Path(f"{channel} via {name}", channel, name, "", False, name) for name in providers)
    return Stage((Target(channel, paths),), ring=20.0, no_reply=inf, no_progress=inf, hedge=None)


@dataclass
class NotingHands:
    """Applies events to the store; what is to be done is noted, nothing is sent."""

    store: Store
    service: Service | None = None
    done: list[tuple[str, CascadeCommand]] = field(default_factory=list)
    adapters: dict[str, Adapter] = field(default_factory=dict)
    barred: dict[str, str] = field(default_factory=dict)

    def hear_store(self, why: str) -> None:
        pass

    def at_first(self, cascade: Cascade, now: float) -> Circumstances:
        return Circumstances(barred=self.barred)

    def carry_out(self, cascade: Cascade, facts: Facts, commands: Sequence[CascadeCommand]) -> None:
        self.done += [(cascade.id, command) for command in commands]
        if self.service is not None:
            self.service.notice(cascade)

    async def apply(self, cascade_id: str, event: CascadeEvent) -> Applied | None:
        applied = await self.store.apply(cascade_id, event, clock.epoch(), Circumstances())
        if applied is not None:
            self.carry_out(applied.cascade, applied.facts, applied.commands)
        return applied

    async def take(self, news: Sequence[News]) -> None:
        for each in news:
            if isinstance(each, Report):
                applied = await self.store.take_report(each, clock.epoch(), Circumstances())
                if applied is not None:
                    self.carry_out(applied.cascade, applied.facts, applied.commands)

    def adapter(self, name: str) -> Adapter | None:
        return self.adapters.get(name)


@dataclass
class Api:
    """A running one."""

    url: str
    client: aiohttp.ClientSession
    service: Service
    store: Any
    hands: NotingHands
    shell: Shell
    seen: list[Seen]
    faults: list[str]
    server: ApiServer | Fronts

    async def call(
        self, method: str, path: str, body: Any = None, token: str | None = ACME, **headers: str
    ) -> tuple[int, Any, Any]:
        """Status, JSON and headers of one request. ``headers`` with underscores for dashes."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        data = {"data": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        async with self.client.request(method, self.url + path, headers=sent, **data) as response:
            text = await response.text()
            return response.status, await response.json(content_type=None) if text else None, response.headers

    async def ids(self) -> list[str]:
        """All cascades there are, of both tenants."""
        return [row[0].id for tenant in ("acme", "other") for row in await self.store.find(tenant, limit=1000)]

    async def send(self, token: str = ACME, key: str = "", **more: Any) -> tuple[int, Any, Any]:
        """One request for a cascade."""
        body = {**asked(), **more}
        return await self.call("POST", "/v1/cascades", body, token, **({"Idempotency_Key": key} if key else {}))


def asked(**more: Any) -> dict[str, Any]:
    """The body of a request."""
    return {"to": {"phone": "+14155550123"}, "cascade": "otp", "template": "otp", "params": {"code": "737373"}, **more}


class Losing:
    """A store whose disk may be gone: everything is passed on, or fails."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.lost = False

    def __getattr__(self, name: str) -> Any:
        if not self.lost:
            return getattr(self._store, name)

        async def fail(*_: Any, **__: Any) -> None:
            raise StoreError("the disk is gone")

        return fail


@asynccontextmanager
async def running(
    store: Any = None, patience: float = 30.0, *, fronts: int = 0, routers: tuple[APIRouter, ...] = (), **more: Any
) -> AsyncIterator[Api]:
    """The API on loopback over SQLite or another store, and a client. ``fronts``: so many processes in front of it.
    ``more`` goes into the dialplan's `Messaging`."""
    with TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if store is not None:
            async with _serving(store, patience, folder, fronts, routers, more) as api:
                yield api
            return
        real = SqliteStore(folder / "messages.db", reduce)
        await real.open()
        try:
            async with _serving(Losing(real), patience, folder, fronts, routers, more) as api:
                yield api
        finally:
            await real.close()


@asynccontextmanager
async def _serving(
    store: Any, patience: float, folder: pathlib.Path, fronts: int, routers: tuple[APIRouter, ...], more: dict[str, Any]
) -> AsyncIterator[Api]:
    keyring = load_keyring(folder) if fronts else Keyring({"1": bytes(range(32))}, "1", bytes(32))
    hands = NotingHands(store)
    rules = replace(messaging(), **more)
    service = hands.service = Service(rules, store, Cipher(keyring), BlindIndex(keyring), TwoSteps(), hands)
    seen: list[Seen] = []
    faults: list[str] = []
    shell = create_app(service, on_request=seen.append, on_fault=faults.append, routers=routers, patience=patience)
    sock = open_socket("127.0.0.1", 0)
    server: ApiServer | Fronts = ApiServer(shell, sock)
    if fronts:
        server = Fronts(
            shell, service.take, sock, folder, fronts, rules.tokens, on_request=seen.append, on_fault=faults.append
        )
    serving = asyncio.get_running_loop().create_task(server.serve())
    await server.started()
    host, port = server.address
    try:
        async with aiohttp.ClientSession() as client:
            yield Api(f"http://{host}:{port}", client, service, store, hands, shell, seen, faults, server)
    finally:
        service.announcer.close()
        server.stop()
        await serving


class Server:
    """The API in a thread of its own, with three cascades: for what asks it synchronously."""

    def __init__(self, **more: Any) -> None:
        self._more = more
        self.api: Api
        self.loop = asyncio.new_event_loop()
        self.up, self.end = threading.Event(), asyncio.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        async with running(**self._more) as self.api:
            for _ in range(3):
                await self.api.send()
            self.up.set()
            await self.end.wait()

    def ids(self) -> list[str]:
        return self.do(self.api.ids())

    def do(self, act: Coroutine[Any, Any, T]) -> T:
        """Something that is done in the thread of the API."""
        return asyncio.run_coroutine_threadsafe(act, self.loop).result(10)

    def __enter__(self) -> Server:
        self.thread.start()
        assert self.up.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.end.set)
        self.thread.join()
