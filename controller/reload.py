"""Reload: a dialplan is read, checked and looked up anew beside the call path, whole or not at all.

Owns what must hold before a running daemon takes another dialplan. It blocks (files, the resolver), so it runs in a
thread; it changes nothing: the swap is the app's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controller.addresses import AddressError, Placed, place_trunks
from controller.compiled import Compiled
from controller.config import load, render
from controller.resolver.question import Question
from controller.secure import Secured, SecureError
from controller.types import Address, Dialplan, Listen


class ReloadError(Exception):
    """The dialplan in the file is not taken; the message says where, what and what to do."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that a swap needs."""

    compiled: Compiled
    placed: Placed
    secured: Secured


def prepare(file: Path, running: Dialplan, known: Mapping[Question, tuple[Address, ...]]) -> Prepared:
    """Read the file again for a daemon that runs another version of it. Names that are not ``known`` are looked up.

    Raises `ReloadError`.
    """
    loaded = load(file)
    findings = render(loaded.diagnostics, loaded.sources)
    if loaded.dialplan is None:
        raise ReloadError(findings)
    _refuse_other_listeners(running.listen, loaded.dialplan.listen)
    try:
        placed = place_trunks(loaded.dialplan, known)
        secured = Secured(placed.dialplan)
    except (AddressError, SecureError) as error:
        raise ReloadError(str(error)) from error
    return Prepared(Compiled(loaded.dialplan, findings, loaded.inputs), placed, secured)


def _refuse_other_listeners(running: tuple[Listen, ...], wanted: tuple[Listen, ...]) -> None:
    """Calls that are up know us by our addresses: to change those takes a restart."""
    before, after = (
        sorted((one.transport, one.listener, one.host, one.port, one.advertise or ()) for one in listen)
        for listen in (running, wanted)
    )
    if not wanted:
        raise ReloadError("'listen' is gone, and calls may be up: restart the daemon for messages alone")
    if before != after:
        raise ReloadError(
            f"{wanted[0].where}: 'listen' differs from what this daemon listens on;"
            " restart it for that, or write the old addresses again"
        )
