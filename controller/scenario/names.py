"""Whom the names in a test mean: trunks, sites, carriers, endpoints, ways to them, providers.

Owns the table of all names of a dialplan, as people may write them in tests. Must not look at a file.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from controller.config.diagnostics import quoted
from controller.scenario.states import Kind, State, fits, words_for
from controller.types import THE_NUMBER, THE_TENANT, Dialplan, Path

#: Whoever a call outward is for.
DIALLED_ONE = "dialled"


@dataclass(slots=True)
class Names:
    """See the top of the file. ``kinds``: by name, what it may be, and the trunks, paths or providers that it means."""

    kinds: dict[str, dict[Kind, tuple[str, ...]]] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)  # by name
    live: set[str] = field(default_factory=set)  # endpoints that always answer

    def kind_of(self, name: str, state: State) -> Kind | None:
        """Of what kind a name is meant, if that can be said of it."""
        return next((kind for kind in self.kinds.get(name, ()) if fits(state, kind)), None)

    def means(self, name: str, path: str) -> bool:
        """Whether a name means a path: itself, its endpoint, or its trunk, with all that stands for trunks."""
        known = self.kinds.get(name, {})
        return path in known.get(Kind.PHONE, ()) or self.paths[path].trunk in known.get(Kind.TRUNK, ())

    def hint(self, name: str, kinds: Iterable[Kind] = Kind) -> str:
        """What was meant by a name that is none of these."""
        wanted = set(kinds)
        known = [each for each, found in self.kinds.items() if found.keys() & wanted]
        close = difflib.get_close_matches(name, known, n=1)
        shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
        return f"did you mean {quoted(close[0])}?" if close else f"there are {shown or 'none'}"

    def may_be(self, name: str) -> str:
        """How somebody may be."""
        return "; ".join(words_for(kind) for kind in self.kinds[name])


def find_names(dialplan: Dialplan) -> Names:
    """All names of a dialplan."""
    names = Names()
    trunks: dict[str, list[str]] = {}
    for trunk in dialplan.trunks.values():
        for word in dict.fromkeys((trunk.name, trunk.group)):
            trunks.setdefault(word, []).append(trunk.name)
    for site in dialplan.sites.values():
        trunks.setdefault(site.name, list(site.pbx))
    for trunk in dialplan.trunks.values():
        if trunk.carrier and trunk.carrier not in (dialplan.trunks.keys() | dialplan.sites.keys()):
            trunks.setdefault(trunk.carrier, []).append(trunk.name)
    phones: dict[str, list[str]] = {}
    for chain in dialplan.chains.values():
        for stage in chain.stages:
            for target in stage.targets:
                if target.live:
                    names.live.add(target.endpoint)
                for path in target.paths:
                    names.paths[path.name] = path
                    words = [target.endpoint, path.name]
                    if target.dialled:
                        words += [DIALLED_ONE, f"{DIALLED_ONE} via {path.trunk}"]
                    for word in dict.fromkeys(words):
                        phones.setdefault(word, []).append(path.name)
    _add(names, Kind.TRUNK, trunks)
    _add(names, Kind.PHONE, phones)
    if dialplan.listen:
        _add(names, Kind.LIMIT, {THE_NUMBER: [THE_NUMBER], THE_TENANT: [THE_TENANT]})
    if dialplan.messaging is not None:
        _add(names, Kind.PROVIDER, {name: [name] for name in dialplan.messaging.providers})
    return names


def _add(names: Names, kind: Kind, found: dict[str, list[str]]) -> None:
    for name, members in found.items():
        if name:
            names.kinds.setdefault(name, {})[kind] = tuple(dict.fromkeys(members))
