"""The routing simulator: the real engine against other policies, in a world made from a seed.

`python -m bench.routing` prints the report and draws it. `world` makes the traffic and its troubles, `scenarios` says
which, `policies` are who decides (the engine through its port, five baselines, the oracle), `play` runs one of them and
measures, `report` does the statistics, `picture` draws. Everything follows from the seed.
"""
