"""Realistic messages of one call: sizes and headers as carriers and PBXs send them.

Owns text only. Placeholders are filled by whoever plays the caller and the callee.
"""

from __future__ import annotations

SDP = (
    "v=0\r\no=- 1795236745 1795236746 IN IP4 {host}\r\ns=session\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
    "m=audio 31402 RTP/AVP 8 0 18 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:18 G729/8000\r\n"
    "a=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
)

INVITE = (
    "INVITE sip:{did}@{proxy} SIP/2.0\r\n"
    "Via: SIP/2.0/UDP {caller};branch=z9hG4bK{tag}inv;rport\r\n"
    "Max-Forwards: 66\r\n"
    'From: "Jane Caller" <sip:+15558675309@carrier.example;user=phone>;tag={tag}\r\n'
    "To: <sip:{did}@{proxy};user=phone>\r\n"
    "Call-ID: {tag}-6f1c9b0a4e@{host}\r\n"
    "CSeq: 102 INVITE\r\n"
    "Contact: <sip:+15558675309@{caller};transport=udp>\r\n"
    "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, PUBLISH, MESSAGE, UPDATE, PRACK\r\n"
    "Supported: replaces, timer, 100rel, path\r\n"
    "Session-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\n"
    "User-Agent: Carrier-SBC/12.4.1 (build 90210)\r\n"
    'P-Asserted-Identity: "Jane Caller" <sip:+15558675309@carrier.example;user=phone>\r\n'
    "P-Charging-Vector: icid-value=4f7c1a2b9d;icid-generated-at=192.0.2.1;orig-ioi=carrier.example\r\n"
    "X-Account: 00112233445566778899aabbccddeeff\r\n"
    "Date: Sat, 21 Nov 2026 04:30:00 GMT\r\n"
    "Content-Type: application/sdp\r\n"
    "Content-Length: {length}\r\n\r\n"
)

RESPONSE = (
    "SIP/2.0 {status}\r\n{copied}Contact: <sip:100@{callee};transport=udp>\r\n"
    "Server: PBX/20.9.0\r\nAllow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO, MESSAGE, UPDATE, PRACK\r\n"
    "Supported: replaces, timer\r\n{typed}Content-Length: {length}\r\n\r\n"
)

IN_DIALOG = (
    "{method} sip:100@{callee};transport=udp SIP/2.0\r\n"
    "Via: SIP/2.0/UDP {caller};branch=z9hG4bK{tag}{method};rport\r\n"
    "Max-Forwards: 66\r\n{route}"
    'From: "Jane Caller" <sip:+15558675309@carrier.example;user=phone>;tag={tag}\r\n'
    "{to}\r\n"
    "Call-ID: {tag}-6f1c9b0a4e@{host}\r\n"
    "CSeq: {cseq} {method}\r\n"
    "User-Agent: Carrier-SBC/12.4.1 (build 90210)\r\nContent-Length: 0\r\n\r\n"
)
