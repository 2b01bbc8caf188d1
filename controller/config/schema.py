"""The JSON Schema of the language, for editors; generated from the models.

Owns what makes pydantic's schema fit what people write: text that looks like a number, no nulls, no Python titles.
It is weaker than `check`: what compares values or looks names up is not in it.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from controller.config.model import FileModel

TITLE = "callward dialplan, version 1"


def make_schema(model: type[BaseModel] = FileModel, title: str = TITLE) -> dict[str, Any]:
    """The schema as plain data; of another language than that of dialplans, if that is asked for."""
    schema: dict[str, Any] = _tidy(model.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **schema}


def show_schema(model: type[BaseModel] = FileModel, title: str = TITLE) -> str:
    """The schema as the text of its file."""
    return json.dumps(make_schema(model, title), indent=2) + "\n"


def _tidy(node: Any, *, names: bool = False) -> Any:
    """A node of the schema without what says nothing to an editor; ``names``: its keys are names, not keywords."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {key: _tidy(value) for key, value in node.items()}
    choices = [choice for choice in node.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        rest = {key: value for key, value in node.items() if key != "anyOf"}
        return _tidy({**choices[0], **rest})
    if node == {"type": "string"}:
        return {"type": ["string", "number", "boolean"]}  # a name may look like a number
    return {
        key: _tidy(value, names=key in {"properties", "$defs"})
        for key, value in node.items()
        if key != "title" and not (key == "default" and value in (None, "", [], {}))
    }
