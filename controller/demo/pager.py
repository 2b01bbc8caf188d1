"""Who is on call: a webhook that alerts are posted to, and what is read there.

Owns the server. Must not judge what it is told, nor prove it: only this machine reaches it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from aiohttp import web

from controller.demo.daemon import DemoError
from controller.types import Dialplan
from controller.types.alerts import Webhook


@asynccontextmanager
async def open_pager(dialplan: Dialplan, on_page: Callable[[str, str], None]) -> AsyncIterator[None]:
    """Listen where the dialplan's webhook of alerts leads; ``on_page`` hears what it is ("trigger", "resolve") and its title.

    Raises `DemoError`.
    """
    alerts = dialplan.ops.alerts if dialplan.ops is not None else None
    targets = [notifier.target for notifier in alerts.notifiers] if alerts is not None else []
    url = urlsplit(next(target.url for target in targets if isinstance(target, Webhook)))

    async def take(request: web.Request) -> web.Response:
        notice = await request.json()
        on_page(str(notice["what"]), str(notice["title"]))
        return web.json_response({})

    app = web.Application()
    app.router.add_post(url.path, take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, url.hostname, url.port).start()
        except OSError as error:
            raise DemoError(f"port {url.port}: {error.strerror}; end what listens there") from error
        yield
    finally:
        await runner.cleanup()
