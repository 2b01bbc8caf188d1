"""Steps have one number, that of the dialplan, wherever they are shown: what nobody can carry leaves a gap."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

from rich.console import Console

from controller.api.views import show_explanation
from controller.cascade_table import print_cascade
from controller.config import load
from controller.health.score import Scores
from controller.messages.cascade import Cascade
from controller.messages.explanation import describe
from controller.messages.planning import Planner
from controller.messages.reducer import reduce
from controller.messages.region import read_recipient
from controller.messages.request import Request
from controller.rules.plain import dump_plan, load_plan
from controller.rules.run import Run
from controller.store.base import Facts, History
from controller.types.cascades import CascadeBegun, Circumstances, SendMessage, SendRefused

EXAMPLE = Path(__file__).parents[2] / "dialplans" / "messages.yaml"


def test_a_step_keeps_its_number_where_others_are_left_out() -> None:
    dialplan = load(EXAMPLE).dialplan
    assert dialplan is not None
    assert dialplan.messaging is not None
    number = read_recipient("+14155550123")
    request = Request("acme", phone="+14155550123", use_case="payout")  # a policy takes the first step away
    planned = Planner(dialplan.messaging, Scores(())).plan(request, number, 0.0, "k", 0.0)
    foreseen = {step["step"]: step["channel"] for step in describe(planned, dialplan.messaging, number, 0.0)["steps"]}
    assert 1 not in foreseen

    plan = load_plan(json.loads(json.dumps(dump_plan(planned.plan))))
    cascade = Cascade("c", "acme", "", Run(plan), planned.terms)
    history = [History(1, 0.0, planned.audit())]
    explained = show_explanation(cascade, Facts(), history)
    assert {step["step"]: step["channel"] for step in explained["plan"]} == foreseen
    assert (explained["cascade"]["step"], explained["cascade"]["steps"]) == (0, max(foreseen))

    commands = reduce(cascade, CascadeBegun(), 0.0, Circumstances()).commands
    sent = 0
    while commands:
        shown = show_explanation(cascade, Facts(), history)["cascade"]
        latest = shown["attempts"][-1]
        assert latest["step"] == shown["step"]
        assert foreseen[latest["step"]] == latest["channel"]
        assert cascade.sends[-1].send_key.startswith(f"c:{latest['step']}:")
        sent += 1
        commands = [
            command
            for command in reduce(cascade, SendRefused(latest["attempt"], "rejected"), 1.0, Circumstances()).commands
            if isinstance(command, SendMessage)
        ]
    assert sent > 1
    out = io.StringIO()
    print_cascade(show_explanation(cascade, Facts(), history), Console(file=out, width=120))
    assert re.search(r"^step 1: ", out.getvalue(), re.MULTILINE), "what was left out is said by the same numbers"
