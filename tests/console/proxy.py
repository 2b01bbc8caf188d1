"""A reverse proxy that puts the console below a path, as operators do. Owns nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import ClientConnectionError, web

from tests.console.scene import Backstage
from tests.ops.stage import Stage


@contextmanager
def proxy(scene: Backstage, prefix: str) -> Iterator[str]:
    """Its URL."""

    async def pass_on(request: web.Request) -> web.StreamResponse:
        target = scene.here.url + request.path_qs.removeprefix(prefix)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        async with scene.here.session.request(
            request.method, target, headers=headers, data=await request.read(), auto_decompress=False
        ) as answer:
            told = {name: value for name, value in answer.headers.items() if name.lower() != "transfer-encoding"}
            response = web.StreamResponse(status=answer.status, headers=told)
            await response.prepare(request)
            try:
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
            except ClientConnectionError:
                pass  # whoever looked has gone
            return response

    runners: list[web.AppRunner] = []

    async def start(_: Stage) -> str:
        app = web.Application()
        app.router.add_route("*", prefix + "/{rest:.*}", pass_on)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        return f"http://{host}:{port}{prefix}"

    async def stop(_: Stage) -> None:
        await runners[0].cleanup()

    url = scene.do(start)
    try:
        yield url
    finally:
        scene.do(stop)
