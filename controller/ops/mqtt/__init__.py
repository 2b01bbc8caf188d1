"""MQTT: how everything is, kept at a broker for whoever subscribes; events; commands of operators ([how](docs/mqtt.md)).

`topics` names, `words` says how things are, `discovery` tells Home Assistant, `outbox` holds what is still to be said,
`commands` reads what somebody wants: all of these without I/O. `link` has the connection, `consumer` joins them.
"""
