"""From where a trunk calls: what needs more than one value of `sources`.

Owns the check of the list; the syntax of each is `controller.config.sources`'.
"""

from __future__ import annotations

from controller.config.diagnostics import quoted
from controller.config.places import Places
from controller.config.sources import TLS
from controller.config.validate import describe
from controller.types import Listen


def distinct_sources(
    places: Places, trunk: str, written: list[str], listen: tuple[Listen, ...], *, all_known: bool
) -> tuple[str, ...]:
    """The sources of a trunk, each once; what stands twice is reported, and a certificate that nobody asks for.

    ``all_known``: no listener is wrong itself.
    """
    asks = any(ours.tls is not None and ours.tls.clients for ours in listen)
    for index, source in enumerate(written):
        if source in written[:index]:
            loc = ("trunks", trunk, "sources")
            message = f"{quoted(source)} stands twice in {describe(places.root, loc)}"
            places.report.error(places.at(*loc, index), "DUPLICATE", message, "remove one of the two")
        elif source.startswith(TLS) and all_known and not asks:
            message = f"no listener asks for the certificate {quoted(source)} of trunk {quoted(trunk)}"
            hint = "write verify: clients in a TLS listener, or name the addresses"
            places.report.error(places.at("trunks", trunk, "sources", index), "NO_LISTENER", message, hint)
    return tuple(dict.fromkeys(written))
