"""Every metric of the process for operators: its name, kind, labels and meaning. docs/metrics.md says the same.

Owns the names. Labels are bounded by the dialplan or by a table of ours: trunks, carriers, sites, chains, causes, roles; never a
number, a caller or a Call-ID. Names of counters end in ``_total`` where they are shown. Times are seconds.
"""

from __future__ import annotations

from typing import NamedTuple

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"


class Known(NamedTuple):
    """One metric."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ()  # of a histogram

    @property
    def shown(self) -> str:
        """As queries have it; of a histogram without `_bucket`, `_sum` and `_count`."""
        return f"{self.name}_total" if self.kind == COUNTER else self.name


_RING = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0)
_ANSWER = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0)
_DELAY = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
_TRUNK = ("trunk", "address", "carrier", "site")
_LIMIT = ("kind", "name")

#: Counted from what happens, since the start of this process.
COUNTED = (
    Known("callward_calls", COUNTER, ("chain", "result", "status"), "calls that have their final response"),
    Known("callward_calls_lost", COUNTER, ("chain",), "calls that failed by their trunks alone: no phone rang"),
    Known("callward_calls_failed_over", COUNTER, ("chain",), "calls answered after an attempt failed by its trunk"),
    Known("callward_calls_panic", COUNTER, ("chain",), "calls whose plan ignored health, as nothing looked alive"),
    Known("callward_call_ring_seconds", HISTOGRAM, (), "from the offer until the caller could hear ringing", _RING),
    Known("callward_call_answer_seconds", HISTOGRAM, (), "from the offer to the answer", _ANSWER),
    Known("callward_added_delay_seconds", HISTOGRAM, (), "that failed trunks have cost the caller", _DELAY),
    Known("callward_attempts", COUNTER, ("trunk", "outcome"), "attempts of calls that are decided"),
    Known("callward_attempt_ring_seconds", HISTOGRAM, ("trunk",), "from an attempt to its ringing", _RING),
    Known("callward_failovers", COUNTER, ("trunk",), "attempts that failed by this trunk and were followed by another"),
    Known("callward_hedges", COUNTER, ("trunk",), "attempts over this trunk that were started beside a silent one"),
    Known("callward_trunk_changes", COUNTER, ("trunk", "state"), "changes of a trunk into this state"),
    Known("callward_pages", COUNTER, ("trunk",), "outages of a trunk that somebody was woken for"),
    Known("callward_registration_failures", COUNTER, ("trunk",), "registrations that were lost or refused"),
    Known("callward_tls_refused", COUNTER, ("trunk",), "connections that could not be secured"),
    Known("callward_media_losses", COUNTER, (), "times that the media relay fell silent"),
    Known("callward_overloads", COUNTER, (), "times that calls began to be turned away"),
    Known("callward_placed_calls", COUNTER, ("state",), "calls of our own, by what became of them"),
    Known("callward_test_calls", COUNTER, ("trunk", "result"), "test calls and drills over this trunk: passed, failed"),
    Known("callward_faults", COUNTER, ("role",), "bugs of ours that showed themselves"),
    Known("callward_news", COUNTER, ("role", "kind"), "news that this process has heard"),
    Known("callward_news_missed", COUNTER, ("role",), "news that this process did not get: counts above lack them"),
)

#: Read from how things are, when somebody asks.
SHOWN = (
    Known("callward_info", GAUGE, ("version", "dialplan"), "1: the program and its dialplan"),
    Known("callward_role_up", GAUGE, ("role",), "1: this process answers"),
    Known("callward_news_followed", GAUGE, ("role",), "1: news of this process come in"),
    Known("callward_response_seconds", GAUGE, ("role",), "that the process took to say how it is"),
    Known("callward_process_cpu_seconds", COUNTER, ("role",), "of processor time, user and system"),
    Known("callward_process_resident_bytes", GAUGE, ("role",), "of memory"),
    Known("callward_process_open_files", GAUGE, ("role",), "files and sockets"),
    Known("callward_process_start_seconds", GAUGE, ("role",), "when it was started, since the epoch"),
    Known("callward_process_restarts", COUNTER, ("role",), "times it was started again after its end"),
    Known("callward_log_dropped", COUNTER, ("role",), "lines of the log that nobody took in time"),
    Known("callward_feed_lost", COUNTER, ("role",), "news that followers of a process did not read in time"),
    Known("callward_late_timers", COUNTER, (), "times that the loop for calls was late by more than 0.1 s"),
    Known("callward_reload_ok", GAUGE, (), "1: the last dialplan that was read is in force; 0: it was refused"),
    Known("callward_reload_seconds", GAUGE, (), "when a dialplan was read last, since the epoch"),
    Known("callward_calls_setting_up", GAUGE, (), "calls without a final response"),
    Known("callward_calls_up", GAUGE, (), "calls that were answered and are not known to be over"),
    Known("callward_sip_events", COUNTER, ("what",), "offers, relayed, refused_routes, glare, past_life, loops"),
    Known(
        "callward_edge_messages", COUNTER, ("what",), "messages that were not let in, and why; and `vouched`, let in"
    ),
    Known("callward_shed_ratio", GAUGE, (), "share of new calls that is turned away now"),
    Known("callward_trunk_state", GAUGE, (*_TRUNK, "state"), "1: it is in this state"),
    Known("callward_trunk_round_trip_seconds", GAUGE, _TRUNK, "of probes, their mean"),
    Known("callward_trunk_loss_ratio", GAUGE, _TRUNK, "of probes"),
    Known("callward_trunk_paged", GAUGE, _TRUNK, "1: it is down, and somebody was woken"),
    Known("callward_trunk_gate", GAUGE, (*_TRUNK, "gate"), "1: so much of its calls it has: open, rising ..., parked"),
    Known("callward_trunk_estimate_ratio", GAUGE, _TRUNK, "share of calls that come through, as health sees it"),
    Known("callward_trunk_answer_ratio", GAUGE, _TRUNK, "share of its last hundred calls that were answered"),
    Known("callward_trunk_ring_seconds", GAUGE, _TRUNK, "until its last hundred calls rang, their mean"),
    Known("callward_registration_bound", GAUGE, ("trunk",), "1: calls come to us"),
    Known("callward_name_stale", GAUGE, ("name",), "1: what DNS said is over its time, and still in use"),
    Known("callward_name_addresses", GAUGE, ("name",), "addresses that are in use for a name"),
    Known("callward_uplink_suspected", GAUGE, (), "1: all trunks fell at once, so that health is ignored"),
    Known("callward_limit_calls", GAUGE, _LIMIT, "calls that a limit counts now, of a trunk or tenant"),
    Known("callward_limit_most", GAUGE, _LIMIT, "calls that it allows"),
    Known("callward_limits_full", GAUGE, ("kind",), "limits that are full now: of trunks, numbers (`did`), tenants"),
    Known("callward_certificate_end_seconds", GAUGE, ("owner",), "when a certificate runs out, since the epoch"),
    Known("callward_certificate_refused", GAUGE, ("owner",), "1: the last one that was shown was refused"),
    Known("callward_alerts_open", GAUGE, (), "outages that people were told of, or are about to be, and that go on"),
    Known("callward_alerts_undelivered", GAUGE, (), "tellings of alerts that failed, and are tried again"),
    Known(
        "callward_records",
        COUNTER,
        ("result",),
        "records of calls, by what became of them: written, lost; failed tries; messages for the capture server, sent and unsent",
    ),
    Known("callward_mqtt_connected", GAUGE, (), "1: the broker is there"),
    Known("callward_otel_taken", GAUGE, (), "1: the collector takes what it is told"),
)
