"""Benchmarks: times and ratios, never part of `make test`. `python -m bench` runs them all."""
