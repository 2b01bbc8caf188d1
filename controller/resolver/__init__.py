"""Names of trunks -> addresses (RFC 3263), beside the call path: no call ever waits for DNS.

The way of an answer: `lookup` asks (dnspython; NAPTR, SRV, A, AAAA), `belief` decides what of it is believed, `book`
holds that for all names, `store` keeps it over a restart, `keeper` asks again when it is time. What is believed becomes
trunks by `controller.rules.expand`. `question` is their vocabulary. Only `lookup`, `hosts`, `store` and `keeper` do I/O.
"""
