"""Keys of a provider behind HTTP -> `HttpSettings`: the preset, what the operator changes of it, and what is the same
for every message, put together.

Owns which names stand in templates, and what a provider cannot do without. Must not do I/O but read presets.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import hashlib
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from controller.config.diagnostics import quoted
from controller.config.http_provider import HttpAuthModel, HttpKeys, HttpModel, InboundModel, ReportModel, WebhookModel
from controller.config.http_values import parse_fields
from controller.config.presets import merge, read_preset
from controller.config.templates import fill, slots
from controller.types.http import (
    ALGORITHMS,
    GET,
    Auth,
    Basic,
    Bearer,
    Handshake,
    HmacSignature,
    HttpSettings,
    InboundRules,
    JwtSignature,
    Lookup,
    OAuth2,
    Object,
    Part,
    Path,
    ReportRules,
    Request,
    ResponseRules,
    SharedToken,
    SignedToken,
    Slot,
    Text,
    TwilioSignature,
    Verifier,
    WebhookRules,
)
from controller.types.messages import Channel, Dedup

#: What a message fills in.
OF_MESSAGES = (
    *("to", "digits", "text", "subject", "from", "template", "language", "params", "channel"),
    *("key", "uuid", "lifetime", "lifetime_ms"),
)
_OF_PARAMS = ("name", "value")
_OF_WEBHOOKS = ("body", "body_sha256", "timestamp", "nonce", "url")
_KEYS = ("account", "token", "secret", "url")


#: Says what is wrong with a provider: the key where it is ("" for all of it), code, message and hint.
Wrong = Callable[[str, str, str, str], None]


def compile_http(
    keys: HttpKeys, changes: Any, name: str, channel: Channel, public: str, wrong: Wrong
) -> HttpSettings | None:
    """The settings of a provider; None after errors, which ``wrong`` hears of.

    ``changes``: what `http` holds, as plain data without what was wrong in it; {} for nothing. ``public``: the URL that
    providers reach us by, "" if there is none.
    """
    raw: dict[str, Any] = {}
    known: dict[str, str] = {}
    if keys.preset is not None:
        preset = read_preset(keys.preset)
        if channel not in preset["channels"]:
            hint = f"it carries {', '.join(preset['channels'])}"
            wrong("preset", "WRONG_CHANNEL", f"preset {quoted(keys.preset)} does not carry {quoted(channel)}", hint)
            return None
        raw = merge(preset["http"], preset["channels"][channel])
        known = dict(preset["vars"])
    known |= {key: getattr(keys, key) for key in _KEYS if getattr(keys, key) is not None} | keys.vars
    hook = f"{public.rstrip('/')}/hooks/{name}" if public else ""
    maker = _Maker(wrong, keys, known, name, channel, hook)
    settings = maker.make(HttpModel.model_validate(merge(raw, changes)))
    return settings if maker.sound else None


def goes_in_clear(settings: HttpSettings) -> bool:
    """Whether anything of a message or of the account leaves this machine without TLS."""
    asked = (settings.request, settings.templated, settings.lookup and settings.lookup.request)
    urls = [request.url for request in asked if request]
    if isinstance(settings.auth, OAuth2):
        urls.append((settings.auth.url,))
    return any(url and isinstance(url[0], str) and _is_clear(url[0]) for url in urls)


def _is_clear(url: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost"
    return parts.scheme == "http" and not here


@dataclass(slots=True)
class _Maker:
    """One provider under compilation."""

    wrong: Wrong
    keys: HttpKeys
    known: Mapping[str, str]  # what is the same for every message
    name: str
    channel: Channel
    hook: str
    sound: bool = True
    named: set[str] = field(default_factory=set)

    def make(self, model: HttpModel) -> HttpSettings | None:
        """The settings; ``sound`` says whether they can be used."""
        if model.url is None:
            self._error("MISSING_KEY", "required key 'url' is missing", "http", 'add url: "https://..."')
            return None
        if model.form is not None and model.body is not None:
            hint = "write json for a JSON body, form for fields of a form"
            self._error("BOTH_KEYS", "'json' and 'form' exclude each other", "http", hint)
            return None
        request = self._request(model.url, model, model)
        templated = model.templated
        settings = HttpSettings(
            provider=self.name,
            channel=self.channel,
            request=request,
            templated=self._request(templated.url or model.url, model, templated) if templated else None,
            auth=self._auth(model.auth) if model.auth else None,
            timeout=model.timeout,
            dedup=Dedup(model.dedup),
            lookup=self._lookup(model),
            response=self._response(model),
            errors={code: str(cause) for code, cause in model.errors.items()},
            webhook=self._webhook(model),
            sender=self.known.get("from", ""),
            hook=self.hook,
        )
        if settings.dedup is Dedup.LOOKUP and settings.lookup is None:
            self._error("MISSING_KEY", "dedup: lookup goes with 'lookup'", "http", "say which GET asks for a key")
        return settings

    # ------------------------------------------------------------------- requests

    def _request(self, url: Text, model: HttpModel, bodies: Any) -> Request:
        body = parse_fields(bodies.form) if bodies.form is not None else bodies.body
        return Request(
            url=self._fill(url),
            method=model.method,
            query=self._fill(parse_fields(model.query)),
            headers=self._fill(parse_fields(model.headers)),
            body=None if body is None else self._fill(body, *_OF_PARAMS),
            form=bodies.form is not None,
        )

    def _lookup(self, model: HttpModel) -> Lookup | None:
        if model.lookup is None:
            return None
        headers = self._fill(parse_fields(model.headers))
        return Lookup(Request(self._fill(model.lookup.url), GET, Object(), headers), tuple(model.lookup.ref))

    def _auth(self, model: HttpAuthModel) -> Auth | None:
        written = [key for key in ("basic", "bearer", "oauth2", "jwt") if getattr(model, key) is not None]
        if len(written) > 1:
            message = f"{quoted(written[0])} and {quoted(written[1])} exclude each other"
            self._error("BOTH_KEYS", message, "http", "who we are is said in one way")
            return None
        if model.basic:
            return Basic(self._word(model.basic.user), self._word(model.basic.password))
        if model.bearer:
            return Bearer(self._word(model.bearer))
        if model.oauth2:
            key = self._word(model.oauth2.key)
            if key:
                self._check_key(key)
            return OAuth2(
                url=self._word(model.oauth2.url),
                client=self._word(model.oauth2.client),
                secret=self._word(model.oauth2.secret),
                key=key,
                scope=self._word(model.oauth2.scope),
            )
        if model.jwt:
            key = self._word(model.jwt.key)
            if key and model.jwt.algorithm == ALGORITHMS[0]:
                self._check_key(key)
            claims = {claim: self._word(text) for claim, text in model.jwt.claims.items()}
            return SignedToken(key, model.jwt.algorithm, claims)
        return None

    def _check_key(self, key: str) -> None:
        try:
            if isinstance(load_pem_private_key(key.encode(), None), RSAPrivateKey):
                return
        except (ValueError, TypeError):
            pass
        what, at = ("token", "token") if key == self.keys.token else ("key", "http")
        hint = f'write {what}: "${{file:PATH}}" of a PEM file without passphrase, as the provider gave it to you'
        self._error("BAD_CREDENTIAL", f"the {what} is no private RSA key in PEM", at, hint)

    # ------------------------------------------------------------------- answers and webhooks

    def _response(self, model: HttpModel) -> ResponseRules:
        said = model.response
        return ResponseRules(
            accepted=frozenset(said.accepted),
            ref=tuple(said.ref),
            own_ref=self._fill(said.own_ref) if said.own_ref else (),
            status=tuple(said.status),
            taken=frozenset(word.lower() for word in said.taken),
            code=tuple(said.code),
            cost=tuple(said.cost),
            retry_after=tuple(said.retry_after),
            unclear=ResponseRules().unclear if said.unclear is None else frozenset(said.unclear),
        )

    def _webhook(self, model: HttpModel) -> WebhookRules | None:
        said, inbound = model.webhook, model.inbound
        if model.reports is None and inbound is None:
            return None
        if said is None:
            hint = (
                "say with webhook: which requests are the provider's, for example {verify: token, place: header:X-Key}"
            )
            self._error("MISSING_KEY", "'webhook' is missing beside 'reports' or 'inbound'", "http", hint)
            return None
        self._check_news(model)
        verifier = self._verifier(said)
        if verifier is None and said.verify == "sources" and not said.sources:
            hint = "add sources: [...], or another check"
            self._error("MISSING_KEY", "verify: sources goes with 'sources'", "http", hint)
        handshake = None
        if said.handshake and self._word(said.handshake.token):
            handshake = Handshake(self._word(said.handshake.token), said.handshake.given, said.handshake.answer)
        return WebhookRules(
            verifier=verifier,
            sources=tuple(said.sources),
            unwrap=said.unwrap,
            handshake=handshake,
            reports=_reports(model.reports),
            inbound=_inbound(inbound),
        )

    def _check_news(self, model: HttpModel) -> None:
        """A report that says not what of, or not what, is none; a message needs somebody and a text."""
        reports, inbound = model.reports, model.inbound
        if reports is not None and not (reports.ref or reports.key):
            hint = "say where the provider's name for the message stands, or ours"
            self._error("MISSING_KEY", "'reports' has neither 'ref' nor 'key'", "http", hint)
        if reports is not None and not (reports.status and reports.statuses) and not reports.read:
            hint = "say where the status stands, and what each stands for"
            self._error("MISSING_KEY", "'reports' goes with 'status' and 'statuses'", "http", hint)
        if inbound is not None and not (inbound.sender and inbound.text):
            hint = "say where they stand"
            self._error("MISSING_KEY", "'inbound' goes with 'from' and 'text'", "http", hint)

    def _verifier(self, said: WebhookModel) -> Verifier | None:
        if said.verify is None:
            self._error("MISSING_KEY", "required key 'verify' is missing in 'webhook'", "http", "add verify: hmac")
            return None
        if said.verify == "sources":
            return None
        key = self._word(said.key or (Slot("secret"),))
        match said.verify:
            case "twilio":
                return TwilioSignature(key)
            case "basic":
                return SharedToken(f"Basic {base64.b64encode(key.encode()).decode()}")
            case "token":
                place = said.place or Path((said.header or "authorization",), Part.HEADER)
                return SharedToken(key, place)
            case "jwt":
                header = said.header or "authorization"
                return JwtSignature(key.encode(), header, "payload_hash", said.url_claim, said.tolerance)
            case _:
                return self._hmac(said, key)

    def _hmac(self, said: WebhookModel, key: str) -> Verifier | None:
        if said.header is None:
            hint = "write the name of the header that brings the signature"
            self._error("MISSING_KEY", "verify: hmac goes with 'header'", "http", hint)
            return None
        over = self._fill(said.over, *_OF_WEBHOOKS, webhook=True) if said.over else (Slot("body"),)
        signed = {slot.name for slot in slots(over)}
        for needed, named in (("timestamp", said.timestamp), ("nonce", said.nonce)):
            if named is None and needed in signed:
                hint = f"write the name of the header that brings the {needed}"
                self._error("MISSING_KEY", f"'over' holds the {needed}, and no header is named for it", "http", hint)
            if named is not None and needed not in signed and not self.named:
                hint = f"add {{{needed}}} where the provider says, or leave '{needed}' out: unsigned, anybody may change it"
                self._error(
                    "MISSING_KEY", f"'over' does not hold the {needed} that {quoted(named)} brings", "http", hint
                )
        if not signed & {"body", "body_sha256"} and not self.named:
            hint = "add {body} or {body_sha256}: what is not signed may be anybody's"
            self._error("MISSING_KEY", "'over' holds nothing of the body", "http", hint)
        return HmacSignature(
            key=self._key_bytes(key, said.key_form),
            header=said.header,
            over=over,
            hash=said.hash,
            encoding=said.encoding,
            prefix=said.prefix,
            timestamp=said.timestamp or "",
            nonce=said.nonce or "",
            tolerance=said.tolerance,
        )

    def _key_bytes(self, key: str, form: str) -> bytes:
        if form == "sha256":
            return hashlib.sha256(key.encode()).digest()
        if form == "base64" and (key or self.keys.secret):  # else it is missing, and said so
            try:
                if found := base64.b64decode(key.removeprefix("whsec_"), validate=True):
                    return found
            except (binascii.Error, ValueError):
                pass
            what = "secret" if key == self.keys.secret else "http"
            hint = "write it as the provider gave it to you, such as whsec_..."
            self._error("BAD_CREDENTIAL", "the key of webhooks is empty, or not in base64", what, hint)
        return key.encode()

    # ------------------------------------------------------------------- templates

    def _fill(self, body: Any, *more: str, webhook: bool = False) -> Any:
        """Put in what is the same for every message; wrong of what nobody fills."""

        def constant(slot: Slot) -> str | None:
            if slot.name == "hook":
                return self.hook or None  # without one what is optional is left out
            return None if slot.name in own else self.known.get(slot.name)

        own = _OF_WEBHOOKS if webhook else OF_MESSAGES
        filled = fill(body, constant)
        names = (*more, *(() if webhook else OF_MESSAGES))
        for slot in slots(filled):
            if slot.name not in names and not (slot.name == "hook" or (slot.name.startswith("param.") and not webhook)):
                self._unknown(slot.name, (*names, *self.known))
        return filled

    def _word(self, text: Text) -> str:
        """A text that is the same for every message."""
        filled = fill(text, lambda slot: self.known.get(slot.name))
        for slot in slots(filled):
            self._unknown(slot.name, tuple(self.known))
        return "".join(piece for piece in filled if isinstance(piece, str))

    def _unknown(self, name: str, names: tuple[str, ...]) -> None:
        if name in self.named:
            return
        self.named.add(name)
        whose = f"preset {quoted(self.keys.preset)}" if self.keys.preset else "'http'"
        if name in _KEYS:
            example = '"https://..."' if name == "url" else f'"${{file:{self.name}.{name}}}"'
            self._error("MISSING_KEY", f"{whose} needs {quoted(name)}", "", f"add {name}: {example}")
            return
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {{{close[0]}}}?" if close else f"add vars: {{{name}: ...}}"
        self._error("UNKNOWN_PLACE", f"nothing fills '{{{name}}}' of {whose}", "", hint)

    def _error(self, code: str, message: str, key: str, hint: str) -> None:
        self.sound = False
        self.wrong(key, code, message, hint)


def _reports(said: ReportModel | None) -> ReportRules | None:
    if said is None:
        return None
    return ReportRules(
        status=tuple(said.status),
        each=said.each,
        ref=tuple(said.ref),
        key=tuple(said.key),
        statuses={word.lower(): how for word, how in said.statuses.items()},
        read=tuple(said.read),
        code=tuple(said.code),
        cost=tuple(said.cost),
        operator=tuple(said.operator),
        at=tuple(said.at),
    )


def _inbound(said: InboundModel | None) -> InboundRules | None:
    if said is None:
        return None
    return InboundRules(
        sender=tuple(said.sender),
        text=tuple(said.text),
        each=said.each,
        ref=tuple(said.ref),
        to=tuple(said.to),
        at=tuple(said.at),
    )
