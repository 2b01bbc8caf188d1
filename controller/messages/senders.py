"""Which number or name of ours a message comes from.

Owns the choice among those of a provider: where they may be used, of which kind a rule wants them, and taking turns by what
each can carry. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import blake2b

from controller.types.messages import NumberKind, Provider, Sender


def usable(provider: Provider, country: str, kinds: Collection[NumberKind] | None = None) -> tuple[Sender, ...]:
    """Those that may be used for a country ("": one that is not known, where only those for everywhere may), the ones
    made for it first. ``kinds``: what a rule wants; None for any."""
    fit = [
        sender
        for sender in provider.senders
        if "send" in sender.can
        and (not sender.countries or country in sender.countries)
        and (kinds is None or sender.kind in kinds)
    ]
    fit.sort(key=lambda sender: not sender.countries)
    return tuple(fit)


def choose(senders: Sequence[Sender], key: str) -> str:
    """One of them, drawn by the key in proportion to what they can carry, so that it replays; those made for the country
    come before those for everywhere. "" for none."""
    own = [sender for sender in senders if sender.countries] or senders
    if len(own) < 2:
        return own[0].id if own else ""
    weights = [sender.per_second for sender in own]
    if not all(weights):
        weights = [1.0] * len(own)
    digest = blake2b(f"sender {key}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    left = int.from_bytes(digest, "big") / 2**64 * sum(weights)
    for sender, weight in zip(own, weights, strict=True):
        left -= weight
        if left < 0:
            return sender.id
    return own[-1].id
