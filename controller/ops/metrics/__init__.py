"""Metrics for Prometheus: what the process for operators has heard and seen, as counts and figures with bounded labels."""
