"""The API from the command line: one request, one answer, with a token that is never shown.

Owns the connection and what is said where there is none. Must not know what is asked.
"""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

PATIENCE = 60.0  # seconds: figures of months take a while


class Unreachable(Exception):
    """There was no answer, or none of the API; the message says why and what to do."""


class Refused(Exception):
    """The API said no; the message is its own."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def ask(url: str, token: str, method: str, path: str, body: Any = None) -> Any:
    """Ask for one thing, and return the JSON of the answer. ``url`` is where the API listens, "http://127.0.0.1:8080".

    Raises `Unreachable` and `Refused`.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Unreachable(f"{url}: not the URL of an API, such as http://127.0.0.1:8080")
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
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
        connection.request(method, parts.path.rstrip("/") + path, data, headers)
        answer = connection.getresponse()
        status, text = answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(
            f"{url}: {_why(error)}; is 'callward run' there, and 'messages: listen' this address?"
        ) from None
    finally:
        connection.close()
    try:
        said = json.loads(text)
    except ValueError:
        raise Unreachable(f"{url}: what answers there is not callward's API (status {status})") from None
    if status >= 400:
        raise Refused(status, str(said.get("detail", status)) if isinstance(said, dict) else str(status))
    return said


def _why(error: Exception) -> str:
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__
