"""Simulated providers on real sockets, with faults, for tests, benches and the demo."""
