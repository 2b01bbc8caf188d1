"""The accounts of all trunks that ask for credentials, and the news of those that refuse them.

Owns which trunk has which `sip.account.Account`: it is kept over a reload while what the dialplan says stays the same,
so that nonces are not asked for again, and shared by the addresses of a name. `refused` is for the engine to take. Must not build or send requests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from controller.rules.expand import common_name
from controller.types import Auth, Trunk
from sip.account import Account
from sip.digest import Algorithm

CONFIRMED = 2  # refusals in a row


class Accounts:
    """By name of the trunk, those of the current dialplan; calls that are up on one that left are not let in any more."""

    def __init__(self, cnonce_of: Callable[[str], str]) -> None:
        """``cnonce_of`` makes our nonce of theirs (`sip.element.Element.cnonce_of`)."""
        self._cnonce_of = cnonce_of
        self._accounts: dict[str, tuple[Auth, Account]] = {}
        self.refused: list[tuple[str, str]] = []  # trunk, and why it does not let us in

    def swap(self, trunks: Mapping[str, Trunk]) -> None:
        """Use these from now on."""
        before, self._accounts = self._accounts, {}
        for trunk in trunks.values():
            if trunk.auth is None:
                continue
            name = common_name(trunk.name)
            known = self._accounts.get(name) or before.get(name)
            if known is None or known[0] != trunk.auth:
                known = trunk.auth, self._open(trunk.auth)
            self._accounts[name] = known

    def find(self, trunk: str) -> Account | None:
        """The account at a trunk, None where there is none."""
        known = self._accounts.get(common_name(trunk))
        return known[1] if known is not None else None

    def note_refusal(self, trunk: str, why: str) -> None:
        """A challenge of a trunk was not answered, or the answer not taken. Whoever is called may bring that about, so it
        is told when it happens twice in a row."""
        account = self.find(trunk)
        if account is not None and account.refusals >= CONFIRMED:
            self.refused.append((trunk, why))

    def _open(self, auth: Auth) -> Account:
        allowed = frozenset(Algorithm(name) for name in auth.algorithms)
        return Account(auth.user, auth.password, self._cnonce_of, realms=auth.realms, allowed=allowed)
