"""The adapter of providers behind HTTP.

Owns the connections to one provider and the line between "nothing was sent" and "nobody can say": what fails before a
connection is there was not sent; what fails after it may have been.
"""

from __future__ import annotations

import asyncio
import json
from math import inf
from urllib.parse import urlencode

import aiohttp

from controller import clock
from controller.channels.base import Message, Refused, Sink, Submission, Unclear, Webhook, WebhookAnswer
from controller.channels.http.answers import read_answer, read_lookup
from controller.channels.http.template import Values, render, render_fields, render_text, values_of, values_of_key
from controller.channels.http.tokens import NoToken, Tokens
from controller.channels.http.webhooks import Webhooks
from controller.types import TRANSPORT_ERROR
from controller.types.cascades import NO_TIME, TIMEOUT
from controller.types.http import HttpSettings, Object, Request

MOST_CONNECTIONS = 256  # at once: at a second for each answer so many messages a second
MOST_BYTES = 256 << 10  # of an answer
#: Seconds that an idle connection is kept: shorter than servers keep theirs (Node.js: 5), for a request that meets a
#: closing connection may have been sent, or not.
KEEP_ALIVE = 4.0
_HEADERS = {"User-Agent": "callward", "Accept": "application/json"}


class HttpAdapter:
    """One provider behind HTTP."""

    def __init__(self, settings: HttpSettings) -> None:
        self.dedup = settings.dedup
        self._settings = settings
        self._tokens = Tokens(settings.auth, settings.timeout)
        self._webhooks = Webhooks(settings)
        self._session: aiohttp.ClientSession | None = None

    async def start(self, sink: Sink) -> None:
        """Make ready; nothing is connected before there is something to send, and the sink never hears of anything."""
        connector = aiohttp.TCPConnector(limit=MOST_CONNECTIONS, keepalive_timeout=KEEP_ALIVE, ttl_dns_cache=30)
        whole = self._settings.timeout
        timeout = aiohttp.ClientTimeout(total=whole, connect=whole / 2)  # so that no connection is told from no answer
        jar = aiohttp.DummyCookieJar()  # one message tells a provider nothing of another
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, headers=_HEADERS, cookie_jar=jar)

    async def submit(self, message: Message) -> Submission:
        """Send. Never raises for what the network or the provider does."""
        values = values_of(message, self._settings)
        templated = self._settings.templated
        request = templated if message.template and templated else self._settings.request
        answer = await self._ask(request, values, asyncio.get_running_loop().time() + message.lifetime)
        if isinstance(answer, Refused | Unclear):
            return answer
        status, headers, body = answer
        return read_answer(self._settings, status, headers, body, values, clock.epoch())

    async def look_up(self, send_key: str) -> Submission:
        """Whether the provider has a message; where nobody answers, nobody can say."""
        if self._settings.lookup is None:
            return Unclear(TIMEOUT)
        answer = await self._ask(self._settings.lookup.request, values_of_key(send_key))
        if isinstance(answer, Refused | Unclear):
            return Unclear(answer.cause)
        status, _, body = answer
        return read_lookup(self._settings, status, body)

    def receive(self, request: Webhook, now: float) -> WebhookAnswer:
        """Read a webhook; raises `Forged`."""
        return self._webhooks.receive(request, now)

    async def close(self) -> None:
        """Let go of all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(
        self, request: Request, values: Values, until: float = inf
    ) -> tuple[int, dict[str, str], bytes] | Refused | Unclear:
        """``until``, of the loop's clock, it is of use: it does not begin to go out after that."""
        answer = await self._try(request, values, until)
        if isinstance(answer, tuple) and answer[0] == 401 and self._tokens.forget():
            return await self._try(
                request, values, until
            )  # a token that was taken back before its end; nothing was sent
        return answer

    async def _try(
        self, request: Request, values: Values, until: float
    ) -> tuple[int, dict[str, str], bytes] | Refused | Unclear:
        session = self._session
        if session is None:
            return Refused(TRANSPORT_ERROR)
        try:
            headers = await self._tokens.header(session)
        except NoToken as none:
            return none.refused
        left = until - asyncio.get_running_loop().time()
        if left <= 0:
            return Refused(NO_TIME, "the token took too long")
        whole = self._settings.timeout
        timeout = aiohttp.ClientTimeout(total=whole, connect=min(whole / 2, left))
        url = render_text(request.url, values, url=True)
        headers |= {key: _one_line(value) for key, value in render_fields(request.headers, values).items()}
        data = None
        if request.form and isinstance(request.body, Object):
            data = urlencode(render_fields(request.body, values)).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif request.body is not None:
            data = json.dumps(render(request.body, values)).encode()
            headers["Content-Type"] = "application/json"
        query = render_fields(request.query, values)
        if session.closed:  # while a token was fetched
            return Refused(TRANSPORT_ERROR)
        try:
            sent = session.request(
                request.method, url, params=query, headers=headers, data=data, allow_redirects=False, timeout=timeout
            )
            async with sent as response:
                body = await _read(response)
                return response.status, {name.lower(): value for name, value in response.headers.items()}, body
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL):
            return Refused(TRANSPORT_ERROR)  # there was no connection to send it over
        except TimeoutError:
            return Unclear(TIMEOUT)
        except (aiohttp.ClientError, OSError, ValueError):
            return Unclear(TRANSPORT_ERROR)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, or as much of it as anybody honest sends. A refusal need not be whole."""
    parts: list[bytes] = []
    size = 0
    try:
        async for part in response.content.iter_any():
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                break
    except (aiohttp.ClientError, OSError):
        if response.ok:
            raise
    return b"".join(parts)


def _one_line(value: str) -> str:
    return "".join(character for character in value if character.isprintable())
