"""What a trunk sees of a call -> the frozen classes: its number format, whose number it is shown, where it may redirect.

Owns what these keys have to say to each other.
"""

from __future__ import annotations

from controller.config.callerid import CallerIdModel
from controller.config.diagnostics import quoted
from controller.config.formats import FormatModel
from controller.config.model import StageModel, TrunkModel
from controller.config.places import Places
from controller.config.redirects import RedirectsModel
from controller.config.source import MapNode
from controller.config.validate import describe
from controller.types import Asserted, EarlyMedia, Identity, Mode, NumberForm, NumberFormat, Redirects, Show

_OF_A_COUNTRY = {NumberForm.NATIONAL, NumberForm.INTERNATIONAL}


def build_format(places: Places, trunk: str, model: FormatModel | None) -> NumberFormat | None:
    """How a trunk writes numbers; of `out` and `in` either stands for both."""
    if model is None:
        return None
    loc = ("trunks", trunk, "format")
    node = places.map_at(*loc)
    out = model.out or model.into or NumberForm.E164
    into = model.into or model.out or NumberForm.E164
    needs = next((key for key, form in (("out", model.out), ("in", model.into)) if form in _OF_A_COUNTRY), "")
    if needs and model.country is None and "country" not in node.lost:
        message = f"{quoted(needs)} needs a country in {describe(places.root, loc)}"
        places.report.error(
            node.keys[needs], "MISSING_KEY", message, "add country: US, the one whose numbers are meant"
        )
    return NumberFormat(out, into, model.country, model.prefix, model.tech_prefix)


def build_redirects(places: Places, trunk: str, model: RedirectsModel | None) -> Redirects | None:
    """Where a trunk may send a call by a 3xx."""
    if model is None:
        return None
    named = places.distinct("trunks", model.to, ("trunks", trunk, "redirects", "to"))
    return Redirects(tuple(name for name in named if name != trunk), model.most)


def build_early_media(model: StageModel, inherited: EarlyMedia | None) -> EarlyMedia:
    """Whose early media is heard; where several ring at once, they would be heard through each other."""
    together = model.mode is not Mode.SEQUENTIAL and len(model.ring) > 1
    return model.early_media or inherited or (EarlyMedia.FIRST if together else EarlyMedia.PASS)


def build_identity(places: Places, trunk: str, model: TrunkModel) -> Identity | None:
    """What a trunk is shown of who calls; None where all of it passes as it came."""
    caller_id = model.caller_id or CallerIdModel()
    if model.caller_id is not None:
        _check_caller_id(places, trunk, model.caller_id)
    identity = Identity(
        show=caller_id.show or (Show.NUMBER if caller_id.number else Show.PASS),
        number=caller_id.number,
        name=caller_id.name,
        domain=caller_id.domain.strip("[]"),  # an address is bare, as all of ours
        asserted=caller_id.identity,
        trusted=model.trusted,
        diversion=model.diversion,
        history=model.history_info,
    )
    return identity if identity != Identity() else None


def _check_caller_id(places: Places, trunk: str, model: CallerIdModel) -> None:
    loc = ("trunks", trunk, "caller_id")
    node = places.at(*loc)
    inside = describe(places.root, loc)
    lost = node.lost if isinstance(node, MapNode) else set()
    if model.show is Show.NUMBER and not model.number and "number" not in lost:
        hint = 'write caller_id: {number: "+15551000"}, the number that is shown'
        places.report.error(node, "MISSING_KEY", f"{inside} shows a number, and has none", hint)
    if not isinstance(node, MapNode) or lost:
        return
    shows = model.show is not None or bool(model.number)
    idle = [key for key in ("name", "domain") if key in node.entries]
    if idle and model.show in (None, Show.PASS) and model.identity is Asserted.OFF and not (shows and not model.show):
        message = f"{quoted(idle[0])} has no effect in {inside}: the caller's own number passes"
        places.report.warning(
            node.keys[idle[0]], "NO_EFFECT", message, "add show: own, or number: the one that is shown"
        )
    elif not node.entries:
        places.report.error(node, "EMPTY", f"{inside} is empty", "write pass, own or {number: NUMBER}, or remove it")
    elif model.show is Show.PASS and model.number and model.identity is Asserted.OFF:
        message = f"'number' has no effect in {inside}: the caller's own number passes"
        places.report.warning(node.keys["number"], "NO_EFFECT", message, "add identity: asserted, or remove 'show'")
