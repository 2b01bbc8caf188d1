"""What libraries say, in our log: one line for each warning of theirs, masked as all lines are, without tracebacks.

By default Python writes such things to standard error as they are, with whatever values stand in them.
"""

from __future__ import annotations

import logging

from controller.log import Log
from controller.masking import mask_secrets


class _Relay(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        why = {"why": f"{type(error).__name__}: {mask_secrets(str(error))}"} if error is not None else {}
        try:
            what = record.getMessage()
        except (TypeError, ValueError):  # its words and its values do not go together
            what = str(record.msg)
        self._log.warning("library", name=record.name, what=mask_secrets(what), **why)


def listen_to_libraries(log: Log) -> None:
    """From now on, in this process."""
    logging.basicConfig(handlers=[_Relay(log)], level=logging.WARNING, force=True)
