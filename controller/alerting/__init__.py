"""Alerts without I/O: what is wrong, what of it is one outage, who is told, when it is over, what is still to be delivered."""
