"""What would become of a call: the route, the plan and the order of a fresh run, said to people.

`answer` is what is said and how it is found, `play` runs a plan in no time, `question` reads what is asked, `text` writes
for people. It decides nothing: `match_route`, `make_plan`, the gate and `Run` are the very functions that carry calls.
"""

from __future__ import annotations

from controller.explain.answer import Explanation, explain, to_data
from controller.explain.question import QuestionError, assume_down, assume_full, check_trunk, parse_moment
from controller.explain.text import print_explanation

__all__ = [
    "Explanation",
    "QuestionError",
    "assume_down",
    "assume_full",
    "check_trunk",
    "explain",
    "parse_moment",
    "print_explanation",
    "to_data",
]
