from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip import digest
from sip.digest import Algorithm, Challenge, Credentials, choose, hash_a1, make_credentials, parse_challenges, verify
from sip.errors import RemoteProtocolError
from sip.message import Request, Response

# RFC 7616 §3.9.1
_NONCE, _OPAQUE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
_CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def request(method: str = "INVITE", uri: str = "sip:+1555@sbc", *lines: str, body: bytes = b"") -> Request:
    return Request(method, uri, [line.partition(":")[0].lower() for line in lines], list(lines), body)


def response(*lines: str, status: int = 401) -> Response:
    return Response(status, "", [line.partition(":")[0].lower() for line in lines], list(lines))


def credentials_of(line: str) -> Credentials:
    name = line.partition(":")[0].lower()
    found = digest.parse_credentials(request("GET", "/", line), proxy=name == "proxy-authorization")
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        (Algorithm.SHA256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        (Algorithm.MD5, "8ca523f5e9506fed4657c9700eebdbec"),
    ],
)
def test_vectors_of_rfc_7616_section_3_9_1(algorithm: Algorithm, expected: str) -> None:
    challenge = Challenge("http-auth@example.org", _NONCE, algorithm, qop="auth", opaque=_OPAQUE)
    ha1 = hash_a1(algorithm, "Mufasa", challenge.realm, "Circle of Life")
    line = make_credentials(
        challenge, ha1, user="Mufasa", request=request("GET", "/dir/index.html"), count=1, cnonce=_CNONCE
    )
    assert credentials_of(line).response == expected


def test_the_hashes_of_rfc_7616_section_3_9_2_with_the_correct_figures() -> None:
    # The RFC's own figures of this example are those of another hash: these come from SHA-512/256, as its erratum says.
    user = "Jäsøn Doe"
    hashed = digest.hash_user(Algorithm.SHA512_256, user, "api@example.org")
    assert hashed == "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    challenge = Challenge(
        "api@example.org",
        "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
        Algorithm.SHA512_256,
        qop="auth",
        opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS",
    )
    ha1 = hash_a1(Algorithm.SHA512_256, user, challenge.realm, "Secret, or not?")
    line = make_credentials(
        challenge,
        ha1,
        user=user,
        request=request("GET", "/doe.json"),
        cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
    )
    assert credentials_of(line).response == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"


def test_vector_of_rfc_2617_section_3_5() -> None:
    challenge = Challenge("testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", qop="auth")
    ha1 = hash_a1(Algorithm.MD5, "Mufasa", challenge.realm, "Circle Of Life")
    line = make_credentials(challenge, ha1, user="Mufasa", request=request("GET", "/dir/index.html"), cnonce="0a4f113b")
    assert credentials_of(line).response == "6629fae49393a05397450978507c4ef1"


def test_vector_of_rfc_2069_without_quality() -> None:
    challenge = Challenge("testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093")
    ha1 = hash_a1(Algorithm.MD5, "Mufasa", challenge.realm, "CircleOfLife")
    line = make_credentials(challenge, ha1, user="Mufasa", request=request("GET", "/dir/index.html"))
    assert credentials_of(line).response == "1949323746fe6a43ef61f9606e7febea"  # erratum 749 of RFC 2069
    assert "cnonce" not in line
    assert "nc=" not in line


def test_a_challenge_is_read_whatever_its_spelling() -> None:
    line = (
        'WWW-Authenticate:  DIGEST  Realm = "a \\"quoted\\", realm" ,nonce="n=,1", QOP="auth-int, AUTH",'
        'algorithm="sha-256-SESS",opaque="",STALE=True, domain="sip:x", unheard=of'
    )
    expected = Challenge('a "quoted", realm', "n=,1", Algorithm.SHA256, True, "auth", "", True, "authorization")
    assert parse_challenges(response(line)) == [expected]


def test_several_challenges_on_lines_of_their_own_or_on_one() -> None:
    md5, sha = 'Digest realm="a", nonce="1", algorithm=MD5', 'Digest realm="a", nonce="2", algorithm=SHA-256'
    apart = response(f"Proxy-Authenticate: {md5}", f"Proxy-Authenticate: {sha}", status=407)
    together = response(f"Proxy-Authenticate: {md5}, {sha}", status=407)
    assert parse_challenges(apart) == parse_challenges(together)
    assert [challenge.nonce for challenge in parse_challenges(apart)] == ["1", "2"]
    assert {challenge.header for challenge in parse_challenges(apart)} == {"proxy-authorization"}


@pytest.mark.parametrize(
    "value",
    [
        'Basic realm="a"',
        "Negotiate abc==",
        'Digest realm="a"',
        'Digest nonce="a"',
        'Digest realm="a", nonce="b", algorithm=AKAv1-MD5',
        'Digest realm="a", nonce="b", qop="auth-conf"',
        'Digest realm="a", nonce="b", algorithm=MD5-sess',  # no quality, so no cnonce to make its A1 of
        'Digest realm="a", nonce="b", realm="c"',
        'Digest realm="a, nonce="b"',
        'Digest realm="a" nonce="b"',
        "Digest",
        "",
        ",,,",
    ],
)
def test_what_cannot_be_answered_is_passed_over_and_hides_no_other(value: str) -> None:
    good = 'WWW-Authenticate: Digest realm="g", nonce="n"'
    assert [c.realm for c in parse_challenges(response(f"WWW-Authenticate: {value}", good))] == ["g"]


def test_the_strongest_is_answered_and_the_topmost_of_equals() -> None:
    md5, sha, sha512 = (Challenge("r", algorithm.value, algorithm) for algorithm in Algorithm)
    assert choose([md5, sha512, sha]) == [sha512]
    assert choose([sha, md5, sha512]) == [sha]
    assert choose([sha, sha512, md5], frozenset({Algorithm.MD5})) == [md5]
    assert choose([md5], frozenset({Algorithm.SHA256, Algorithm.SHA512_256})) == []


def test_each_realm_of_each_header_gets_an_answer() -> None:
    here, there = Challenge("here", "1"), Challenge("there", "1")
    proxy = Challenge("here", "2", header="proxy-authorization")
    assert choose([here, there, proxy]) == [here, there, proxy]


def test_no_password_and_no_response_is_shown() -> None:
    ha1 = hash_a1(Algorithm.SHA256, "u", "r", "hunter2")
    line = make_credentials(Challenge("r", "n", Algorithm.SHA256), ha1, user="u", request=request())
    assert "hunter2" not in line
    shown = credentials_of(line)
    assert shown.response not in repr(shown)


@pytest.mark.parametrize(
    "line",
    [
        'Authorization: Digest username="u", realm="r", nonce="n", uri="sip:x"',
        'Authorization: Digest username="u", realm="r", nonce="n", uri="sip:x", response="0", qop=auth-conf',
        'Authorization: Digest username="u", realm="r", nonce="n", uri="sip:x", response="0", qop=auth, cnonce="c"',
        'Authorization: Digest username="u", realm="r", nonce="n", uri="sip:x", response="0", qop=auth, nc=1, cnonce="c"',
        'Authorization: Digest username="u", realm="r", nonce="n", uri="sip:x", response="0", qop=auth, nc=00000001',
        'Authorization: Digest username="u", realm="r", nonce="n", uri="sip:x", response="0", algorithm=MD5-sess',
        'Authorization: Digest username="u", realm="r", nonce="n", uri="sip:x", response="0", algorithm=SHA3',
        'Authorization: Digest username="u", username="v", realm="r", nonce="n", uri="sip:x", response="0"',
        'Authorization: Digest username="u',
        "Authorization: =",
    ],
)
def test_broken_credentials_are_the_fault_of_their_sender(line: str) -> None:
    with pytest.raises(RemoteProtocolError):
        digest.parse_credentials(request("REGISTER", "sip:x", line))


def test_credentials_of_other_schemes_are_no_concern_of_ours() -> None:
    assert digest.parse_credentials(request("REGISTER", "sip:x", "Authorization: Bearer abc.def==")) == []


def test_the_challenge_that_we_make_is_the_one_that_we_read() -> None:
    line = digest.make_challenge('our "realm"', "no\\nce", Algorithm.SHA256, stale=True, proxy=True)
    expected = Challenge('our "realm"', "no\\nce", Algorithm.SHA256, False, "auth", None, True, "proxy-authorization")
    assert parse_challenges(response(line, status=407)) == [expected]


_TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=20).map(str.strip)
_CHALLENGES = st.builds(
    Challenge,
    realm=_TEXT,
    nonce=_TEXT,
    algorithm=st.sampled_from(Algorithm),
    qop=st.sampled_from(["auth", "auth-int"]),
    session=st.booleans(),
    opaque=st.none() | _TEXT,
    header=st.sampled_from(["authorization", "proxy-authorization"]),
)


@given(_CHALLENGES, _TEXT, _TEXT, _TEXT, st.integers(1, digest.MAX_COUNT), st.binary(max_size=50), st.data())
def test_what_one_half_writes_the_other_half_believes_and_nothing_else(
    challenge: Challenge, user: str, password: str, cnonce: str, count: int, body: bytes, data: st.DataObject
) -> None:
    algorithm = challenge.algorithm
    ha1 = hash_a1(algorithm, user, challenge.realm, password)
    invite = request(body=body)
    found = credentials_of(make_credentials(challenge, ha1, user=user, request=invite, count=count, cnonce=cnonce))
    assert (found.user, found.realm, found.nonce, found.uri) == (user, challenge.realm, challenge.nonce, invite.uri)
    assert (found.count, found.cnonce, found.opaque) == (count, cnonce, challenge.opaque)
    assert verify(found, ha1, "INVITE", body)
    other = data.draw(_TEXT.filter(lambda text: text != password))
    assert not verify(found, hash_a1(algorithm, user, challenge.realm, other), "INVITE", body)
    assert not verify(found, ha1, "BYE", body)
    assert verify(found, ha1, "INVITE", body + b"x") == (challenge.qop == "auth")


@given(st.text(max_size=80))
def test_no_text_raises_anything_but_a_protocol_error(text: str) -> None:
    line = "Authorization: Digest " + text.replace("\r", "").replace("\n", "")
    parse_challenges(response("WWW-" + line))
    with suppress(RemoteProtocolError):
        digest.parse_credentials(request("REGISTER", "sip:x", line))
