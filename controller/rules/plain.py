"""Plans as plain data: what a journal row or a bug report holds, and back again.

Owns the shape of that data and nothing else; the state of a run is dumped in rules.run.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from controller.types import (
    Decided,
    Demoted,
    EarlyMedia,
    Milestone,
    Mode,
    Order,
    Path,
    Plan,
    Refusal,
    Skipped,
    Stage,
    Target,
    Verdict,
)


def dump_plan(plan: Plan) -> dict[str, Any]:
    """A plan as dicts, lists, strings and numbers."""
    return {
        "chain": plan.chain,
        "stages": [_dump_stage(stage) for stage in plan.stages],
        "hedges": dict(plan.hedges),
        "causes": {cause: verdict.value for cause, verdict in plan.causes.items()},
        "until": int(plan.until),
        "skipped": [asdict(skipped) for skipped in plan.skipped],
        "panic": plan.panic,
        "version": plan.version,
        "demoted": [asdict(demoted) for demoted in plan.demoted],
        "decisions": [{**asdict(decided), "order": list(decided.order)} for decided in plan.decisions],
        "refusal": asdict(plan.refusal) if plan.refusal is not None else None,
    }


def load_plan(data: dict[str, Any]) -> Plan:
    """The plan that `dump_plan` described."""
    return Plan(
        chain=data["chain"],
        stages=tuple(_load_stage(stage) for stage in data["stages"]),
        hedges=dict(data["hedges"]),
        causes={cause: Verdict(value) for cause, value in data["causes"].items()},
        until=Milestone(data["until"]),
        skipped=tuple(Skipped(**skipped) for skipped in data["skipped"]),
        panic=data["panic"],
        version=data["version"],
        demoted=tuple(Demoted(**demoted) for demoted in data["demoted"]),
        decisions=tuple(Decided(**{**decided, "order": tuple(decided["order"])}) for decided in data["decisions"]),
        refusal=Refusal(**data["refusal"]) if data["refusal"] is not None else None,
    )


def _dump_stage(stage: Stage) -> dict[str, Any]:
    data = asdict(stage)
    del data["when"], data["max_cost"]  # a plan has no conditions
    data["after"], data["overflow"] = list(stage.after), list(stage.overflow)
    for target in data["targets"]:
        del target["dialled"], target["drawn"]  # nor addresses that still want a number, or an order
    return data


def _load_stage(data: dict[str, Any]) -> Stage:
    targets = tuple(
        Target(target["endpoint"], tuple(Path(**path) for path in target["paths"]), target["live"])
        for target in data["targets"]
    )
    words: dict[str, Any] = {
        "until": None if data.get("until") is None else Milestone(data["until"]),
        "after": tuple(data["after"]),
        "overflow": tuple(data["overflow"]),
        "early_media": EarlyMedia(data["early_media"]),
    }
    return Stage(**{**data, "targets": targets, "mode": Mode(data["mode"]), "order": Order(data["order"]), **words})
