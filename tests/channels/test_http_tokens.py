"""Tokens: who we are, how long, and what comes of none."""

import asyncio
import base64
import hmac
from dataclasses import replace

from controller.channels.base import Accepted, Refused
from controller.channels.http.tokens import sign_jwt
from controller.simulate.dialects.vonage import claims_of
from controller.types import TRANSPORT_ERROR
from controller.types.messages import Channel
from tests.channels.hooks import Pair, message, pair
from tests.channels.providers import private_key


def test_a_token_of_ours_is_signed() -> None:
    token = sign_jwt({"iss": "we"}, private_key(), "RS256")
    assert claims_of(token, private_key()) == {"iss": "we"}
    assert claims_of(token[:-4] + "AAAA", private_key()) is None
    assert sign_jwt({"a": 1}, "k", "HS256") == jwt_hs256_by_hand('{"alg":"HS256","typ":"JWT"}', '{"a":1}', b"k")


def jwt_hs256_by_hand(head: str, claims: str, key: bytes) -> str:
    """RFC 7515 §5.1, step by step."""
    head, claims = (base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in (head, claims))
    signature = hmac.new(key, f"{head}.{claims}".encode(), "sha256").digest()
    return f"{head}.{claims}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def test_a_token_is_fetched_once_for_many_and_anew_when_it_is_refused() -> None:
    async def play() -> None:
        async with pair(("rbm", Channel.RCS)) as both:
            sends = (both.adapter("rbm").submit(message(Channel.RCS, f"c{n}:0:1")) for n in range(20))
            assert all(isinstance(answer, Accepted) for answer in await asyncio.gather(*sends))
            assert both.simulator.tokens_given == 1
            both.adapter("rbm")._tokens._token = "taken back"
            assert isinstance(await both.adapter("rbm").submit(message(Channel.RCS, "d:0:1")), Accepted)
            assert both.simulator.tokens_given == 2

    asyncio.run(play())


async def _refusal(both: Pair, name: str, channel: Channel) -> Refused:
    answer = await both.adapter(name).submit(message(channel))
    assert isinstance(answer, Refused)
    assert both.simulator.journal.entries == []
    return answer


def test_without_a_token_nothing_is_sent() -> None:
    async def play() -> None:
        async with pair(("rbm", Channel.RCS), account="another") as both:
            assert (await _refusal(both, "rbm", Channel.RCS)).cause == "400"  # the agent is not ours
            await both.simulator.close()
            both.adapter("rbm")._tokens.forget()
            assert await _refusal(both, "rbm", Channel.RCS) == Refused(TRANSPORT_ERROR)
        async with pair(("vonage", Channel.SMS), account="another") as both:
            assert (await _refusal(both, "vonage", Channel.SMS)).cause == "401"
        async with pair(("sinch-conversation", Channel.RCS), token="another") as both:
            assert await _refusal(both, "sinch-conversation", Channel.RCS) == Refused("401", "token")

    asyncio.run(play())


def test_what_is_of_no_use_once_the_token_is_there_is_not_sent() -> None:
    async def play() -> None:
        async with pair(("rbm", Channel.RCS)) as both:
            late = replace(message(Channel.RCS, "c1:0:1"), lifetime=0.0)
            assert await both.adapter("rbm").submit(late) == Refused("NO_TIME", "the token took too long")
            assert both.simulator.tokens_given == 1
            assert both.simulator.journal.entries == []

    asyncio.run(play())
