"""What the daemon, the load and the comparison of `bench.cascades` agree on: one cascade of three steps, of which the third
arrives."""

from __future__ import annotations

import hashlib

TOKEN = "bench-token"
REPORT_AFTER = 0.02  # seconds from a send to its report

#: WhatsApp refuses at once, RCS takes it and reports a failure, SMS delivers.
DIALPLAN = f"""\
version: 1
listen: [{{udp: "127.0.0.1:5060"}}]
trunks: {{a: {{uri: "sip:127.0.0.1:5070"}}}}
endpoints: {{desk: {{number: "+15550199", via: [a], live: true}}}}
chains: {{sales: [{{ring: [desk]}}]}}
routes: [{{did: "+15557000", chain: sales}}]
providers:
  wa-1:  {{channel: whatsapp, preset: generic, url: "http://127.0.0.1:1/wa-1", token: t, secret: "whsec_c2VjcmV0", upstream: a, cost: 0.01}}
  rcs-1: {{channel: rcs, preset: generic, url: "http://127.0.0.1:1/rcs-1", token: t, secret: "whsec_c2VjcmV0", upstream: b, cost: 0.01}}
  sms-1: {{channel: sms, preset: generic, url: "http://127.0.0.1:1/sms-1", token: t, secret: "whsec_c2VjcmV0", upstream: c, cost: 0.01, senders: [{{id: Callward}}]}}
  sms-2: {{channel: sms, preset: generic, url: "http://127.0.0.1:1/sms-2", token: t, secret: "whsec_c2VjcmV0", upstream: d, cost: 0.02, senders: [{{id: Callward}}]}}
cascades:
  otp:
    - {{send: whatsapp, until: delivered, wait: 15s}}
    - {{send: rcs, until: delivered, wait: 15s}}
    - {{send: sms, until: delivered, wait: 20s}}
policies:
  - {{name: base, cascade: otp}}
templates:
  otp: {{text: {{en: "Your code is {{code}}"}}}}
messages:
  public: "http://127.0.0.1:8080"
  tokens: [{{name: bench, sha256: {hashlib.sha256(TOKEN.encode()).hexdigest()}, tenant: acme, scopes: [send, read, operate]}}]
"""


def body_of(number: int) -> str:
    """The request for one person."""
    return (
        f'{{"to":{{"phone":"+49151{10000000 + number % 80_000_000}"}},"use_case":"login_otp","cascade":"otp",'
        f'"template":"otp","params":{{"code":"{100000 + number % 900_000}"}}}}'
    )
