"""Providers whose interface is known: one file of data each, in the language of `http:` itself.

Owns their names and reading them. A file holds `vars` (what stands for a setting that the operator leaves out),
`channels` (what differs between them) and `http` (what all of them share); `like` names a preset that it begins with.
What is in them is what the providers document, and the simulator plays it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

_HERE = Path(__file__).parent

#: All scalars as text, as the language has them; the C parser is ten times as fast.
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

PRESETS = tuple(sorted(path.stem for path in _HERE.glob("*.yaml")))


@cache
def read_preset(name: str) -> dict[str, Any]:
    """A preset as plain data, which nobody may change: "vars", "channels" (by name) and "http"."""
    data: dict[str, Any] = yaml.load((_HERE / f"{name}.yaml").read_text("utf-8"), Loader=_LOADER)  # noqa: S506
    if "like" in data:
        data = merge({**read_preset(data["like"]), "channels": {}}, data)
    return {"vars": {}, "http": {}, **data}


def merge(base: Any, over: Any) -> Any:
    """Both, key by key; what is no mapping is replaced, and so is `auth`: there is one way to say who we are."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    both = {key: merge(base[key], value) if key in base and key != "auth" else value for key, value in over.items()}
    return {**base, **both}
