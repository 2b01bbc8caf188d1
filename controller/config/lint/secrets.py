"""Secrets that stand where everybody reads them, or that anybody guesses; webhooks that anybody may send.

Owns which keys hold secrets. No finding shows one (`diagnostics` masks the line).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from controller.config.diagnostics import quoted
from controller.config.hidden import is_secret
from controller.config.lint.ground import Ground
from controller.config.source import ListNode, MapNode, Node, ScalarNode

#: What secrets are called, by their keys: as their keys, if nothing else is said.
_WORDS = {
    "bearer": "token",
    "routing_key": "routing key",
    "hook": "URL, which is a secret,",
    "urls": "URL, which holds a secret,",
}
#: Sections without secrets, which may be long.
_WITHOUT = frozenset(("routes", "chains", "endpoints", "hours", "sites", "probes", "templates", "policies", "cascades"))
_IN_URL = re.compile(r"://[^\s/:@]*:([^\s/@{}]+)@")
_SLOT = re.compile(r"\{\w+\}")  # filled in later: "Bearer {token}"
_SHORTEST = 8  # characters; NIST SP 800-63B §5.1.1.2
_COMMON = frozenset(
    "password passw0rd changeme letmein12 12345678 123456789 1234567890 qwertyui asterisk callward".split()
)


def check_secrets(ground: Ground) -> None:
    """All findings of this file."""
    for section, node in ground.root.entries.items():
        if section not in _WITHOUT:
            for key, value in _scalars(node):
                _check_plain(ground, key, value)
    _check_weak(ground)
    _check_webhooks(ground)


def _scalars(root: Node) -> Iterator[tuple[str, ScalarNode]]:
    """All values with the keys they stand under."""
    seen: set[int] = set()
    waiting: list[tuple[str, Node]] = [("", root)]
    while waiting:
        key, node = waiting.pop()
        if id(node) in seen:
            continue  # what aliases repeat
        seen.add(id(node))
        if isinstance(node, MapNode):
            waiting += node.entries.items()
        elif isinstance(node, ListNode):
            waiting += [(key, item) for item in node.items]
        elif isinstance(node, ScalarNode):
            yield key, node


def _check_plain(ground: Ground, key: str, value: ScalarNode) -> None:
    """A dialplan is read by many, copied, and kept in version control."""
    if value.origin or _SLOT.search(value.text):
        return
    if is_secret(key):
        message = f"the {_WORDS.get(key, key)} stands in the file for everybody to read"
        hint = f'write "${{file:NAME.{key}}}" or "${{env:NAME}}", and change it: it has been read'
        ground.report.warning(value, "PLAIN_SECRET", message, hint)
    elif _IN_URL.search(value.text):
        message = "a password stands in the file for everybody to read"
        ground.report.warning(value, "PLAIN_SECRET", message, 'write "${file:NAME}" or "${env:NAME}" for the whole URL')


def _check_weak(ground: Ground) -> None:
    """Phones are asked from all over the world, by programs that try the usual ones first."""
    for name, user in ground.section("users").entries.items():
        node = user.entries.get("password") if isinstance(user, MapNode) else None
        if not isinstance(node, ScalarNode):
            continue
        text = node.text.lower()
        if len(text) < _SHORTEST or text in _COMMON or name.lower() in text:
            message = f"the password of user {quoted(name)} is easily guessed"
            ground.report.warning(node, "WEAK_SECRET", message, "make one by: openssl rand -base64 18")


def _check_webhooks(ground: Ground) -> None:
    """What is not signed may be anybody's: a report that was never sent, an answer that nobody gave."""
    for name, provider in ground.section("providers").entries.items():
        http = provider.entries.get("http") if isinstance(provider, MapNode) else None
        webhook = http.entries.get("webhook") if isinstance(http, MapNode) else None
        verify = webhook.entries.get("verify") if isinstance(webhook, MapNode) else None
        if isinstance(verify, ScalarNode) and verify.text == "sources":
            message = f"webhooks of provider {quoted(name)} bring no key: whoever sends from its addresses is believed"
            hint = "write verify: hmac, token or basic, if the provider can sign"
            ground.report.warning(verify, "NO_KEY", message, hint)
