"""The statistics: paired by seed, mean and 95 % interval, and the bars.

Owns what is printed. Must not play anything.

The gap closed is a ratio of sums over seeds, (policy - static) / (oracle - static), since a ratio per seed explodes where a
seed had next to no gap; its interval is the jackknife's. All others are means with Student's t.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isfinite, sqrt

from bench.routing.play import Result

#: Student's t, 97.5 %, by degrees of freedom.
T975 = (inf, 12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)

#: results[policy][seed]
Results = dict[str, list[Result]]

#: A gap smaller than this share of the net is nothing to close.
LEAST_GAP = 0.0005


@dataclass(frozen=True)
class Figure:
    """A mean and half of its 95 % interval."""

    mean: float
    half: float

    def text(self, form: str = ".2f") -> str:
        return f"{self.mean:{form}} ± {self.half:{form}}" if isfinite(self.half) else f"{self.mean:{form}}"


def t(n: int) -> float:
    return T975[min(n - 1, len(T975) - 1)] if n > 1 else inf


def mean(values: Sequence[float]) -> Figure:
    n = len(values)
    middle = sum(values) / n
    if n < 2:
        return Figure(middle, inf)
    deviation = sqrt(sum((v - middle) ** 2 for v in values) / (n - 1))
    return Figure(middle, t(n) * deviation / sqrt(n))


def gap(results: Results, policy: str) -> Figure | None:
    """Share of the gap from static to oracle that the policy closes; None where there is none."""
    static, oracle = ([r.net for r in results[name]] for name in ("static", "oracle"))
    own = [r.net for r in results[policy]]
    if sum(oracle) - sum(static) < LEAST_GAP * sum(oracle):
        return None

    def ratio(leave: int) -> float:
        keep = [i for i in range(len(own)) if i != leave]
        return sum(own[i] - static[i] for i in keep) / sum(oracle[i] - static[i] for i in keep)

    n, whole = len(own), ratio(-1)
    if n < 2 or any(sum(oracle) - oracle[i] <= sum(static) - static[i] for i in range(n)):
        return Figure(whole, inf)  # one seed has all of the gap
    parts = [ratio(i) for i in range(n)]
    middle = sum(parts) / n
    return Figure(whole, t(n) * sqrt((n - 1) / n * sum((p - middle) ** 2 for p in parts)))


def quantile(values: Sequence[float], q: float) -> float:
    ranked = sorted(values)
    return ranked[min(int(q * len(ranked)), len(ranked) - 1)] if ranked else float("nan")


def table(results: Results) -> str:
    """One scenario, as Markdown."""
    rows = [("| policy | net | gap closed | completed % | cost per 1000 | p95 s | regret | flaps | false | wasted | "
            "detected p50 / p90 s (n) |"), "|---|---|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for name, runs in results.items():
        closed = gap(results, name)

        def over(figure: Callable[[Result], float], form: str, runs: list[Result] = runs) -> str:
            return mean([figure(r) for r in runs]).text(form)

        detected = [d for r in runs for d in r.detected]
        when = " / ".join(
            "never" if d == inf else f"{d:.0f}" for d in (quantile(detected, 0.5), quantile(detected, 0.9))
        )
        cells = [
            name,
            over(lambda r: r.net, ".2f"),
            closed.text(".0%") if closed else "–",
            over(lambda r: 100 * r.completed / max(1, r.requests), ".2f"),
            over(lambda r: 1000 * r.cost / max(1, r.completed), ".2f"),
            over(lambda r: r.delay(0.95), ".1f"),
            over(lambda r: r.regret, ".2f"),
            over(lambda r: r.flaps, ".2f"),
            over(lambda r: r.false, ".2f"),
            over(lambda r: r.wasted, ".1f"),
            f"{when} ({len(detected)})" if detected else "–",
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def by_kind(results: Results, policy: str = "callward") -> str:
    """Detection by kind of trouble, in one line."""
    found: dict[str, list[float]] = {}
    for run in results[policy]:
        for kind, seconds in zip(run.kinds, run.detected, strict=True):
            found.setdefault(kind, []).append(seconds)
    parts = [
        f"{kind} {quantile(s, 0.5):.0f} / {quantile(s, 0.9):.0f} s ({len(s)})" for kind, s in sorted(found.items())
    ]
    return f"{policy} detected, p50 / p90 by kind: " + ", ".join(parts) if parts else ""


def bars(everything: dict[str, Results]) -> list[tuple[str, bool, str]]:
    """What must hold: the sentence, whether it does, and the figure."""
    checks: list[tuple[str, bool, str]] = []
    for scenario, least in (("dense", 0.80), ("sparse", 0.45)):
        results = everything.get(scenario)
        own = gap(results, "callward") if results else None
        if not results or own is None:
            continue
        checks.append((f"{scenario}: at least {least:.0%} of the gap closed", own.mean >= least, own.text(".1%")))
        others = {n: g.mean for n in results if n not in {"callward", "oracle"} and (g := gap(results, n))}
        best = max(others, key=lambda n: others[n])
        checks.append((f"{scenario}: above each baseline", own.mean > others[best], f"{best} {others[best]:.1%}"))
        false = mean([r.false for r in results["callward"]])
        text = f"{scenario}: at most 0.8 false failovers per cell and hour"
        checks.append((text, false.mean <= 0.8, false.text()))
    if "dense" in everything:
        detected = [d for r in everything["dense"]["callward"] for d in r.detected]
        for q, most in ((0.5, 10.0), (0.9, 60.0)):
            seen = quantile(detected, q)
            checks.append((f"dense: detected within {most:.0f} s (p{q * 100:.0f})", seen <= most, f"{seen:.1f} s"))
    return checks
