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
    "SHARED_DOMAIN": "all ways hang on one carrier, trunk, site, provider or upstream, always or at some times",
    "NO_LIVE_END": "a chain that does not always end with somebody who always answers",
    "UNREACHABLE": "a stage or step that never has its turn",
    "NEVER_TRUE": "a stage whose condition never holds",
    "LONG_WAIT": "a chain whose callers hang up before somebody who always answers is rung",
    "SHORT_RING": "a phone that rings too short to be answered, or has no time to ring",
    "SLOW_PROBE": "a trunk that is found dead later than calls need it, where nothing is hedged",
    "VOICEMAIL_FIRST": "voicemail that takes the call before somebody who answers is rung",
    "MOBILE_VOICEMAIL": "a mobile whose voicemail may take the call from others",
    "LIVE_BESIDE": "somebody who always answers, rung together with people",
    "HOURS_OVERLAP": "spans of opening hours that overlap",
    "HOURS_GAP": "opening hours that leave out a minute",
    "DST_HOUR": "opening hours that begin or end at a time which the clocks skip or repeat",
    "HOLIDAYS_OVER": "a list of holidays that are all past",
    "NO_HOLIDAYS": "a calendar without holidays beside one with",
    "FOREIGN_HOLIDAYS": "holidays of another country than that of the zone",
    "NO_WAY": "a policy that leaves countries without a provider",
    "NO_FALLBACK": "a policy that leaves countries with one provider alone",
    "LEADS_BACK": "a number that we call is a number of our own, or rings people",
    "SAME_NUMBER": "one number with two routes, in two spellings",
    "HIDDEN": "an outbound prefix that is hidden by an inbound one",
    "REFUSED": "an outbound route that refuses every number it is for",
    "EMERGENCY": "an emergency number that would ring people of yours, or that nobody can call",
    "TOLLS": "a destination that costs you whatever somebody else likes",
    "NO_WAY_BACK": "a number that is shown to people and that no route leads to",
    "SAME_PLACE": "two carriers at one address",
    "SAME_PHONE": "one phone under two names in a chain",
    "NO_LINES": "a stage that rings more phones over a trunk than it has lines",
    "WIDE_SOURCES": "so many addresses that a trunk can be anybody",
    "STOPS_CALLS": "a cause of a broken trunk that ends calls",
    "PLAIN_SECRET": "a secret that stands in the file",
    "WEAK_SECRET": "a password that is easily guessed",
    "NO_KEY": "webhooks that anybody at an address may send",
    "EXPIRED": "a certificate of ours that has run out",
    "EXPIRES": "a certificate of ours that runs out soon",
    "NOT_YET_VALID": "a certificate of ours that is not valid yet",
    "NO_NAME": "a certificate in which no SIP peer would find a name",
    "NOT_VERIFIED": "a trunk whose certificate is not checked",
    "NOT_TLS": "secrets or numbers of people that would go in clear",
    "BAD_IGNORE": "a comment that says to ignore a finding and cannot be understood",
    "IDLE_IGNORE": "a comment that says to ignore what is not there",
}
