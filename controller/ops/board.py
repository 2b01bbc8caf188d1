"""What the console shows of how things are, as rows by key: made from pictures, and from events at once.

Owns the rows: `head`, `figures`, `trunk:NAME`, `provider:NAME`. A row changes only when something in it does, so that what goes to
browsers is little: ages stand there as moments, and round trips are rounded. An event shows before the picture that confirms
it, and a picture from before it does not take it back. Pure: no I/O, and times are those of events and pictures.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

from controller.ops.bars import MINUTES, Bars
from controller.ops.consumer import CALLS, MESSAGES, Event, Picture
from controller.ops.figures import Figures

Row = dict[str, Any]

#: A moment that moves by less is the same: clocks and rounding. Seconds.
SAME = 1.5
#: So long a picture may be from before an event, seconds.
STALE = 2.0
_GATES = {"open": "up", "held": "down", "canary": "degraded", "rising": "degraded", "parked": "drained"}


class Board:
    """The rows, and what of them has changed."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.expected: tuple[str, ...] = ()  # daemons that there have to be
        self._bars = Bars()
        self._last: dict[str, float] = {}  # when the last transition of a trunk was
        self._gated: dict[tuple[str, str], float] = {}  # since when calls say what they say, by daemon and target
        self._figures = Figures()
        self._won: deque[tuple[int, Counter[str]]] = deque(maxlen=MINUTES)  # calls by trunk, by the minute

    def hear(self, event: Event) -> dict[str, Row | None]:
        """What changes by an event, at once."""
        self._figures.hear(event)
        if event.kind == "quality" and not event.data["region"]:
            self._gated[event.source, event.data["target"]] = event.at
        if event.source != CALLS:
            return {}
        if event.kind == "call":
            self._count(event)
        if event.kind != "trunk":
            return {}
        name, state = event.data["trunk"], event.data["new"]
        self._bars.hold(name, event.data["old"], self._last.get(name, event.at), event.at)
        self._bars.hold(name, state, event.at, event.at)
        self._last[name] = event.at
        row = self.rows.get(f"trunk:{name}")
        if row is None or event.old:
            return {}
        changed = {
            "state": state,
            "since": round(event.at, 3),
            "code": event.data["code"],
            "why": event.data["why"],
            "bars": self._bars.show(name),
            "told": event.at,
        }
        return self._put({f"trunk:{name}": {**row, **changed}})

    def see(self, picture: Picture) -> dict[str, Row | None]:
        """What changes by a picture; None for a row that is gone."""
        rows = {"head": _head(picture, self.expected), "figures": self._figures.show(picture.at)}
        if picture.calls is not None:
            rows |= self._trunks(picture.calls, picture.at)
        else:
            rows |= {key: row for key, row in self.rows.items() if row["kind"] == "trunk"}
        if picture.messages is not None:
            rows |= self._providers(picture.messages, picture.at)
        else:
            rows |= {key: row for key, row in self.rows.items() if row["kind"] == "provider"}
        gone: dict[str, Row | None] = dict.fromkeys(self.rows.keys() - rows.keys())
        for key in gone:
            del self.rows[key]
        self._bars.keep_only({row["name"] for row in rows.values() if "name" in row})
        return gone | self._put(rows)

    def _put(self, rows: Mapping[str, Row]) -> dict[str, Row | None]:
        changed: dict[str, Row | None] = {}
        for key, row in rows.items():
            if self.rows.get(key) != row:
                self.rows[key] = changed[key] = row
        return changed

    def _trunks(self, calls: Mapping[str, Any], now: float) -> dict[str, Row]:
        limits = {share["of"]: share for share in calls["limits"]}
        won: Counter[str] = sum((each for minute, each in self._won if minute > now // 60 - MINUTES), Counter())
        total = won.total()
        found = {}
        for trunk in calls["trunks"]:
            key, name = f"trunk:{trunk['name']}", trunk["name"]
            before, since = self.rows.get(key), now - trunk["for"]
            told = before["told"] if before is not None else 0.0
            if before is not None and since < told - STALE / 4 and now - told < STALE:
                found[key] = before  # from before what we heard
                continue
            quality = trunk["calls"] or {}
            gate = quality.get("gate", "open")
            state = _state_of(str(trunk["state"]), gate, before)
            if state != trunk["state"]:  # it is kept from calls, since when only an event tells
                heard = self._gated.get((CALLS, name)) or self._gated.get((CALLS, trunk["group"]), now)
                since = min(heard, before["since"]) if before is not None and before["state"] == state else heard
            since = min(since, now)  # clocks are set back
            self._bars.hold(name, state, since, now)
            found[key] = {
                "kind": "trunk",
                **{each: trunk[each] for each in ("name", "group", "address", "carrier", "site")},
                "state": state,
                "since": self._steady(before, "since", since),
                **{each: trunk[each] for each in ("code", "why", "paged", "loss")},
                "rtt": _two_digits(trunk["round_trip"]),
                "gate": gate,
                "gate_why": quality.get("why", "") if gate != "open" else "",
                **{each: quality.get(each) for each in ("answered", "rings_after", "short")},
                "limits": limits.get(f"trunk {trunk['group'] or name}"),
                "won": won[name],
                "share": round(won[name] / total, 3) if total else None,
                "bars": self._bars.show(name),
                "told": told,
            }
        return found

    def _providers(self, messages: Mapping[str, Any], now: float) -> dict[str, Row]:
        found = {}
        for each in messages["providers"]:
            key, name = f"provider:{each['provider']}", each["provider"]
            state = state_of(each)
            before = self.rows.get(key)
            heard = now if each["alive"] is False else self._gated.get((MESSAGES, name), now)
            since = before["since"] if before is not None and before["state"] == state else round(heard, 1)
            self._bars.hold(f"provider {name}", state, min(since, now), now)
            found[key] = {
                "kind": "provider",
                "name": f"provider {name}",
                "provider": name,
                "state": state,
                "since": since,
                **{each_key: each[each_key] for each_key in ("channel", "waiting", "gate", "why")},
                "arrive": each["estimate"] if each["samples"] >= 1 else None,
                "samples": round(each["samples"]),
                "bars": self._bars.show(f"provider {name}"),
            }
        return found

    def _count(self, event: Event) -> None:
        path = event.data["winner"]
        if not path:
            return
        minute = int(event.at // 60)
        if not self._won or self._won[-1][0] < minute:
            self._won.append((minute, Counter()))
        self._won[-1][1][path.rpartition(" via ")[2]] += 1

    @staticmethod
    def _steady(before: Row | None, key: str, value: float) -> float:
        if before is not None and abs(before[key] - value) < SAME:
            kept: float = before[key]
            return kept
        return round(value, 1)


def _head(picture: Picture, expected: Sequence[str]) -> Row:
    """``silent``: daemons that say nothing of how they are; what is shown of them is as it was, and what moves is not known."""
    calls, messages = picture.calls or {}, picture.messages or {}
    there = {CALLS: picture.calls, MESSAGES: picture.messages}
    return {
        "kind": "head",
        "silent": [name for name in expected if there[name] is None],
        "answers": {**picture.answers, "calls_seen": picture.calls is not None},
        "version": calls.get("version") or messages.get("version", ""),
        "listen": calls.get("listen", []),
        "ringing": calls.get("calls"),
        "up": calls.get("up"),
        "counters": calls.get("counters", {}),
        "uplink": calls.get("uplink", ""),
        "registrations": [
            {each: row[each] for each in ("trunk", "account", "bound", "registrar", "why")}
            for row in calls.get("registrations", [])
        ],
        "stale_names": [{"name": row["name"], "why": row["why"]} for row in calls.get("names", []) if row["stale"]],
        "messages": picture.messages is not None,
        "sent": messages.get("counters", {}).get("sent", 0),
        "store_lost": messages.get("store", {}).get("lost", ""),
    }


def state_of(provider: Mapping[str, Any]) -> str:
    """How a provider is, in the words of trunks, by its row in the status of messages."""
    if provider["alive"] is False:
        return "down"
    return "degraded" if provider.get("apart") else _GATES.get(provider["gate"], "unknown")


def _state_of(state: str, gate: str, before: Row | None) -> str:
    """Up is what carries calls. One that answers probes and is kept from calls for failing there is not, until its share rises
    again; one that comes back from being down has a gate that opens by itself."""
    if gate == "parked":
        return "drained"
    was = before["state"] if before is not None else ""
    is_held = (gate == "held" and was != "down") or (gate == "canary" and was == "degraded")
    return "degraded" if state == "up" and is_held else state


def _two_digits(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.2g}")
