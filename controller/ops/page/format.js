// How figures and moments are written: real units, the reader's own zone, UTC on hover.
import { h, put } from "./dom.js";

export const NONE = "–";
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const COUNT = new Intl.NumberFormat(undefined);

export const count = (value) => COUNT.format(value);
export const percent = (share, digits = 0) => (share === null || share === undefined ? NONE : `${(share * 100).toFixed(digits)} %`);
export const plural = (number, word, many = `${word}s`) => `${count(number)} ${number === 1 ? word : many}`;

// Seconds as people read them: 0.8 ms, 240 ms, 1.3 s, 4 min 10 s, 3 h 5 min, 2 d 4 h.
export function span(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NONE;
  if (seconds < 0.01) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  return age(seconds);
}

// The same for ages, in whole seconds.
export function age(seconds) {
  const all = Math.max(0, Math.floor(seconds));
  if (all < 60) return `${all} s`;
  if (all < 3600) return `${Math.floor(all / 60)} min ${all % 60} s`;
  if (all < 86400) return `${Math.floor(all / 3600)} h ${Math.floor((all % 3600) / 60)} min`;
  return `${Math.floor(all / 86400)} d ${Math.floor((all % 86400) / 3600)} h`;
}

export function moment(at) {
  const date = new Date(at * 1000);
  const today = new Date().toDateString() === date.toDateString();
  return today ? CLOCK.format(date) : `${DAY.format(date)} ${CLOCK.format(date)}`;
}

export const utc = (at) => `${new Date(at * 1000).toISOString().replace("T", " ").slice(0, 23)} UTC`;

export const when = (at) => setWhen(h("time", {}), at);

export function setWhen(node, at) {
  const iso = new Date(at * 1000).toISOString();
  if (node.getAttribute("datetime") !== iso) {
    node.setAttribute("datetime", iso);
    node.title = utc(at);
    put(node, moment(at));
  }
  return node;
}

// An age that goes on: one clock for all of them, once a second.
export function since(at) {
  return setSince(h("time", { class: "age" }), at);
}

export function setSince(node, at) {
  if (node.at !== at) {
    node.at = at;
    node.setAttribute("datetime", new Date(at * 1000).toISOString());
    node.title = `since ${utc(at)}`;
  }
  put(node, age(now() - at));
  return node;
}

let ahead = 0; // of the server's clock, seconds: clocks of browsers are what they are
export const setClock = (at) => { ahead = at - Date.now() / 1000; };
export const now = () => Date.now() / 1000 + ahead;

setInterval(() => { for (const node of document.querySelectorAll("time.age")) put(node, age(now() - node.at)); }, 1000);
