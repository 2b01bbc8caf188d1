"""`missed` of a route -> the frozen class.

Owns what its template may ask for: the process for calls knows two numbers and nothing else.
"""

from __future__ import annotations

import re

from controller.config.diagnostics import quoted
from controller.config.messages_daemon_compile import use_tenant
from controller.config.missed import MissedModel
from controller.config.places import Places
from controller.config.validate import Loc
from controller.types.messages import MISSED_PARAMS, Missed

_PARAM = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def build_missed(places: Places, model: MissedModel | None, tenant: str, loc: Loc) -> Missed | None:
    """What becomes of it; ``tenant`` is that of its route."""
    if model is None:
        return None
    if model.cascade:
        places.use("cascades", model.cascade, (*loc, "cascade"), loc)
    if model.template and places.use("templates", model.template, (*loc, "template"), loc):
        _check_template(places, model.template, loc)
    if model.tenant is not None:
        use_tenant(places, model.tenant, (*loc, "tenant"), loc)
    for place, other in enumerate(model.to):
        if other in model.to[:place]:
            message = f"{quoted(other)} stands twice in {places.describe((*loc, 'to'))}"
            places.report.error(places.at(*loc, "to", place), "DUPLICATE", message, "remove one of the two")
    return Missed(model.cascade, tuple(model.to), model.template, model.language, model.tenant or tenant or "calls")


def _check_template(places: Places, name: str, loc: Loc) -> None:
    """A template that wants a code has none here."""
    model = places.file.templates.get(name)
    texts = [*model.text.values(), *(model.subject or {}).values()] if model is not None else []
    wanted = {found for text in texts for found in _PARAM.findall(text)}
    if other := sorted(wanted - set(MISSED_PARAMS)):
        message = f"template {quoted(name)} wants {quoted(other[0])}, which {places.describe(loc)} does not have"
        hint = f"a missed call has {' and '.join('{' + param + '}' for param in MISSED_PARAMS)}: write another template"
        places.report.error(places.at(*loc, "template"), "NO_PARAM", message, hint)
