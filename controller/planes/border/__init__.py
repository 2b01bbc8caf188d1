"""What a trunk sees of a call, and what comes back: pure functions on messages.

Whose number is shown is decided in `rules.identity`, how numbers are written in `rules.numbers`; here it is done to
messages. A call whose trunks ask for nothing of it is not touched.
"""
