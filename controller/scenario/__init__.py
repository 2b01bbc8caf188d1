"""Tests of dialplans, `*.test.yaml`: the very engine in virtual time, between callers and phones that do as they are told.

`model` and `read` are the language, `states` its words for how somebody is; `calls` and `messages` play a case,
`expect` compares, `report` says it. `network` is that of the simulator in `tests/sim` as well.
"""
