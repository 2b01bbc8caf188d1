"""What an outcome means for a cascade: the table of causes of messages.

Owns the defaults that a cascade's `causes:` overrides. Whoever is not on a channel is not there through another provider
either: the next step. What a provider could not do another one may: the next provider. Must not weigh evidence: that is
`health.outcomes`.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.types import NO_ANSWER, TRANSPORT_ERROR, Verdict
from controller.types.cascades import (
    ABSENT,
    BAD_TEMPLATE,
    BLOCKED,
    ENOUGH,
    EXPIRED,
    FRAUD,
    LIMITED,
    MAX_ATTEMPTS,
    MAX_COST,
    NO_PROVIDER,
    NO_TIME,
    NOT_ALLOWED,
    NOT_ON_CHANNEL,
    NOT_WORTH,
    OPTED_OUT,
    REJECTED,
    TIMEOUT,
    UNCLEAR,
    UNDELIVERED,
    UNKNOWN_SUBSCRIBER,
)

#: A cause, a class of statuses ("5xx"), or "*" for all else.
DEFAULTS: Mapping[str, Verdict] = {
    # the person, or what is said
    UNKNOWN_SUBSCRIBER: Verdict.NEXT_TARGET,
    NOT_ON_CHANNEL: Verdict.NEXT_TARGET,
    ABSENT: Verdict.NEXT_TARGET,
    BLOCKED: Verdict.NEXT_TARGET,
    BAD_TEMPLATE: Verdict.NEXT_TARGET,
    "404": Verdict.NEXT_TARGET,
    "486": Verdict.NEXT_TARGET,  # of a call that says it
    "480": Verdict.NEXT_TARGET,
    "6xx": Verdict.NEXT_TARGET,
    "ESME_RINVDSTADR": Verdict.NEXT_TARGET,
    # the provider, or its way
    UNDELIVERED: Verdict.NEXT_PATH,
    EXPIRED: Verdict.NEXT_PATH,
    REJECTED: Verdict.NEXT_PATH,
    TIMEOUT: Verdict.NEXT_PATH,
    NO_ANSWER: Verdict.NEXT_PATH,  # its wait is over
    UNCLEAR: Verdict.NEXT_PATH,
    TRANSPORT_ERROR: Verdict.NEXT_PATH,
    # ours, about one provider
    LIMITED: Verdict.NEXT_PATH,
    MAX_COST: Verdict.NEXT_PATH,  # a cheaper one may follow
    NO_TIME: Verdict.NEXT_PATH,  # so may a faster one
    NOT_WORTH: Verdict.NEXT_PATH,
    # ours, about the step
    ENOUGH: Verdict.NEXT_TARGET,
    NO_PROVIDER: Verdict.NEXT_TARGET,
    # ours, about all of it
    MAX_ATTEMPTS: Verdict.STOP,
    OPTED_OUT: Verdict.STOP,
    FRAUD: Verdict.STOP,
    NOT_ALLOWED: Verdict.STOP,
    "*": Verdict.NEXT_PATH,
}


def table(overrides: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """What `Plan.causes` of a message is: the defaults, and what the cascade says otherwise."""
    return {**DEFAULTS, **overrides}
