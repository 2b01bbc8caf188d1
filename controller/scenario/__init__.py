"""Tests of dialplans, `*.test.yaml`: the very engine in virtual time, between callers and phones that do as they are told.

`model` and `read` are the language, `states` its words for how somebody is; `calls` and `messages` play a case,
`expect` compares, `report` says it. `network` and `ladder` are the simulated network, for the tests of callward as well.
"""
