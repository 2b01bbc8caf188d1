"""Errors as whoever asks hears of them: problem details (RFC 9457), one form for all.

Owns their form, their codes and the table of their titles. Must not repeat what was sent: it may hold a number or a text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field, ValidationError

MEDIA_TYPE = "application/problem+json"

#: Keys of a body that may be repeated: words, such as a misspelt one of ours, and no numbers of people.
_WORD = re.compile(r"(?!.*[0-9]{5})[A-Za-z0-9_.-]{1,64}")


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    detail: str = Field(description="what is wrong, and what to do")
    pointer: str = Field(default="", description="where it stands in the body: a JSON Pointer (RFC 6901) as a fragment")
    parameter: str = Field(default="", description="or the query or header parameter that it is")


class ProblemDetails(BaseModel):
    """Why a request was not done (RFC 9457)."""

    type: str = Field(default="about:blank", description="always about:blank: the status says what kind it is")
    title: str = Field(description="the status in words")
    status: int
    code: str = Field(description="short and stable, for programs")
    detail: str = Field(description="for people")
    errors: list[Fault] = Field(default_factory=list, description="each thing that is wrong, where there are several")
    cascade: str = Field(default="", description="the cascade that was written down all the same")


class Problem(Exception):
    """Raised wherever a request cannot be done; answered as it says."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Iterable[Mapping[str, str]] = (),
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        cascade: str = "",
    ) -> None:
        """``retry_after``: seconds, rounded up to whole ones."""
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = list(errors)
        self.cascade = cascade
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))

    def body(self) -> bytes:
        """As JSON."""
        data: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.errors:
            data["errors"] = self.errors
        if self.cascade:
            data["cascade"] = self.cascade
        return json.dumps(data).encode()


def no_such(what: str) -> Problem:
    """It is not there, or another tenant's: nobody can tell which."""
    return Problem(404, "not-found", f"there is no such {what}")


def wrong(pointer: str, detail: str) -> Problem:
    """One part of the body is wrong. ``pointer``: JSON Pointer, "/to/phone"."""
    return Problem(422, "invalid", detail, errors=[{"detail": detail, "pointer": f"#{pointer}"}])


def from_validation(error: ValidationError) -> Problem:
    """What pydantic found, each with its place and without what was sent."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found and found[0]["type"] == "json_invalid":
        return Problem(400, "not-json", "the body is no JSON")
    errors = [{"detail": _say(each), "pointer": _point(each["loc"])} for each in found]
    return Problem(422, "invalid", "the body is not as it should be", errors=errors)


def _say(found: Mapping[str, Any]) -> str:
    message = str(found["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _point(loc: tuple[int | str, ...]) -> str:
    """A JSON Pointer as a fragment (RFC 6901 §6). Keys that are no words are not repeated: they may be anything."""
    parts = [str(part) for part in loc]
    return "#" + "".join(f"/{part if part == '[key]' or _WORD.fullmatch(part) else '*'}" for part in parts)


#: Which problems any request may meet, for the description of the API.
ANY = {
    400: "not readable as HTTP or JSON",
    401: "no token, or none of ours",
    403: "the token may not do this, or policy forbids it",
    404: "not there, or another tenant's",
    405: "the path is right, the method is not",
    408: "the body took too long",
    413: "the body is too large",
    415: "the body is not JSON",
    422: "understood, and wrong: `errors` says where",
    503: "not now: the store is lost, or there is too much to do; Retry-After says when",
}


def described(*more: int, but: Iterable[int] = ()) -> dict[int | str, dict[str, Any]]:
    """Problems of one operation for OpenAPI: those that any may meet and more."""
    texts = {
        **ANY,
        409: "the key was used for another body, or it is over already",
        429: "a limit is reached; Retry-After says when",
    }
    chosen = [status for status in texts if (status in ANY or status in more) and status not in set(but)]
    return {
        status: {
            "description": texts[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
        }
        for status in chosen
    }
