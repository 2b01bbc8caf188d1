"""What somebody asks for: one person to be reached, once, before a window is over.

Owns the request as plain data, whatever it came by (API, command line, a missed call). Must not decide anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.types.messages import RouteClass, Step


@dataclass(frozen=True, slots=True)
class Request:
    """One request. What nobody may log stays out of `repr`; None or empty: as policy and cascade have it."""

    tenant: str
    phone: str = field(default="", repr=False)  # E.164
    email: str = field(default="", repr=False)
    cascade: str = ""  # the name of one of the dialplan
    steps: tuple[Step, ...] = ()  # else these, as the request brings them
    use_case: str = ""
    route_class: RouteClass = RouteClass.STANDARD
    window: float | None = None  # seconds
    max_attempts: int | None = None
    max_cost: float | None = None
    fraud_score: float = 0.0  # 0 to 1, as whoever asks sees it
    limit_keys: Mapping[str, str] = field(default_factory=dict, repr=False)  # "ip", "session": by names of `limits`
    template: str = ""
    language: str = ""
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    text: str = field(default="", repr=False)  # instead of a template
    subject: str = field(default="", repr=False)
