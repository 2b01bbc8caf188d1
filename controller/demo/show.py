"""All that is shown: the testbed, the providers, an app that sends codes, and where the console is.

Owns what of it is opened when, and that it is gone afterwards.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from controller.demo.codes import App, open_app
from controller.demo.controls import Controls
from controller.demo.pager import open_pager
from controller.demo.plan import Plan, prepare
from controller.demo.providers import Providers, open_providers
from controller.demo.testbed import Sign, Testbed, run_plan
from controller.ops.staging import FILE, VARIABLE

#: The tokens of the dialplan: of the app, and of who looks at the console.
APP, YOU = "app", "you"


class Show:
    """See the top of the file. Calls can be made at once, the rest is there after `complete`."""

    def __init__(self, file: Path, plan: Plan, state_dir: Path, testbed: Testbed, providers: Providers) -> None:
        self.file = file  # as it was written
        self.plan = plan  # as it is run
        self.state_dir = state_dir
        self.testbed = testbed
        self.providers = providers
        self.controls = Controls(testbed, providers)
        self.signs = {name: Sign() for name in providers.all}  # what callward says of providers
        self.app: App
        self.console = ""  # its URL

    @property
    def link(self) -> str:
        """The console's URL for who is to be logged in by it."""
        return f"{self.console}/#/token/{self.plan.tokens[YOU]}"

    async def complete(self, stack: AsyncExitStack) -> None:
        """Wait for the processes beside that for calls.

        Raises `DemoError`.
        """
        api, console = await self.testbed.until_listening("messages"), await self.testbed.until_listening("ops")
        self.app = await stack.enter_async_context(open_app(api, self.plan.tokens[APP], self.providers.journal))
        self.console = f"http://{console}"


@asynccontextmanager
async def open_show(
    file: Path,
    folder: Path,
    on_trunk: Callable[[str, Sign], None],
    on_page: Callable[[str, str], None] = lambda *_: None,
) -> AsyncIterator[Show]:
    """Everything up and running. ``folder`` is for what the daemon keeps; ``on_page`` hears what `pager` does.

    Raises `DemoError`.
    """
    with prepare(file, folder, tokens=True) as plan:
        async with (
            open_pager(plan.dialplan, on_page),
            open_providers(plan.file) as providers,
            run_plan(plan, folder, on_trunk, {VARIABLE: FILE}) as testbed,
        ):
            yield Show(file, plan, folder, testbed, providers)
