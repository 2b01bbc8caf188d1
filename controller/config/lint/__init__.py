"""What loads but is wrong: warnings about a dialplan that compiled.

Owns the list of rules; each is a function in a file of its topic. They run only on files without errors: what a broken file
lacks would look like a flaw of its design. `codes` has the code of every warning, `docs/lint.md` what each means.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from controller import clock
from controller.config.diagnostics import Report
from controller.config.lint.chains import check_chains
from controller.config.lint.conditions import check_conditions
from controller.config.lint.ground import Ground
from controller.config.lint.holidays import check_holidays
from controller.config.lint.hours import check_hours
from controller.config.lint.numbers import check_numbers
from controller.config.lint.order import check_order
from controller.config.lint.outward import check_outward
from controller.config.lint.people import check_people
from controller.config.lint.secrets import check_secrets
from controller.config.lint.trunks import check_trunks
from controller.config.lint.unused import check_unused
from controller.config.lint.waiting import check_waiting
from controller.config.lint.ways import check_ways
from controller.config.listen import warn_idle_advertise
from controller.config.names import Names
from controller.config.source import MapNode
from controller.types import Dialplan

_ANYWHERE: tuple[Callable[[Ground], None], ...] = (check_unused, check_secrets)
#: These need trunks, chains and routes.
_OF_CALLS: tuple[Callable[[Ground], None], ...] = (
    check_order,
    check_numbers,
    check_trunks,
    check_chains,
    check_ways,
    check_outward,
    check_conditions,
    check_people,
    check_waiting,
    check_hours,
    check_holidays,
)


def lint(dialplan: Dialplan, root: MapNode, names: Names, report: Report) -> None:
    """Report every finding; ``root`` is what the dialplan was compiled from."""
    ground = Ground(dialplan, root, names, report, datetime.fromtimestamp(clock.epoch(), UTC).date())
    for rule in _ANYWHERE:
        rule(ground)
    if dialplan.listen:  # else messages alone: no section of calls is there
        warn_idle_advertise(dialplan, root, report)
        for rule in _OF_CALLS:
            rule(ground)
