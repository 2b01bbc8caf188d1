"""The pure centre: match an offer to a chain, plan the chain for now, run the plan.

No file in here imports I/O, clocks, random numbers or logging; `explain`, scenario tests and live traffic call the
same functions.
"""
