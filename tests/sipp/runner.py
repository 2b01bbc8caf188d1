"""Runs the cases of the matrix against one daemon, several at a time, and says what is wrong with each.

Owns who is started when and waited for. Nothing sleeps: callees are ready when their ports are bound, callers end by
themselves, and every SIPp has a limit of its own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.sipp.audit import audit
from tests.sipp.daemon import Daemon, DaemonError, Event
from tests.sipp.ladder import print_ladder
from tests.sipp.matrix import Case, write_dialplan
from tests.sipp.process import Ports, Sipp, SippError, read_script

CALLER = "caller"
GRACE = 3.0  # seconds beyond its own limit within which a SIPp must have ended


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one case."""

    problems: Sequence[str]
    ladder: str  # all messages of all parties
    events: Sequence[str]  # what the daemon wrote about it

    @property
    def report(self) -> str:
        """All that helps to find the cause."""
        parts = ["", *(f"* {problem}" for problem in self.problems), "", "messages (seconds, who, what):", self.ladder]
        return "\n".join([*parts, "", "the daemon said:", *self.events])


def run_cases(cases: Sequence[Case], folder: Path, side_by_side: int = 8) -> dict[str, Verdict]:
    """Run them all and give the verdict on each. Most of the time is waiting, so many fit on two cores."""
    ports = Ports(os.getpid())
    numbers = {(case.name, phone): ports.pick() for case in cases for phone in case.phones}
    listen = ports.pick()
    dialplan = folder / "matrix-dialplan.yaml"
    dialplan.write_text(write_dialplan(cases, listen, numbers))
    # Probed trunks are waited for, which may take a while: those cases begin first.
    ordered = sorted(cases, key=lambda case: not case.after)
    with Daemon(dialplan, folder / "state") as daemon, ThreadPoolExecutor(side_by_side) as pool:
        runs = {case.name: pool.submit(_run_case, case, daemon, listen, numbers, ports, folder) for case in ordered}
        verdicts = {name: run.result() for name, run in runs.items()}
        code = daemon.stop()
    if code != 0:
        raise DaemonError(f"the daemon ended with {code}, not 0, after SIGTERM:\n" + "\n".join(daemon.lines[-40:]))
    return verdicts


def _run_case(
    case: Case, daemon: Daemon, listen: int, numbers: Mapping[tuple[str, str], int], ports: Ports, folder: Path
) -> Verdict:
    home = folder / case.name
    home.mkdir()
    problems: list[str] = []
    parties: list[Sipp] = []
    with ExitStack() as stack:
        try:
            phones = {}
            for phone in case.observable:
                sipp = Sipp(
                    phone, read_script(case.phones[phone]), home, ports, case.within, port=numbers[case.name, phone]
                )
                parties.append(sipp)
                phones[phone] = stack.enter_context(sipp)
            for trunk, state in case.after.items():
                _wait_for_trunk(daemon, case.full(trunk), state)
            want = ("-set", "want", str(case.status)) if case.caller == "uac-expect-final" else ()
            script = read_script(case.caller)
            sipp = Sipp(CALLER, script, home, ports, case.within, remote=listen, arguments=("-s", case.did, *want))
            parties.append(sipp)
            caller = stack.enter_context(sipp)
            problems += _finish(case, caller, phones)
            daemon.wait_for(lambda event: _is_record(event, case), "the record of the call")
        except (SippError, DaemonError) as error:
            problems.append(str(error))
    messages = {sipp.who: sipp.messages() for sipp in parties}
    everything = print_ladder([message for seen in messages.values() for message in seen])
    heard = messages.pop(CALLER, [])
    records = [event for event in tuple(daemon.events) if _is_record(event, case)]
    problems += audit(case, heard, messages, records)
    needles = (case.name, *(case.full(name) for name in (*case.phones, *case.endpoints)))
    said = [line for line in tuple(daemon.lines) if any(needle in line for needle in needles)]
    return Verdict(problems, everything, said)


def _finish(case: Case, caller: Sipp, phones: Mapping[str, Sipp]) -> list[str]:
    """Wait for the end of each, stop who would wait for ever; what did not go as its scenario says."""
    problems = []
    rung = frozenset[str]().union(*case.rung)
    ends = [sipp for phone, sipp in phones.items() if phone in rung and not sipp.script.stays]
    for sipp in (caller, *ends):
        code = sipp.finish(case.within + GRACE)
        if code != 0:
            problems.append(
                f"{sipp.who}: {sipp.script.name} did not go as written (sipp: {code}):\n{sipp.complaints()}"
            )
    for sipp in phones.values():
        if sipp in ends:
            continue
        if sipp.finish(0) is not None:
            problems.append(f"{sipp.who}: {sipp.script.name} ended before its time:\n{sipp.complaints()}")
        else:
            sipp.stop()
    return problems


def _is_record(event: Event, case: Case) -> bool:
    return event.get("event") == "call" and event.get("chain") == (case.name if case.chain else "")


def _wait_for_trunk(daemon: Daemon, trunk: str, state: str) -> None:
    daemon.wait_for(
        lambda event: event.get("trunk") == trunk and event.get("new") == state, f"trunk '{trunk}' to be {state}"
    )
