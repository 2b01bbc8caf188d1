"""One call as plain data: its record, its ladder and its messages, for the console and for `--json`. Must not judge."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from controller.masking import mask_shown, mask_within
from controller.records.ladder import draw


def show_call(found: Mapping[str, Any], ours: Container[str] = (), *, whole: bool) -> dict[str, Any]:
    """What `Reader.call` found, with its ladder, as plain data; ``whole``: numbers as they are, else as `mask_shown` has them."""
    record, messages = found["record"], found["messages"]
    ladder = draw(record, messages)
    numbers = [record["did"], record["caller"]] if record is not None else []
    texts = [row.data.decode("utf-8", "replace") for row in messages]
    if not whole:
        texts = [mask_within(text, *numbers) for text in texts]
        for line in ladder["lines"]:
            line["text"] = mask_within(line["text"], *numbers)
    call = found["call"] if whole else mask_within(found["call"], *numbers)
    shown = record if whole or record is None else mask_shown(record, ours)
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
