"""The API from the command line: one request, one answer or one stream, with a token that is never shown.

Owns the connection and what is said where there is none. Must not know what is asked.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

PATIENCE = 60.0  # seconds: figures of months take a while
IDLE = 3  # streams in a row that end without an event


class Unreachable(Exception):
    """There was no answer, or none of the API; the message says why and what to do."""


class Refused(Exception):
    """The API said no; the message is its own."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def ask(
    url: str, token: str, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
) -> Any:
    """Ask for one thing, and return the JSON of the answer. ``url`` is where the API listens, "http://127.0.0.1:8080".

    Raises `Unreachable` and `Refused`.
    """
    with _asked(url, token, method, path, body, headers or {}) as answer:
        try:
            status, text, after = answer.status, answer.read(), answer.getheader("Retry-After", "")
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(url, error) from None
    return _read(url, status, text, after)


def follow(url: str, token: str, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind and data of each event of a stream (server-sent events), until its end. A stream that breaks is taken up where
    it was.

    Raises `Unreachable` and `Refused`.
    """
    last, idle = "", 0
    while True:
        headers = {"Last-Event-ID": last} if last else {}
        came = False
        with _asked(url, token, "GET", path, None, headers) as answer:
            if answer.status != 200:
                _read(url, answer.status, answer.read())
            try:
                for seq, kind, data in _events(answer):
                    came, last = True, seq or last
                    yield kind, json.loads(data)
                    if kind == "end":
                        return
            except (OSError, http.client.HTTPException) as error:
                if not came:
                    raise _unreachable(url, error) from None
        idle = 0 if came else idle + 1
        if idle > IDLE:
            raise Unreachable(f"{url}: its streams end before anything happens")


def _events(answer: http.client.HTTPResponse) -> Iterator[tuple[str, str, str]]:
    """Id, kind and data (WHATWG HTML §9.2.6), as far as the API uses the form."""
    fields: dict[str, str] = {}
    for line in answer:
        name, _, value = line.decode().rstrip("\r\n").partition(": ")
        if name:
            fields[name] = value
        elif "data" in fields:
            yield fields.get("id", ""), fields.get("event", ""), fields["data"]
            fields = {}
        else:
            fields = {}


@contextmanager
def _asked(
    url: str, token: str, method: str, path: str, body: Any, more: Mapping[str, str]
) -> Iterator[http.client.HTTPResponse]:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Unreachable(f"{url}: not the URL of an API, such as http://127.0.0.1:8080")
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream", **more}
    data = None
    if body is not None:
        data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=PATIENCE, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE)
    try:
        try:
            connection.request(method, parts.path.rstrip("/") + path, data, headers)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(url, error) from None
        with answer:
            yield answer
    finally:
        connection.close()


def _read(url: str, status: int, text: bytes, after: str = "") -> Any:
    try:
        said = json.loads(text)
    except ValueError:
        raise Unreachable(f"{url}: what answers there is not callward's API (status {status})") from None
    if status >= 400:
        again = f"; again after {after} s" if after.isdecimal() else ""
        raise Refused(status, (_words(said) if isinstance(said, dict) else str(status)) + again)
    return said


def _words(problem: dict[str, Any]) -> str:
    """What the API says is wrong, each thing with its place."""
    detail = str(problem.get("detail", problem.get("status")))
    places = []
    for each in problem.get("errors", ()):
        place = str(each.get("pointer", "")).lstrip("#/") or each.get("parameter", "")
        places.append(f"{place}: {each.get('detail', '')}" if place else str(each.get("detail", "")))
    return "\n".join(places) if places else detail


def _unreachable(url: str, error: Exception) -> Unreachable:
    return Unreachable(f"{url}: {_why(error)}; is 'callward run' there, and 'messages: listen' this address?")


def _why(error: Exception) -> str:
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__
