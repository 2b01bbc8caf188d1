from __future__ import annotations

import io
import json
import logging

from controller.broker.libraries import listen_to_libraries
from controller.log import open_log


def test_what_libraries_say_is_one_masked_line_without_a_traceback() -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers = []
    log, writer = open_log(lines := io.StringIO())
    try:
        listen_to_libraries(log)
        logging.getLogger("asyncpg.pool").info("nobody wants to know")
        try:
            raise OSError("no way to +4915112345678, password=hunter2")
        except OSError:
            logging.getLogger("asyncpg.pool").exception("lost while sending to %s", "+4915112345678")
        logging.getLogger("aiohttp").warning("two values for %s %s", "one")  # noqa: PLE1206
    finally:
        root.handlers, root.level = before, level
    writer.close()
    first, second = (json.loads(line) for line in lines.getvalue().splitlines())
    assert (first["event"], first["name"], first["level"]) == ("library", "asyncpg.pool", "warning")
    assert first["why"].startswith("OSError: no way to")
    assert "5112345678" not in lines.getvalue()
    assert "hunter2" not in lines.getvalue()
    assert "Traceback" not in lines.getvalue()
    assert second["what"] == "two values for %s %s"
