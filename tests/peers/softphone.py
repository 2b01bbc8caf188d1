"""A SIP phone that is none of ours: pjsua2, in a process of its own, because it is GPL and may abort.

Run by pjsua2_phone.py with settings as JSON in its argument. It obeys lines of JSON on stdin and tells on stdout, one line of
JSON each, what happens to it. It ends when stdin does. Nothing of callward is imported here.
"""

from __future__ import annotations

import json
import os
import select
import sys
from typing import Any

import pjsua2 as pj

POLL = 10  # milliseconds that pjsua2 may wait for something to happen
WAV_HEADER = 44  # bytes; the last four are the length of what follows
TERMINATED = 6  # pjsip_tsx_state_e, which the binding leaves out: with an ACK, from when on one may re-INVITE
MEDIA = {
    pj.PJSUA_CALL_MEDIA_NONE: "none",
    pj.PJSUA_CALL_MEDIA_ACTIVE: "active",
    pj.PJSUA_CALL_MEDIA_LOCAL_HOLD: "held here",
    pj.PJSUA_CALL_MEDIA_REMOTE_HOLD: "held there",
    pj.PJSUA_CALL_MEDIA_ERROR: "error",
}


def tell(event: str, **facts: object) -> None:
    """Tell the test."""
    print(json.dumps({"event": event, **facts}), flush=True)


def is_finished(wav: str) -> bool:
    """Whether the file's header says how much sound there is: pjsua2 writes that last."""
    with open(wav, "rb") as file:  # noqa: PTH123
        header = file.read(WAV_HEADER)
        return int.from_bytes(header[-4:], "little") == file.seek(0, os.SEEK_END) - WAV_HEADER > 0


class Call(pj.Call):
    """One call; it plays the phone's tone for as long as there is somebody to hear it."""

    def __init__(self, phone: Phone, number: int = pj.PJSUA_INVALID_ID) -> None:
        pj.Call.__init__(self, phone, number)
        self.phone = phone
        self.recorder: pj.AudioMediaRecorder | None = None
        self.enough = 0  # packets received in all at which the recording ends
        self.recording = ""  # the file that is not finished yet

    def onCallState(self, _: pj.OnCallStateParam) -> None:
        info = self.getInfo()
        tell("state", state=info.stateText, status=info.lastStatusCode, reason=info.lastReason)

    def onCallTsxState(self, param: pj.OnCallTsxStateParam) -> None:
        state = param.e.body.tsxState
        if state.tsx.role == pj.PJSIP_ROLE_UAS and state.type == pj.PJSIP_EVENT_RX_MSG:
            lines = state.src.rdata.wholeMsg.splitlines()
            tell("request", method=state.tsx.method, vias=sum(line.startswith("Via:") for line in lines))
        if state.tsx.method == "INVITE" and state.tsx.state == TERMINATED:
            tell("settled")

    def onCallMediaState(self, _: pj.OnCallMediaStateParam) -> None:
        info = self.getInfo()  # what is in it dies with it
        status = info.media[0].status
        if status == pj.PJSUA_CALL_MEDIA_ACTIVE:
            self.phone.tone.startTransmit(self.getAudioMedia(0))
        tell("media", state=MEDIA[status])

    def onDtmfDigit(self, param: pj.OnDtmfDigitParam) -> None:
        by_info = param.method == pj.PJSUA_DTMF_METHOD_SIP_INFO
        tell("digit", digit=param.digit, method="INFO" if by_info else "RFC 4733")

    def onCallTransferRequest(self, param: pj.OnCallTransferRequestParam) -> None:
        tell("referred", to=param.dstUri)
        param.statusCode = pj.PJSIP_SC_ACCEPTED
        param.newCall = self.phone.take(Call(self.phone))

    def onCallTransferStatus(self, param: pj.OnCallTransferStatusParam) -> None:
        tell("transfer", status=param.statusCode, final=param.finalNotify)

    def record(self, file: str, packets: int) -> None:
        """Record what is heard until so many packets have come."""
        self.recording = file
        self.recorder = pj.AudioMediaRecorder()
        self.recorder.createRecorder(file)
        self.getAudioMedia(0).startTransmit(self.recorder)
        self.enough = self.received() + packets

    def received(self) -> int:
        """Packets of audio that have come so far."""
        return int(self.getStreamStat(0).rtcp.rxStat.pkt)

    def poll(self) -> None:
        """End the recording once it is long enough; pjsua2 finishes the file some time later."""
        if self.recorder is not None and self.received() >= self.enough:
            self.getAudioMedia(0).stopTransmit(self.recorder)
            self.recorder = None
        elif self.recorder is None and self.recording and is_finished(self.recording):
            self.recording = ""
            tell("recorded")


class Phone(pj.Account):
    """The phone: its newest call is the one that commands are about."""

    def __init__(self, settings: dict[str, Any]) -> None:
        pj.Account.__init__(self)
        self.calls: list[Call] = []  # also keeps them from being collected
        config = pj.AccountConfig()
        kind = "" if settings["transport"] == "udp" else f";transport={settings['transport']}"
        host = settings["host"]
        config.idUri = f"sip:{settings['user']}@{host}:{settings['port']}{kind}"
        if settings["password"]:
            name = settings["user"]
            config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", name, 0, settings["password"]))
        if settings["registrar"]:
            config.regConfig.registrarUri = settings["registrar"]
            config.regConfig.timeoutSec = 120
        config.natConfig.contactUseSrcPort = 0 if settings["listens"] else 1
        if settings["session"]:  # RFC 4028: how long a session lasts, and how short it may be, in seconds
            config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_ALWAYS
            config.callConfig.timerSessExpiresSec, config.callConfig.timerMinSESec = settings["session"]
        config.mediaConfig.transportConfig.port = settings["media"]
        config.mediaConfig.transportConfig.boundAddress = host
        config.mediaConfig.transportConfig.publicAddress = settings["says"]
        self.create(config)
        self.tone = pj.AudioMediaPlayer()
        self.tone.createPlayer(settings["tone"])

    def take(self, call: Call) -> Call:
        """Commands are about this call from now on."""
        self.calls.append(call)
        return call

    def onRegState(self, param: pj.OnRegStateParam) -> None:
        tell("registration", status=param.code)

    def onIncomingCall(self, param: pj.OnIncomingCallParam) -> None:
        self._answer(self.take(Call(self, param.callId)), pj.PJSIP_SC_RINGING)
        tell("incoming")

    @staticmethod
    def _answer(call: Call, status: int) -> None:
        param = pj.CallOpParam()
        param.statusCode = status
        call.answer(param)

    def obey(self, do: str, **how: Any) -> None:
        """Do what the test says."""
        param = pj.CallOpParam(True)
        if do == "dial":
            self.take(Call(self)).makeCall(how["uri"], param)
            return
        call = self.calls[-1]
        if do == "answer":
            self._answer(call, pj.PJSIP_SC_OK)
        elif do == "hold":
            call.setHold(param)
        elif do == "resume":
            param.opt.flag = pj.PJSUA_CALL_UNHOLD
            call.reinvite(param)
        elif do == "record":
            call.record(how["file"], how["packets"])
        elif do == "press":
            digits = pj.CallSendDtmfParam()
            by_info = how["method"] == "INFO"
            digits.method = pj.PJSUA_DTMF_METHOD_SIP_INFO if by_info else pj.PJSUA_DTMF_METHOD_RFC2833
            digits.digits = how["digits"]
            call.sendDtmf(digits)
        elif do == "transfer":
            call.xfer(how["uri"], param)
        elif do == "hang_up":
            self.calls[how.get("call", -1)].hangup(param)
        else:
            raise ValueError(f"no such command: {do}")


def start(settings: dict[str, Any]) -> pj.Endpoint:
    """An endpoint that polls in this thread only, with one codec and no sound card."""
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.logConfig.level = config.logConfig.consoleLevel = 1
    config.medConfig.clockRate = config.medConfig.sndClockRate = 8000
    config.medConfig.noVad = True
    config.medConfig.ecTailLen = 0
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.port = settings["port"]
    transport.boundAddress = settings["host"]
    if secure := settings["secure"]:  # it shows who it is, and wants to know who we are
        transport.tlsConfig.certFile, transport.tlsConfig.privKeyFile, transport.tlsConfig.CaListFile = secure
        transport.tlsConfig.verifyServer = transport.tlsConfig.verifyClient = True
        transport.tlsConfig.requireClientCert = True
    kinds = {"udp": pj.PJSIP_TRANSPORT_UDP, "tcp": pj.PJSIP_TRANSPORT_TCP, "tls": pj.PJSIP_TRANSPORT_TLS}
    endpoint.transportCreate(kinds[settings["transport"]], transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    for codec in endpoint.codecEnum2():
        endpoint.codecSetPriority(codec.codecId, 255 if codec.codecId.startswith("PCMU") else 0)
    return endpoint


def main() -> None:
    """Poll pjsua2 and stdin in turn until stdin ends."""
    settings = json.loads(sys.argv[1])
    endpoint = start(settings)
    phone = Phone(settings)
    tell("ready")
    while True:
        endpoint.libHandleEvents(POLL)
        for call in phone.calls:
            call.poll()
        if select.select([sys.stdin], [], [], 0)[0]:
            line = sys.stdin.readline()
            if not line:
                return
            phone.obey(**json.loads(line))


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # pjsua2 aborts where Python takes its objects away one by one
