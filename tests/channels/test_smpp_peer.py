"""The SMPP adapter against an SMSC that is not ours: Net::SMPP, Debian's libnet-smpp-perl, in a process of its own."""

import asyncio
from pathlib import Path
from random import Random

from controller.channels.base import Accepted, Inbound, Refused, Report
from controller.channels.smpp import SmppAdapter
from controller.types.smpp import SmppLong
from controller.types.words import Milestone
from tests.channels.desk import PATIENCE, Desk
from tests.channels.smpp_world import account, text

SCRIPT = Path(__file__).parent / "smsc.pl"


def test_an_smsc_in_perl(free_port: int) -> None:
    async def play() -> list[str]:
        peer = await asyncio.create_subprocess_exec(
            "perl", str(SCRIPT), str(free_port), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            async with asyncio.timeout(PATIENCE):
                assert peer.stdout is not None
                assert await peer.stdout.readline() == b"ready\n"
                return await talk(free_port, peer.stdout)
        finally:
            if peer.returncode is None:
                peer.kill()
            await peer.communicate()

    said = asyncio.run(play())
    assert "enquire" in said
    assert [line.rpartition("-")[0] for line in said if line.startswith("query")] == ["query perl"]
    assert [line for line in said if line not in {"enquire", "unbind"} and not line.startswith("query")] == [
        "bind acme secret",
        "submit 5 ACME 1 15550100 0 0 1 000000000100000R 436f64653a201b65",
        "delivered 0",
        "delivered 0",
        "delivered 0",
        "submit 5 ACME 1 15550101 8 0 1 000000000100000R 043a043e0434",
        "submit 5 ACME 1 15550100 0 64 0 000000000100000R 050003ce0201" + "78" * 153,
        "submit 5 ACME 1 15550100 0 64 1 000000000100000R 050003ce0202" + "78" * 8,
        "delivered 0",
        "delivered 0",
        "delivered 0",
        "submit 5 ACME 1 15550100 0 0 1 000000000100000R 6e6f2072656365697074",
    ]


async def talk(port: int, stdout: asyncio.StreamReader) -> list[str]:
    """Send and hear; what the other side says it got."""
    desk, said = Desk(), list[str]()

    async def hear_until(line: str) -> None:
        while not said or said[-1] != line:
            said.append((await stdout.readline()).decode().strip())

    adapter = SmppAdapter(account(port, enquire=0.2, long=SmppLong.UDH, query=0.3), Random(1))
    await adapter.start(desk.take)
    await desk.alive()
    accepted = await adapter.submit(text("Code: €"))
    assert accepted == Accepted("perl-2")
    await desk.until(lambda: desk.of(Inbound))
    (report,) = desk.of(Report)
    assert (report.ref, report.milestone, report.code) == ("perl-2", Milestone.ANSWERED, "DELIVRD/000")
    assert (desk.of(Inbound)[0].sender, desk.of(Inbound)[0].text) == ("+15550100", "thanks")
    assert await adapter.submit(text("код", to="+15550101")) == Refused("ESME_RTHROTTLED", "ESME_RTHROTTLED")
    submission = await adapter.submit(text("x" * 161))
    assert isinstance(submission, Accepted)
    await desk.until(lambda: len(desk.of(Inbound)) == 2)
    assert desk.of(Report)[1].ref == submission.ref
    submission = await adapter.submit(text("no receipt"))
    assert isinstance(submission, Accepted)
    await desk.until(lambda: submission.ref in [each.ref for each in desk.of(Report)])  # it was asked
    assert desk.of(Report)[-1].code == "DELIVRD/000"
    await hear_until("enquire")
    await adapter.close()
    await hear_until("unbind")
    return said
