// What happened, in a sentence each.
import { plural } from "./format.js";

const CAUSES = {
  NO_REPLY: "no reply", NO_PROGRESS: "did not ring in time", NO_ANSWER: "nobody answered in time", TRANSPORT_ERROR: "not reached", NOT_SECURE: "no TLS there",
  TRUNK_DOWN: "its trunk went down", TARGET_REFUSED: "refused by another way", HEDGE_RELEASED: "stand-in, not needed", COMPLETED_ELSEWHERE: "answered elsewhere",
  WITHDRAWN: "the caller hung up", EXHAUSTED: "nobody left to try", NO_ROUTE: "nobody has that number", STOPPED: "refused, and that ends it", FULL: "all lines taken", FORBIDDEN: "may not be called",
};

export const cause = (code) => (code ? CAUSES[code] || (/^\d+$/.test(code) ? `refused with ${code}` : code.toLowerCase().replaceAll("_", " ")) : "");

// What became of a call: a word for a badge, and a sentence.
export function outcome(call) {
  if (call.winner) return { state: "up", word: "Answered", text: call.winner };
  const state = call.cause === "WITHDRAWN" ? "unknown" : "down";
  return { state, word: state === "unknown" ? "Hung up" : "Missed", text: `${call.status}: ${call.refusal || cause(call.cause) || "nobody answered"}` };
}

// An offer is named by its Call-ID and by which request it came with; the Call-ID is what people know.
export const callId = (name) => name.split(";")[0];

const SAY = {
  trunk: (data) => ({ who: data.trunk, state: data.new, text: `${data.why} (was ${data.old})` }),
  quality: (data) => ({ who: data.target, state: { open: "up", parked: "drained" }[data.new] || "degraded", word: { held: "Held out", canary: "Tried", rising: "Rising" }[data.new],
    text: `${{ open: "All calls again", held: "No calls", parked: "Drained", canary: "Single tries", rising: "A growing share" }[data.new] || data.new}: ${data.why}` }),
  page: (data) => ({ who: data.trunk, state: "down", text: `Somebody should know: ${data.why}` }),
  registration: (data) => ({ who: data.trunk, state: data.bound ? "up" : "down", text: `${data.bound ? "Registered" : "Not registered"}: ${data.why}` }),
  overload: (data) => ({ who: "callward", state: data.begins ? "down" : "up", text: data.begins ? "More calls come than can be dealt with; some are turned away" : `Overload is over, ${plural(data.turned_away, "call")} turned away so far` }),
  media: (data) => ({ who: data.relay, state: data.answers ? "up" : "down", text: data.why }),
  uplink: (data) => ({ who: "uplink", state: data.suspected ? "down" : "up", text: data.why }),
  certificate: (data) => ({ who: data.owner, state: data.days ? "degraded" : "down", text: data.why }),
  tls: (data) => ({ who: data.trunk, state: "down", text: data.why }),
  names: (data) => ({ who: data.name, state: data.lost ? "degraded" : "up", text: data.why || `now ${data.new}` }),
  placed: (data) => ({ who: "own call", state: data.cause ? "degraded" : "up", text: `${data.state}${data.cause ? `: ${cause(data.cause)}` : ""}` }),
  text: (data) => ({ who: "SIP message", state: data.cause ? "degraded" : "up", text: `${data.state}${data.cause ? `: ${cause(data.cause)}` : ""}` }),
  drill: (data) => ({ who: data.trunk, state: data.passed ? "up" : data.passed === null ? "unknown" : "down", text: `${data.passed ? "Passed" : data.passed === null ? "Called off" : "Failed"}: ${data.what}` }),
  failover: (data) => ({ who: data.did, call: data.call, state: data.winner ? "up" : "down", word: data.winner ? "Answered" : "Missed",
    text: `${data.path}: ${cause(data.cause)}; ${data.winner ? `answered by ${data.winner}` : "nobody answered"}` }),
  store: (data) => ({ who: "store", state: data.why ? "down" : "up", text: data.why || "It answers again" }),
};

export const KINDS = { trunk: "Trunk", quality: "Quality", page: "Page", registration: "Registration", overload: "Overload", media: "Media", uplink: "Uplink",
  certificate: "Certificate", tls: "TLS", names: "DNS", placed: "Own call", text: "SIP message", drill: "Drill", store: "Store", failover: "Failover" };

export function say(event) {
  const told = SAY[event.kind];
  return told ? told(event.data) : { who: event.kind, state: "unknown", text: JSON.stringify(event.data) };
}

// A call that took another way than the first: what failed, or was passed over for being down, and where it went.
export function failover(event) {
  const call = event.data;
  const failed = (call.attempts || []).find((each) => each.path !== call.winner && each.cause && !["COMPLETED_ELSEWHERE", "HEDGE_RELEASED", "WITHDRAWN"].includes(each.cause));
  if (!call.winner) return null;
  const of = (path) => path.split(" via ")[0];
  const around = (call.skipped || []).find((each) => / is (down|degraded)/.test(each.why) && of(each.what) === of(call.winner)); // others stand behind it
  if (!failed && !around) return null;
  return { who: call.chain, state: "up", word: "Answered", call: call.call,
    text: failed ? `${failed.path}: ${cause(failed.cause)}; answered by ${call.winner}` : `${around.what} was passed over, ${around.why}; answered by ${call.winner}` };
}
