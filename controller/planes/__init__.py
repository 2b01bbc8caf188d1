"""Data planes: what moves SIP. Each translates between its world and the attempts of a run."""
