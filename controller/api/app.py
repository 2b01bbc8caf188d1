"""The API as FastAPI has it: routes, their description (OpenAPI 3.1), errors in one form.

Owns paths, parameters, scopes and headers. Must not do what the service does. Bodies are read as raw bytes and checked by
their model once; that is most of why a request is quick.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Header, Path, Query
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from controller import __version__
from controller.api.accepting import MOST_KEY, PATH, acceptance, check_json
from controller.api.events import Stream, follow
from controller.api.hooks import take_webhook
from controller.api.models import CascadeRequest, Feedback, OptOut, Person, body_of, read_body, schemas
from controller.api.problems import MEDIA_TYPE, Problem, ProblemDetails, described
from controller.api.service import Service
from controller.api.shell import PATIENCE, Direct, Seen, Shell, principal
from controller.api.stats import stats_router
from controller.api.tokens import Tokens
from controller.api.views import CascadePage, CascadeView, Explanation, Foresight, Receipt
from controller.messages.ids import LENGTH
from controller.store.base import StoreError
from controller.types.cascades import CascadeStatus, FeedbackGiven

CascadeId = Annotated[str, Path(description="as the receipt has it", min_length=LENGTH, max_length=LENGTH)]
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "the same key with the same body gets the first answer again, whatever happened meanwhile",
    "schema": {"type": "string", "minLength": 1, "maxLength": MOST_KEY, "pattern": "^[!-~]+$"},
}


class Json(JSONResponse):
    """An answer that is JSON already, or plain data."""

    def render(self, content: Any) -> bytes:
        """As bytes."""
        return content.encode() if isinstance(content, str) else json.dumps(content).encode()


def create_app(
    service: Service,
    *,
    on_request: Callable[[Seen], None] = lambda _: None,
    on_fault: Callable[[str], None] = lambda _: None,
    routers: tuple[APIRouter, ...] = (),
    patience: float = PATIENCE,
) -> Shell:
    """The whole API, to be served. ``routers``: what others bring; tokens are asked for there as well. ``patience``: seconds that
    a request may take."""
    api = FastAPI(
        title="callward",
        version=__version__,
        summary="One call, every channel: message cascades.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    accept = acceptance(service.preparer, service.take)
    for router in (_cascades(service, accept), _persons(service), stats_router(service), _rest(service), *routers):
        api.include_router(router)
    speak_problems(api)
    _describe(api)
    direct = {("POST", PATH): accept}
    return Shell(api, Tokens(service.messaging.tokens), on_request, on_fault, patience, direct)


def speak_problems(api: FastAPI) -> None:
    """Have it answer all that goes wrong in one form."""
    api.add_exception_handler(Problem, _on_problem)
    api.add_exception_handler(HTTPException, _on_http)
    api.add_exception_handler(RequestValidationError, _on_parameters)
    api.add_exception_handler(Exception, _on_fault)


def _cascades(service: Service, accept: Direct) -> APIRouter:
    router = APIRouter(prefix="/v1/cascades", tags=["cascades"])

    @router.post(
        "",
        status_code=202,
        response_class=Json,
        responses={
            202: {
                "model": Receipt,
                "description": "written down: it will be carried out, whatever happens to this process",
                "headers": {
                    "Location": {"schema": {"type": "string"}, "description": "where it is"},
                    "Idempotency-Replayed": {"schema": {"type": "string"}, "description": "true: the answer of before"},
                },
            },
            **described(409, 429, but=(404,)),
        },
        openapi_extra={**body_of(CascadeRequest), "parameters": [_KEY]},
    )
    async def create(request: Request) -> Response:
        """Reach one person, by a cascade of the dialplan or by steps of your own."""
        done = await accept(request.scope, request.receive)  # only to be described: the shell asks `accept` itself
        return Response(done.body, done.status, {name.decode(): value.decode() for name, value in done.headers})

    @router.post(
        "/explain",
        response_class=Json,
        responses={200: {"model": Foresight}, **described(but=(404,))},
        openapi_extra=body_of(CascadeRequest),
    )
    async def foresee(request: Request) -> Response:
        """Where such a request would go now, and why nowhere else; nothing is counted, written down or sent."""
        who = principal(request.scope)
        who.need("read")
        return Json(service.foresee(who, read_body(CascadeRequest, await json_body(request))))

    @router.get("", response_class=Json, responses={200: {"model": CascadePage}, **described(but=(400, 404, 413, 415))})
    async def find(
        request: Request,
        status: Annotated[CascadeStatus | None, Query(description="only these")] = None,
        before: Annotated[
            str | None, Query(description="`next` of the page before", pattern="^[0-9a-z]+$", max_length=LENGTH)
        ] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> Response:
        """Cascades, the newest first."""
        who = principal(request.scope)
        who.need("read")
        return Json(await service.page(who, status.value if status is not None else "", before or "", limit))

    @router.get(
        "/{cascade_id}", response_class=Json, responses={200: {"model": CascadeView}, **described(but=(400, 413, 415))}
    )
    async def show(request: Request, cascade_id: CascadeId) -> Response:
        """One cascade, with its attempts."""
        who = principal(request.scope)
        who.need("read")
        return Json(await service.show(who, cascade_id))

    @router.get(
        "/{cascade_id}/explain",
        response_class=Json,
        responses={200: {"model": Explanation}, **described(but=(400, 413, 415))},
    )
    async def explain(request: Request, cascade_id: CascadeId) -> Response:
        """Where it went, why, and what came of it; each decision with all that it was made of."""
        who = principal(request.scope)
        who.need("read")
        return Json(await service.explain(who, cascade_id))

    @router.get(
        "/{cascade_id}/events",
        response_class=StreamingResponse,
        responses={
            200: {
                "description": "server-sent events: the history so far, then what happens, then `end`",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            **described(but=(400, 413, 415)),
        },
    )
    async def events(
        request: Request,
        cascade_id: CascadeId,
        last_event_id: Annotated[int, Header(ge=0, le=2**63 - 1, description="go on after this one")] = 0,
    ) -> Response:
        """What happens to it, as it happens."""
        who = principal(request.scope)
        who.need("read")
        await service.find(who, cascade_id)
        service.announcer.check(who.tenant)  # before the answer begins: later there is no way to say no
        stream = follow(service.store, service.announcer, cascade_id, last_event_id, who.tenant)
        return Stream(stream)

    @router.post(
        "/{cascade_id}/feedback",
        response_class=Json,
        responses={200: {"model": CascadeView}, **described()},
        openapi_extra=body_of(Feedback),
    )
    async def feedback(request: Request, cascade_id: CascadeId) -> Response:
        """Say what became of the code: a verified one ends the cascade, and tells which ways work."""
        who = principal(request.scope)
        who.need("send")
        body = read_body(Feedback, await json_body(request))
        return Json(await service.feedback(who, cascade_id, FeedbackGiven(body.outcome)))

    @router.post(
        "/{cascade_id}/cancel",
        response_class=Json,
        responses={200: {"model": CascadeView}, **described(409, but=(415,))},
    )
    async def cancel(request: Request, cascade_id: CascadeId) -> Response:
        """Send nothing more. What is with a provider already stays there."""
        who = principal(request.scope)
        who.need("send")
        return Json(await service.cancel(who, cascade_id))

    return router


def _persons(service: Service) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["persons"])
    out = {200: {"description": "whether the person wants nothing more"}, **described(but=(404,))}

    @router.post("/opt-outs", response_class=Json, responses=out, openapi_extra=body_of(OptOut))
    async def opt_out(request: Request) -> Response:
        """Remember that somebody wants nothing more of this tenant, or wants it again."""
        who = principal(request.scope)
        who.need("send")
        return Json(await service.set_opt_out(who, read_body(OptOut, await json_body(request))))

    @router.post("/opt-outs/find", response_class=Json, responses=out, openapi_extra=body_of(OptOut))
    async def is_out(request: Request) -> Response:
        """Whether somebody does. By POST: numbers have no place in paths, which are logged everywhere."""
        who = principal(request.scope)
        who.need("read")
        return Json(await service.is_opted_out(who, read_body(OptOut, await json_body(request))))

    @router.get(
        "/inbound",
        response_class=Json,
        responses={200: {"description": "messages, the newest first"}, **described(but=(400, 404, 413, 415))},
    )
    async def inbound(
        request: Request,
        before: Annotated[int, Query(ge=0, le=2**63 - 1, description="`next` of the page before; 0: the newest")] = 0,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> Response:
        """What people sent to the tenant's numbers."""
        who = principal(request.scope)
        who.need("read")
        return Json(await service.inbound(who, before, limit))

    @router.post(
        "/erase",
        response_class=Json,
        responses={200: {"description": "how many cascades knew the person"}, **described(but=(404,))},
        openapi_extra=body_of(Person),
    )
    async def erase(request: Request) -> Response:
        """Take a person out of all that is kept: numbers, addresses, texts, messages."""
        principal(request.scope).need("erase")
        return Json(await service.erase(read_body(Person, await json_body(request))))

    return router


def _rest(service: Service) -> APIRouter:
    router = APIRouter()
    signed = {200: {"description": "durable"}, **described(but=(401,))}

    @router.get("/hooks/{provider}", operation_id="hook_get", responses=signed, openapi_extra={"security": []})
    @router.post("/hooks/{provider}", operation_id="hook_post", responses=signed, openapi_extra={"security": []})
    async def hook(request: Request, provider: Annotated[str, Path(max_length=64)]) -> Response:
        """A provider's webhook, in the provider's own form; it is signed, so no token is asked for."""
        return await take_webhook(service, provider, request)

    @router.get(
        "/healthz",
        response_class=Json,
        responses={200: {"description": "well"}, **described(but=(400, 401, 403, 404, 413, 415, 422))},
        openapi_extra={"security": []},
    )
    async def healthz() -> Response:
        """Whether requests can be taken."""
        try:
            await service.store.next_due()
        except StoreError:
            raise Problem(503, "store", "the store is lost", retry_after=2) from None
        return Json({"ok": True})

    return router


async def json_body(request: Request) -> bytes:
    """The body of a request that says that it is JSON. Raises `Problem`."""
    kind = request.headers.get("content-type")
    check_json(None if kind is None else kind.encode("latin-1"))
    return await request.body()


# --------------------------------------------------------------------------- errors


def _answer(request: Request, problem: Problem) -> Response:
    request.scope["problem"] = problem.code
    return Response(problem.body(), problem.status, problem.headers, MEDIA_TYPE)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return _answer(request, error)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    codes = {404: ("not-found", "there is nothing here"), 405: ("method", "this cannot be done here")}
    code, detail = codes.get(error.status_code, ("http", "the request cannot be read"))
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = _allowed(request) or headers.get("Allow", "")
    return _answer(request, Problem(error.status_code, code, detail, headers=headers))


def _allowed(request: Request) -> str:
    """All methods of a path (RFC 9110 §15.5.6), as it is described: one route knows its own alone."""
    path = getattr(request.scope.get("route"), "path", "")
    return ", ".join(sorted(method.upper() for method in request.app.openapi()["paths"].get(path, ())))


async def _on_parameters(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [{"detail": str(each["msg"]).lower(), "parameter": str(each["loc"][-1])} for each in error.errors()]
    return _answer(request, Problem(422, "invalid", "parameters are not as they should be", errors=errors))


async def _on_fault(request: Request, _error: Exception) -> Response:
    return _answer(request, Problem(500, "fault", "a bug in callward: its log has more"))


# --------------------------------------------------------------------------- description


def _describe(api: FastAPI) -> None:
    """What FastAPI cannot know: models of raw bodies, problems, who may."""
    generate = api.openapi

    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            found = generate()
            components = found.setdefault("components", {})
            schemas_of = components.setdefault("schemas", {})
            schemas_of |= schemas(CascadeRequest, Feedback, OptOut, Person, ProblemDetails)
            for gone in ("HTTPValidationError", "ValidationError"):
                schemas_of.pop(gone, None)
            components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            found["security"] = [{"token": []}]
            api.openapi_schema = found
        return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign]
