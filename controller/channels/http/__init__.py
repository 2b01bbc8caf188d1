"""Providers behind HTTP: one adapter that does what `types.http` says of each, and no code for any of them.

Owns sending, reading answers and webhooks, and who may send those. Which providers there are is data:
`controller/config/presets`.
"""
