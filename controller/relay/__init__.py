"""`callward relay`: a bad network on demand, between any two that speak UDP or TCP, replayed from its seed.

`impairment` is the model: pure, and the one that the simulator uses too. `script` reads phases, `pcap` writes what
went by, `udp` and `tcp` own the sockets, `relay` the time, the phases and the counters. Nothing here knows SIP.
"""
