"""The JSON Schema of the language, for editors; generated from the models.

Owns what makes pydantic's schema fit what people write: text that looks like a number, no nulls, no Python titles; and that
each key says what it means (`descriptions.yaml`), which editors show.
It is weaker than `check`: what compares values or looks names up is not in it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from controller.config.model import FileModel

TITLE = "callward dialplan, version 1"
WORDS = Path(__file__).with_name("descriptions.yaml")


def make_schema(model: type[BaseModel] = FileModel, title: str = TITLE, words: Path = WORDS) -> dict[str, Any]:
    """The schema as plain data; of another language than that of dialplans, with its ``words``, if that is asked for."""
    schema: dict[str, Any] = _tidy(model.model_json_schema())
    meanings = read_words(words)
    for name, each in {model.__name__: schema, **schema.get("$defs", {})}.items():
        for key, property_ in each.get("properties", {}).items():
            if meaning := meanings.get(name, {}).get(key):
                property_["description"] = meaning
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **schema}


def show_schema(model: type[BaseModel] = FileModel, title: str = TITLE, words: Path = WORDS) -> str:
    """The schema as the text of its file."""
    return json.dumps(make_schema(model, title, words), indent=2, ensure_ascii=False) + "\n"


def read_words(path: Path) -> dict[str, dict[str, str]]:
    """What keys mean, by the model that has them."""
    words: dict[str, dict[str, str]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return words


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
