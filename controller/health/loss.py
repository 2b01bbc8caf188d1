"""How many probes of one live trunk go unanswered, and how many in a row a dead one is told by.

Owns the measured loss of a trunk and the chance that a row of misses is nothing but loss. Must not know probes,
states or time.

Theory of operation. A Beta distribution over the share of misses, with a short memory (each probe takes 1/`MEMORY` of
what was known). The chance that a live trunk misses m in a row is the beta-binomial one,

    chance(m) = (a/(a+b)) · ((a+1)/(a+b+1)) · … · ((a+m-1)/(a+b+m-1)),

which believes the loss seen within the row as well: that is what makes the step from a clean to a lossy path safe.
A trunk is told dead when the chance is below `NEVER`. With ``MEMORY`` 64 that takes 11 misses at 10 % loss (5 % each
way), 16 at 19 % and 27 at 36 % (20 % each way).
"""

from __future__ import annotations

from math import ceil

MEMORY = 64.0  # probes
PRIOR = (15.5, 0.5)  # answered and missed probes that a new trunk is believed to have had; they fade like others
NEVER = 1e-9  # chance of a row of misses below which it is not loss
MOST = 48  # whoever loses more than half of all packets is as good as dead


class Loss:
    """The loss of one trunk."""

    __slots__ = ("_answered", "_missed")

    def __init__(self) -> None:
        self._answered, self._missed = PRIOR

    def add(self, answered: int, missed: int) -> None:
        """Take in probes of a trunk that lives: what was missed before an answer was lost."""
        keep = (1.0 - 1.0 / MEMORY) ** (answered + missed)
        self._answered = self._answered * keep + answered
        self._missed = self._missed * keep + missed

    @property
    def share(self) -> float:
        """The measured loss, 0 .. 1, both ways together."""
        return self._missed / (self._answered + self._missed)

    def misses_needed(self) -> int:
        """How many misses in a row are more than loss."""
        # never surer than after a whole memory without a miss: half a one may still come
        missed = max(self._missed, PRIOR[1])
        total = self._answered + missed
        chance, needed = 1.0, 0
        while chance > NEVER and needed < MOST:
            chance *= (missed + needed) / (total + needed)
            needed += 1
        return needed


def misses_at(loss: float) -> int:
    """How many misses in a row are needed on a trunk that was measured for long and loses this share."""
    measured = Loss()
    measured._answered, measured._missed = MEMORY * (1.0 - loss), MEMORY * loss
    return measured.misses_needed()


def least_misses(burst: float, span: float) -> int:
    """How many misses in a row span this silence (seconds) when one follows another ``burst`` apart; 8 at least."""
    return max(8, ceil(span / burst - 1e-9) + 1)
