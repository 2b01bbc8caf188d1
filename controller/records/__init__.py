"""What is kept of calls: records, the SIP messages of each, what else happened; and what is made of it: ladders, HEP, pcap."""
