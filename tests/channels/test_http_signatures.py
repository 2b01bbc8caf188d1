"""Who sent a webhook: the providers' own examples, and a thousand that are not theirs."""

import base64
import hashlib
import hmac
from random import Random
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.channels.base import Forged, Inbound, Report, Webhook
from controller.channels.http.replays import Replays
from controller.channels.http.signatures import check, check_source
from controller.channels.http.webhooks import Webhooks
from controller.simulate.base import Word
from controller.simulate.dialects import DIALECTS
from controller.simulate.dialects.base import Hook, Sent, jwt_hs256
from controller.types.http import HmacSignature, JwtSignature, Part, Path, SharedToken, Slot, TwilioSignature
from controller.types.messages import Channel
from controller.types.words import Milestone
from tests.channels.hooks import accounts
from tests.channels.providers import ALL
from tests.channels.providers import settings as settings_of

PUBLIC = "https://hooks.example"
NOW = 1_750_000_000.0


def webhook(hook: Hook) -> Webhook:
    """A simulated provider's webhook as the API hands it on."""
    headers = {name.lower(): value for name, value in hook.headers.items()}
    return Webhook(hook.method, hook.url, urlsplit(hook.url).query, headers, hook.body, "192.0.2.1")


def post(body: bytes, url: str = "https://hooks.example/hooks/p", **headers: str) -> Webhook:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Webhook("POST", url, urlsplit(url).query, named, body)


# --------------------------------------------------------------------------- examples of the providers

TWILIO_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
TWILIO_FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
    "Caller": "+14158675309",
}


def test_twilio_signs_url_and_form() -> None:
    request = post(urlencode(TWILIO_FORM).encode(), TWILIO_URL, x_twilio_signature="RSOYDt4T1cUTdK1PDd93/VVr8B8=")
    assert check(TwilioSignature("12345"), request, request.body, NOW)
    request.headers["x-twilio-signature"] = "RSOYDt4T1cUTdK1PDd93/VVr8B8"  # type: ignore[index]
    with pytest.raises(Forged):
        check(TwilioSignature("12345"), request, request.body, NOW)


@pytest.mark.parametrize(
    ("public", "signed"),
    [
        ("https://hooks.example", "https://hooks.example:443"),
        ("https://hooks.example:443", "https://hooks.example"),
        ("https://hooks.example:8443", "https://hooks.example"),
        ("http://hooks.example", "http://hooks.example:80"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]"),
        ("https://user:word@hooks.example:8443", "https://user:word@hooks.example"),
    ],
)
def test_twilio_signs_with_or_without_the_port(public: str, signed: str) -> None:
    """https://www.twilio.com/docs/usage/security: its libraries try both, for Twilio itself does not agree with itself."""
    path = "/hooks/p?a=%20b&c=d%2F"
    for url in (public, signed):
        digest = hmac.digest(b"12345", f"{url}{path}MessageSidSM1".encode(), "sha1")
        signature = base64.b64encode(digest).decode()
        request = post(b"MessageSid=SM1", public + path, x_twilio_signature=signature)
        assert check(TwilioSignature("12345"), request, request.body, NOW)
        other = post(request.body, f"{public}/hooks/q?a=%20b&c=d%2F", x_twilio_signature=signature)
        with pytest.raises(Forged):
            check(TwilioSignature("12345"), other, other.body, NOW)


def test_a_token_that_is_spelled_in_another_way_has_the_same_name() -> None:
    """Base64 is read leniently: a replay must not pass as something new."""
    body = b'{"status": "delivered"}'
    token = jwt_hs256({"iat": NOW, "payload_hash": hashlib.sha256(body).hexdigest()}, "key")
    names = {
        check(JwtSignature(b"key"), post(body, authorization=f"Bearer {token}{more}"), body, NOW)
        for more in ("", "=", "==", "!!!!")
    }
    assert len(names) == 1


def test_twilio_signs_json_by_its_digest() -> None:
    body = b'{"property": "value", "boolean": true}'
    url = f"{TWILIO_URL}&bodySHA256={hashlib.sha256(body).hexdigest()}"
    request = post(body, url, x_twilio_signature="a9nBmqA0ju/hNViExpshrM61xv4=")
    assert check(TwilioSignature("12345"), request, body, NOW)
    with pytest.raises(Forged, match="digest"):
        check(TwilioSignature("12345"), post(body + b" ", url, **request.headers), body, NOW)


def test_standard_webhooks() -> None:
    """https://github.com/standard-webhooks/standard-webhooks: the example of its specification."""
    verifier = settings_of("generic", Channel.SMS).webhook
    assert verifier is not None
    assert verifier.verifier is not None
    request = post(
        b'{"test": 2432232314}',
        webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        webhook_timestamp="1614265330",
        webhook_signature="v1,other v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    )
    assert check(verifier.verifier, request, request.body, 1614265330.0 + 299)
    for now in (1614265330.0 + 301, 1614265330.0 - 301):
        with pytest.raises(Forged, match="old"):
            check(verifier.verifier, request, request.body, now)


def test_sinch() -> None:
    """The example of Sinch's own library for .NET."""
    body = (
        b'{"app_id":"","accepted_time":"2021-10-18T17:49:13.813615Z","project_id":"e2df3a34-a71b-4448-9db5-a8d2baad28e4",'
        b'"contact_create_notification":{"contact":{"id":"01FJA8B466Y0R2GNXD78MD9SM1","channel_identities":'
        b'[{"channel":"SMS","identity":"48123456789","app_id":""}],"display_name":"New Test Contact","email":'
        b'"new.contact@email.com","external_id":"","metadata":"","language":"EN_US"}},"message_metadata":""}'
    )
    rules = settings_of("sinch", Channel.SMS, secret="foo_secret1234").webhook
    assert rules is not None
    assert rules.verifier is not None
    signed = {
        "x-sinch-webhook-signature-nonce": "01FJA8B4A7BM43YGWSG9GBV067",
        "x-sinch-webhook-signature-timestamp": "1634579353",
        "x-sinch-webhook-signature": "6bpJoRmFoXVjfJIVglMoJzYXxnoxRujzR4k2GOXewOE=",
    }
    assert check(rules.verifier, post(body, **signed), body, 1634579353.0)
    with pytest.raises(Forged, match="signature"):
        check(rules.verifier, post(body + b" ", **signed), body + b" ", 1634579353.0)


# --------------------------------------------------------------------------- what is not signed so

JWT = JwtSignature(b"secret")


def claims(body: bytes, **more: Any) -> dict[str, Any]:
    return {"iat": int(NOW), "jti": "1", "payload_hash": hashlib.sha256(body).hexdigest(), **more}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        "..",
        jwt_hs256(claims(b"{}"), "other"),
        jwt_hs256(claims(b"{} "), "secret"),
        jwt_hs256(claims(b"{}", iat=int(NOW) - 301), "secret"),
        jwt_hs256(claims(b"{}", iat="NaN"), "secret"),
        jwt_hs256(claims(b"{}", iat=None), "secret"),
        jwt_hs256(claims(b"{}", exp=int(NOW) - 301), "secret"),
        jwt_hs256({"iat": int(NOW)}, "secret"),
        "eyJhbGciOiJub25lIn0." + jwt_hs256(claims(b"{}"), "secret").split(".")[1] + ".",  # alg: none
        jwt_hs256(claims(b"{}"), "secret") + "A",
    ],
)
def test_tokens_that_are_not_the_providers(token: str) -> None:
    with pytest.raises(Forged):
        check(JWT, post(b"{}", authorization=f"Bearer {token}"), b"{}", NOW)


def test_a_token_that_is() -> None:
    assert check(JWT, post(b"{}", authorization=f"Bearer {jwt_hs256(claims(b'{}'), 'secret')}"), b"{}", NOW) == "1"


def test_another_algorithm_is_not_taken_though_its_key_is_ours() -> None:
    head, rest = base64.urlsafe_b64encode(b'{"alg":"HS512"}').decode().rstrip("="), jwt_hs256(claims(b"{}"), "secret")
    signed = f"{head}.{rest.split('.')[1]}"
    signature = base64.urlsafe_b64encode(hmac.digest(b"secret", signed.encode(), "sha256")).decode().rstrip("=")
    with pytest.raises(Forged, match="another way"):
        check(JWT, post(b"{}", authorization=f"Bearer {signed}.{signature}"), b"{}", NOW)


def test_the_token_of_a_get_is_for_its_url() -> None:
    verifier = JwtSignature(b"secret", url_claim="url_hash")
    url = "https://hooks.example/hooks/p?id=1"
    said = {"nbf": int(NOW), "url_hash": hashlib.sha256(url.encode()).hexdigest()}
    header = {"authorization": jwt_hs256(said, "secret")}
    assert check(verifier, Webhook("GET", url, "id=1", header, b""), b"", NOW)
    with pytest.raises(Forged, match="URL"):
        check(verifier, Webhook("GET", url + "1", "id=11", header, b""), b"", NOW)


def test_shared_tokens_and_sources() -> None:
    token = SharedToken("s3cret")
    assert check(token, post(b"", authorization="Bearer s3cret"), b"", NOW) == ""
    assert check(SharedToken("s", Path(("t",), Part.QUERY)), post(b"", "https://a/?t=s"), b"", NOW) == ""
    for word in ("", "s3cre", "S3cret", "s3cret "):
        with pytest.raises(Forged):
            check(token, post(b"", authorization=word), b"", NOW)
    check_source((), "anything")
    for peer in ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"):
        check_source(("192.0.2.0/24", "2001:db8::/32"), peer)
    for peer in ("192.0.3.1", "::1", "", "hooks.example"):
        with pytest.raises(Forged):
            check_source(("192.0.2.0/24", "2001:db8::/32"), peer)


@given(
    st.binary(max_size=80),
    st.dictionaries(st.sampled_from(["x", "t", "authorization", "x-twilio-signature"]), st.text(max_size=40)),
    st.sampled_from(
        [
            TwilioSignature("t"),
            JWT,
            HmacSignature(b"k", "x"),
            HmacSignature(b"k", "x", (Slot("timestamp"), Slot("url"), Slot("nonce")), timestamp="t", nonce="x"),
            SharedToken("t"),
        ]
    ),
)
@settings(max_examples=300, deadline=None)
def test_nobody_gets_in_by_chance_and_nothing_but_forged_is_raised(body: bytes, headers: Any, verifier: Any) -> None:
    with pytest.raises(Forged):
        check(verifier, Webhook("POST", "https://a/?b=c", "b=c", headers, body), body, NOW)


# --------------------------------------------------------------------------- a thousand


def test_replays_are_forgotten_in_time_and_never_too_many() -> None:
    replays = Replays(lasting=10.0, most=3)
    for n in range(5):
        replays.note(str(n), float(n))
    assert [replays.knows(str(n), 5.0) for n in range(5)] == [False, False, True, True, True]
    assert not replays.knows("2", 12.5)
    assert len(replays) == 2
    replays.note("", 5.0)
    assert len(replays) == 2


@pytest.mark.parametrize(("preset", "channel"), ALL)
def test_a_thousand_forged_altered_and_replayed_webhooks_say_nothing(preset: str, channel: Channel) -> None:
    """For all presets together: 20 of each kind for each of the 21 ways to send."""
    reader = Webhooks(settings_of(preset, channel, PUBLIC))
    dialect = DIALECTS[preset](accounts([(preset, channel)], PUBLIC)[0])
    random = Random(preset)
    heard = 0
    for n in range(20):
        sent = Sent(f"c{n}:0:1", "14155550123", "x", f"{PUBLIC}/hooks/{preset}")
        real = dialect.report(sent, f"ref-{n}", Word.DELIVERED, "", NOW + n)
        with pytest.raises(Forged):
            reader.receive(webhook(dialect.forge(real, NOW + n)), NOW + n)
        for altered in (_alter(real, random), _strip(real)):
            with pytest.raises(Forged):
                reader.receive(webhook(altered), NOW + n)
        answer = reader.receive(webhook(real), NOW + n)
        [report] = answer.news
        assert isinstance(report, Report)
        assert report.milestone is Milestone.ANSWERED
        heard += 1
        again = reader.receive(webhook(real), NOW + n)  # not kept yet: it is brought again
        assert again.news == answer.news
        answer.taken()
        if preset not in {"infobip", "viber"}:  # whose webhooks bring a password and are told apart by nothing
            assert reader.receive(webhook(real), NOW + n).news == []
        if "timestamp" in str(real.headers).lower() or preset in {"vonage", "messagebird"}:
            with pytest.raises(Forged, match=r"old|out"):
                reader.receive(webhook(real), NOW + n + 3600)
    assert heard == 20


def _alter(hook: Hook, random: Random) -> Hook:
    """One character of what is signed is another one; a password is all that some have."""
    if "Authorization" in hook.headers and hook.headers["Authorization"].startswith("Basic"):
        return Hook(hook.url, hook.body, {**hook.headers, "Authorization": "Basic dXNlcjpwYXNzd29yZQ=="}, hook.method)
    if not hook.body:
        at = random.randrange(hook.url.index("?") + 1, len(hook.url))
        return Hook(_change(hook.url, at), b"", hook.headers, hook.method)
    text = hook.body.decode()
    # Within an envelope only what is in it is signed.
    least, most = (
        (text.index('"data":"') + 8, text.index('","messageId"'))
        if "X-Goog-Signature" in hook.headers
        else (0, len(text))
    )
    return Hook(hook.url, _change(text, random.randrange(least, most)).encode(), hook.headers, hook.method)


def _change(text: str, at: int) -> str:
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


def _strip(hook: Hook) -> Hook:
    kept = {name: value for name, value in hook.headers.items() if name in {"Content-Type", "User-Agent"}}
    return Hook(hook.url, hook.body, kept, hook.method)


def test_a_message_without_a_name_is_known_by_its_webhook() -> None:
    webhook_rules = {"verify": "hmac", "header": "X-Sig"}
    own = {"url": "https://own.example", "inbound": {"from": "a", "text": "b"}, "webhook": webhook_rules}
    reader = Webhooks(settings_of("generic", Channel.SMS, http=own))
    bodies = [b'{"a": "+14155550123", "b": "STOP"}', b'{"a": "+14155550123", "b": "START"}']
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    refs = []
    for body in [bodies[0], bodies[0], bodies[1]]:
        signed = b"msg.1." + body
        signature = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
        request = post(body, webhook_id="msg", webhook_timestamp="1", x_sig=signature)
        [news] = reader.receive(request, 1.0).news
        assert isinstance(news, Inbound)
        assert not news.ref
        refs.append(news.brought)
    assert refs[0] == refs[1] != refs[2]
    assert all(refs)
