"""Draws docs/transactions.md from the tables of sip/machines.py: `python docs/draw_transactions.py`.

Owns the wording of that page. The diagrams show what happens on the wire and what the user is told; the rows below each
of them are the table itself. A test holds the checked-in page equal to what this gives.
"""

from __future__ import annotations

from pathlib import Path

from sip.machines import TABLES
from sip.transaction import Input, State, Table

PAGE = Path(__file__).with_name("transactions.md")

INTRODUCTION = """\
# Transactions

The four transaction machines of RFC 3261 §17, with the Accepted state of RFC 6026. This page is drawn from the tables
in [`sip/machines.py`](../sip/machines.py) by [`draw_transactions.py`](draw_transactions.py): do not edit it.

An input that a state does not list changes nothing. In the diagrams a label reads *input / what goes out or is told*;
timers and housekeeping stand in the rows below. Timers A to K are those of RFC 3261 table 4, L and M of RFC 6026.

Where the tables differ from the figures of the RFCs, and why:

* **INVITE client, PROCEEDING, abandon** is the end that §9.1 asks for: a cancelled INVITE without a final response is
  given up 64 x T1 after the CANCEL. The figure leaves out how.
* **INVITE client, COMPLETED, transport error** ends the transaction without a word. The final response was passed on
  before; that its ACK met a closed port is nothing the user can act upon.
* **Non-INVITE server, abandon** ends a transaction that will never be answered: a 408 would come when its sender has
  timed out as well (RFC 4320 §4.2).
* **INVITE server, CONFIRMED, request** is absorbed: a copy of the INVITE that its ACK has overtaken must not start
  anything.
* **Server transactions and transport errors.** RFC 6026 keeps them alive. Nothing feeds them transport errors here: an
  ICMP error quotes the branch of a request, and responses have none of ours.
* **100 Trying** is sent by the user of the INVITE server transaction, at once, not by a timer of 200 ms.
"""

#: Actions that concern only the machine itself: not in the diagrams.
_HOUSEKEEPING = ("arm_", "disarm", "drop_", "end")


def draw() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(_draw_machine(name, table) for name, table in TABLES.items())])


def _draw_machine(name: str, table: Table) -> str:
    lines = [f"## {name[0].upper()}{name[1:]}", "", "```mermaid", "stateDiagram-v2"]
    rows = ["| state | input | next state | actions |", "|---|---|---|---|"]
    for state, inputs in table.items():
        for kind, (after, actions) in inputs.items():
            names = [action.__name__ for action in actions]
            shown = [_words(action) for action in names if not action.startswith(_HOUSEKEEPING)]
            label = " / ".join(filter(None, [_input(kind), ", ".join(shown)]))
            lines.append(f"    {_place(state)} --> {_place(after)}: {label}")
            done = ", ".join(_words(action) for action in names) or "nothing"
            rows.append(f"| {state.name} | {_input(kind)} | {after.name} | {done} |")
    return "\n".join([*lines, "```", "", *rows, ""])


def _place(state: State) -> str:
    return "[*]" if state in (State.INITIAL, State.TERMINATED) else state.name


def _input(kind: Input) -> str:
    """RESPONSE_3XX_6XX -> "3xx-6xx", TIMER_A -> "timer A", TRANSPORT_ERROR -> "transport error"."""
    word, _, rest = kind.name.partition("_")
    if word == "RESPONSE":
        return rest.lower().replace("_", "-")
    if word == "TIMER":
        return f"timer {rest}"
    return kind.name if kind is Input.ACK else kind.name.lower().replace("_", " ")


def _words(action: str) -> str:
    words = action.replace("_", " ")
    return f"arm {words[-1].upper()}" if action.startswith("arm_") else words.replace("ack", "ACK")


if __name__ == "__main__":
    PAGE.write_text(draw(), encoding="utf-8")
