"""Feedback: what samples say about each trunk, and the board that rules read it from.

Owns the liveness of trunks (`detector`) and the picture of all of them (`board`). Must not do I/O, read a
clock or know how a probe looks on the wire: that is `controller.probes`.
"""
