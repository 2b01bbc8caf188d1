"""A call as a pcap file: what is written is what a reader made from the documents reads, checksums of IPv6 included."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.records.export import write_pcap
from tests.records.captures import read_pcap
from tests.records.made import wire

HOSTS = st.sampled_from([("192.0.2.1", "192.0.2.9"), ("2001:db8::1", "2001:db8::9")])


@given(st.lists(st.tuples(HOSTS, st.booleans(), st.binary(max_size=400)), max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_message_is_a_datagram_between_those_who_spoke(
    tmp_path: Path, messages: list[tuple[tuple[str, str], bool, bytes]]
) -> None:
    file = tmp_path / "call.pcap"
    rows = [wire()._replace(ours=ours, host=host, sent=int(sent), data=data) for (ours, host), sent, data in messages]
    assert write_pcap(file, rows) == len(rows)
    for row, (source, target, data) in zip(rows, read_pcap(file.read_bytes()), strict=True):
        sides = (row.ours, row.our_port), (row.host, row.port)
        assert (source, target) == (sides if row.sent else sides[::-1])
        assert data == row.data
