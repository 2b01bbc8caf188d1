"""`callward top`: the console's content in a terminal.

`link` talks to the daemons of a state folder, `seen` keeps what they tell, `words` says what happened in a sentence, `rows` and
`sheets` draw, `listing` and `windows` are the widgets, `app` joins them. Nothing here needs `console` in the dialplan, and no daemon
waits for it.
"""
