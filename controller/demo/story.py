"""The story: five calls and two codes, and what breaks between them; each is judged by what really happened.

Owns the plot and the verdict. Must not print or touch sockets itself.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from controller import clock
from controller.demo.boxes import Box, Condition
from controller.demo.codes import Code
from controller.demo.screen import Screen
from controller.demo.show import Show
from controller.demo.testbed import Outcome
from sip.agent import CallState, Script

TALK = 0.25  # seconds each call lasts
NOTICED = 10.0  # seconds until the daemon must have noticed a change; it takes about one

AT_THE_DESK, ON_MOBILE, ANSWERING = (
    "front-desk via hq-pbx",
    "anna-mobile via carrier-a",
    "answering via carrier-b",
)
BUSY = Script(ring_after=None, reject=486)


async def tell(show: Show, screen: Screen, stack: AsyncExitStack) -> bool:
    """Tell it; True if every call and every code went where it should. ``stack``: what is opened on the way."""
    story = _Story(show, screen)
    testbed = show.testbed
    pbx, carrier = testbed.boxes["hq-pbx"], testbed.boxes["carrier-a"]
    whatsapp = show.providers.all["whatsapp-1"]

    await story.call("All is well.", expected=AT_THE_DESK)

    pbx.silence()
    await story.call("hq-pbx loses power; a call comes in before any probe could notice.", expected=ON_MOBILE)
    await story.notice(pbx, "down")
    screen.show_remark("by the timers of RFC 3261 alone this takes 32 s")

    carrier.fail(503)
    testbed.set_habit("anna-mobile", BUSY)
    await story.call("Now carrier-a fails as well, and Anna is on the phone.", expected=ANSWERING)

    screen.show_act("Both trunks are repaired.")
    carrier.revive()
    testbed.set_habit("anna-mobile")
    pbx.revive()
    await story.notice(pbx, "up")

    pbx.kill()
    await story.call("The SIP process of hq-pbx crashes; again a call comes in at once.", expected=ON_MOBILE)

    screen.show_act("The process is started again.")
    pbx.revive()
    await story.notice(pbx, "up")

    await story.call("All is well again.", expected=AT_THE_DESK)

    await show.complete(stack)
    await story.code("An app sends Anna a code.", expected="whatsapp-1")

    await whatsapp.become(Condition.FAILING)
    await story.code("WhatsApp answers with errors; another code.", expected="sms-1")
    await whatsapp.become(Condition.RUNNING)

    screen.show_end(story.outcomes, story.codes, story.problems)
    return not story.problems


class _Story:
    """What was told so far."""

    def __init__(self, show: Show, screen: Screen) -> None:
        self._show = show
        self._testbed = show.testbed
        self._screen = screen
        self.outcomes: list[Outcome] = []
        self.codes: list[Code] = []
        self.problems: list[str] = []

    async def call(self, title: str, expected: str) -> None:
        """Make a call and judge it."""
        number = len(self.outcomes) + 1
        self._screen.show_act(title, number)
        outcome = await self._testbed.call(self._screen.show_call, TALK)
        self.outcomes.append(outcome)
        found = judge(outcome, self._testbed.story(outcome.call), expected)
        found += [f"{name} is left ringing" for name, box in self._testbed.boxes.items() if box.agent.ringing]
        for problem in found:
            self._screen.show_problem(problem)
        self.problems += [f"call {number}: {problem}" for problem in found]

    async def code(self, title: str, expected: str) -> None:
        """Send a code and judge it."""
        number = len(self.outcomes) + len(self.codes) + 1
        self._screen.show_act(title, number)
        code = await self._show.app.send()
        self.codes.append(code)
        self._screen.show_code(code)
        found = judge_code(code, expected)
        for problem in found:
            self._screen.show_problem(problem)
        self.problems += [f"code {number}: {problem}" for problem in found]

    async def notice(self, box: Box, state: str) -> None:
        """Wait until the daemon has noticed that a box died or came back."""
        signs = self._testbed.signs
        if await self._testbed.until(lambda: signs[box.name].state == state, NOTICED):
            self._screen.show_notice(box.name, signs[box.name], max(0.0, signs[box.name].at - box.since))
        else:
            problem = f"{box.name} is not seen {state} {clock.monotonic() - box.since:.1f} s after it should be"
            self._screen.show_problem(problem)
            self.problems.append(problem)


def judge(outcome: Outcome, caller_story: list[str], expected: str) -> list[str]:
    """What is wrong with a call that should have been answered on this path; nothing, if all is well."""
    problems: list[str] = []
    finals = [status for status, _ in outcome.call.finals]
    if finals != [200]:
        got = ", ".join(map(str, finals)) or "no answer at all"
        problems.append(f"the caller should get one 200 and got {got}")
    talked = [path.name for path, rung in outcome.rung if rung.answered is not None]
    if talked != [expected]:
        problems.append(f"{expected} should answer, and {' and '.join(talked) or 'nobody'} did")
    winner = outcome.record["winner"] if outcome.record else None
    if winner != expected:
        problems.append(f"the daemon's log names {winner} as the winner")
    if "bye 200" not in caller_story or any(rung.state is not CallState.ENDED for _, rung in outcome.rung):
        problems.append("hanging up did not end the call everywhere")
    return problems


def judge_code(code: Code, expected: str) -> list[str]:
    """What is wrong with a code that should have arrived by this provider; nothing, if all is well."""
    problems: list[str] = []
    if code.status != "completed":
        problems.append(f"it should be completed, and is {code.status}: {code.reason or 'nobody knows why'}")
    if code.winner != expected:
        problems.append(f"it should arrive by {expected}, and did by {code.winner or 'nobody'}")
    if [got.provider for got in code.arrived] != [expected]:
        got = " and ".join(each.provider for each in code.arrived) or "nowhere"
        problems.append(f"Anna should see it once, by {expected}, and saw it by {got}")
    return problems
