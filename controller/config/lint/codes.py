"""The codes of warnings: what `check` finds in a file that loads, and what an ignore comment may name.

Owns the table; `docs/lint.md` has a section for each, which a test holds. What finds them is in the files beside this one, and,
where a finding needs no more than one section, where that is compiled.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Code -> what is wrong, in one line.
WARNINGS: Mapping[str, str] = {
    "UNUSED": "a name that nothing uses",
    "NO_EFFECT": "a key that does nothing where it stands",
    "SHARED_DOMAIN": "all ways hang on one carrier, trunk, site, provider or upstream",
    "NO_LIVE_END": "a chain that does not always end with somebody who always answers",
    "UNREACHABLE": "a stage or step that never has its turn",
    "NO_WAY": "a policy that leaves countries without a provider",
    "NO_FALLBACK": "a policy that leaves countries with one provider alone",
    "LEADS_BACK": "a number that we call is a number of our own",
    "EXPIRED": "a certificate of ours that has run out",
    "EXPIRES": "a certificate of ours that runs out soon",
    "NOT_YET_VALID": "a certificate of ours that is not valid yet",
    "NO_NAME": "a certificate in which no SIP peer would find a name",
    "NOT_VERIFIED": "a trunk whose certificate is not checked",
    "NOT_TLS": "secrets or numbers of people that would go in clear",
    "BAD_IGNORE": "a comment that says to ignore a finding and cannot be understood",
    "IDLE_IGNORE": "a comment that says to ignore what is not there",
}
