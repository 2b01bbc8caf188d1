"""One call as plain data: its record, its ladder and its messages, for the console and for `--json`. Must not judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.records.ladder import draw
from controller.records.reading import mask_message, masked


def show_call(found: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
    """What `Reader.call` found, with its ladder, as plain data; ``whole``: numbers as they are."""
    record, messages = found["record"], found["messages"]
    ladder = draw(record, messages)
    numbers = [record["did"], record["caller"]] if record is not None else []
    texts = [row.data.decode("utf-8", "replace") for row in messages]
    if not whole:
        texts = [mask_message(text, *numbers) for text in texts]
        for line in ladder["lines"]:
            line["text"] = mask_message(line["text"], *numbers)
    call = found["call"] if whole else mask_message(found["call"], *numbers)
    shown = record if whole or record is None else masked(record)
    return {
        "id": found["id"],
        "call": call,
        "record": shown,
        "ladder": ladder,
        "messages": [
            {
                "at": row.at,
                "sent": bool(row.sent),
                "who": row.who,
                "host": row.host,
                "port": row.port,
                "transport": row.transport,
                "text": text,
            }
            for row, text in zip(messages, texts, strict=True)
        ],
    }
