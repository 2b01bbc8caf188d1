"""Dialplans made from what other systems have: FreeSWITCH and FusionPBX, FreePBX.

The way of a file: `xml`, `tables` and `sql` (file -> rows or elements with their lines), `freeswitch` with `bridge` and
`expression`, or `freepbx` with `patterns` (what it means for calls), `draft` (trunks, endpoints, chains, routes -> a dialplan
with TODOs). `notes` is what is said about the rest: whatever is not taken over is named, with file, line and reason.

callward stands between that system and its carriers then: the system stays the PBX of its extensions and sends its calls
outward to callward, in the form in which it sends them to its carriers now.
"""
