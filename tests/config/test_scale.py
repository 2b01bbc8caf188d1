import time

from tests.config.sample import SAMPLE, compiled, found


def test_ten_thousand_dids_compile_in_seconds() -> None:
    """Measured 0.3 s; the bound leaves room for a busy machine and still catches anything quadratic."""
    text = SAMPLE + "".join(f'  - {{did: "+1666{n:07d}", chain: sales}}\n' for n in range(10_000))
    began = time.process_time()
    assert len(compiled(text).routes) == 10_001
    assert time.process_time() - began < 3.0


def test_ten_thousand_errors_are_all_found_in_seconds() -> None:
    text = SAMPLE + "".join(f'  - {{did: "1666-{n:07d}", chian: sales}}\n' for n in range(10_000))
    began = time.process_time()
    assert len(found(text)) == 20_000
    assert time.process_time() - began < 6.0
