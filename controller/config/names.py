"""Names: where each is defined, who uses it, and what a wrong one was meant to be.

Owns the tables of all that has a name, taken before anything wrong is cut out: a trunk whose
definition is wrong is still a known name.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable

from controller.config.diagnostics import Mistake, Report, quoted
from controller.config.source import MapNode, Node, ScalarNode
from controller.config.values import OFF, parse_name

#: section -> what one of its entries is called
KINDS = {
    "trunks": "trunk",
    "users": "user",
    "probes": "probe",
    "endpoints": "endpoint",
    "chains": "chain",
    "sites": "site",
    "hours": "calendar",
    "tenants": "tenant",
    "providers": "provider",
    "cascades": "cascade",
    "templates": "template",
}
_OPTIONAL = {"users", "probes", "sites", "hours", "tenants", "providers", "cascades", "templates"}
#: Comparing a name costs up to 100 us: beyond this many a slip that runs through a big file gets no suggestion.
_BUDGET = 30_000
_LISTED = 8  # known names that are listed when none is similar


class Names:
    """The names that a file defines, and which of them are in use."""

    def __init__(self, root: Node, report: Report) -> None:
        self._report = report
        self._defined = {section: _keys(root, section) for section in KINDS}
        self._used: dict[str, set[str]] = {section: set() for section in KINDS}
        self._hints: dict[tuple[str, str], str] = {}
        self._budget = _BUDGET
        for section, keys in self._defined.items():
            self._check(section, keys or {})

    def use(self, section: str, name: str, at: Node, inside: str | Callable[[], str]) -> bool:
        """Note that a name is used; report it when it is not defined. ``inside``: where, or what says where."""
        defined = self._defined[section]
        if defined is None:
            return False  # the section itself is missing or wrong, and said so
        if name in defined:
            self._used[section].add(name)
            return True
        hint = self._hints.get((section, name))
        if hint is None:
            hint = self._hints[section, name] = self._hint(section, name, defined)
        where = inside if isinstance(inside, str) else inside()
        self._report.error(at, "UNKNOWN_NAME", f"unknown {KINDS[section]} {quoted(name)} in {where}", hint)
        return False

    def unused(self, section: str) -> list[ScalarNode]:
        """The keys of the entries that nothing uses."""
        defined = self._defined[section] or {}
        return [key for name, key in defined.items() if name not in self._used[section]]

    def _check(self, section: str, keys: dict[str, ScalarNode]) -> None:
        for name, key in keys.items():
            try:
                parse_name(name, taken=OFF if section == "probes" else "")
            except Mistake as mistake:
                self._report.error(key, mistake.code, f"{mistake.message} for {_a(KINDS[section])}", mistake.hint)

    def _hint(self, section: str, name: str, defined: dict[str, ScalarNode]) -> str:
        kind = KINDS[section]
        for other, names in self._defined.items():
            if names and name in names:
                return f"{quoted(name)} is {_a(KINDS[other])} ({names[name].line_of_file}); name {_a(kind)} here"
        close = self._closest(name, defined)
        if close is not None:
            return f"did you mean {quoted(close)}? (defined at {defined[close].line_of_file})"
        listed = [OFF] if section == "probes" else []
        listed += [quoted(known) for known in list(defined)[:_LISTED]]
        if not listed:
            return f"define it under '{section}'"
        more = ", ..." if len(defined) > _LISTED else ""
        return f"define it under '{section}', or write {' or '.join(listed)}{more}"

    def _closest(self, name: str, defined: dict[str, ScalarNode]) -> str | None:
        self._budget -= len(defined)
        if self._budget < 0:
            return None
        folded = {known.lower(): known for known in defined}
        close = difflib.get_close_matches(name.lower(), folded, n=1)
        return folded[close[0]] if close else None


def _keys(root: Node, section: str) -> dict[str, ScalarNode] | None:
    """The key nodes of a section; None when nobody can know them."""
    node = root.entries.get(section) if isinstance(root, MapNode) else None
    if node is None and section in _OPTIONAL:
        return {}
    return dict(node.keys) if isinstance(node, MapNode) else None


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeio" else f"a {noun}"
