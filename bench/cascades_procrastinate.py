"""The cascade of `bench.cascades` as jobs of procrastinate, on the same PostgreSQL: what others do it with.

Each step is a job, and so is each report; an intent is written down before a provider is asked, as in callward. Requests
come from within the process, not over HTTP, which spares it that cost. Owns the comparison alone.
"""

from __future__ import annotations

import asyncio
import json
import re
import time

import procrastinate
import psycopg

from bench.cascades_world import REPORT_AFTER

AT_ONCE = 32  # jobs under way
PROVIDERS = ("wa-1", "rcs-1", "sms-1")

app = procrastinate.App(connector=procrastinate.PsycopgConnector())
_done: asyncio.Queue[int]


@app.task(name="step")
async def step(cascade: int, number: int) -> None:
    """Ask a provider; what it says is the next job."""
    await _write(cascade, f"sending by {PROVIDERS[number]}")
    if number == 0:  # it refuses at once
        await step.defer_async(cascade=cascade, number=1)
        return
    loop = asyncio.get_running_loop()
    loop.call_later(REPORT_AFTER, lambda: _keep(loop.create_task(report.defer_async(cascade=cascade, number=number))))


@app.task(name="report")
async def report(cascade: int, number: int) -> None:
    """RCS fails, SMS arrives."""
    await _write(cascade, "delivered" if number == 2 else "undelivered")
    if number == 1:
        await step.defer_async(cascade=cascade, number=2)
    else:
        _done.put_nowait(cascade)


_tasks: set[asyncio.Task[int]] = set()


def _keep(task: asyncio.Task[int]) -> None:
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _write(cascade: int, state: str) -> None:
    await app.connector.execute_query_async(
        "UPDATE cascade SET state = %(state)s, history = history || %(line)s WHERE id = %(id)s",
        id=cascade,
        state=state,
        line=json.dumps([state]),
    )


async def measure_other(url: str, count: int = 300) -> float:
    """Cascades a second."""
    global _done  # noqa: PLW0603  # tasks of procrastinate are found by name, and have no other way to say it
    _done = asyncio.Queue()
    url = re.sub(r"[?&]search_path=[^&]*", "", url)  # asyncpg's own; the server is ours alone
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("CREATE TABLE cascade (id int PRIMARY KEY, state text, history jsonb)")
    connector = procrastinate.PsycopgConnector(conninfo=url, min_size=4, max_size=16)
    with app.replace_connector(connector) as running:
        async with running.open_async():
            await running.schema_manager.apply_schema_async()
            worker = asyncio.ensure_future(running.run_worker_async(concurrency=AT_ONCE, install_signal_handlers=False))
            begun = time.perf_counter()

            async def accept(cascade: int) -> None:
                await running.connector.execute_query_async(
                    "INSERT INTO cascade VALUES (%(id)s, 'new', '[]')", id=cascade
                )
                await step.defer_async(cascade=cascade, number=0)

            for first in range(0, count, AT_ONCE):
                await asyncio.gather(*(accept(number) for number in range(first, min(first + AT_ONCE, count))))
            for _ in range(count):
                await asyncio.wait_for(_done.get(), 60)
            took = time.perf_counter() - begun
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)
    return count / took
