"""From where a trunk calls: what needs more than one value of `sources`.

Owns the check of the list; the syntax of each is `controller.config.sources`'.
"""

from __future__ import annotations

from controller.config.diagnostics import quoted
from controller.config.places import Places
from controller.config.validate import describe


def distinct_sources(places: Places, trunk: str, written: list[str]) -> tuple[str, ...]:
    """The sources of a trunk, each once; what stands twice is reported."""
    for index, source in enumerate(written):
        if source in written[:index]:
            loc = ("trunks", trunk, "sources")
            message = f"{quoted(source)} stands twice in {describe(places.root, loc)}"
            places.report.error(places.at(*loc, index), "DUPLICATE", message, "remove one of the two")
    return tuple(dict.fromkeys(written))
