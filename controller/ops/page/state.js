// States as people see them: a shape, a word and a colour each; and the last hour as bars.
import { h, svg, put, attr } from "./dom.js";

export const WORDS = { up: "Up", down: "Down", degraded: "Degraded", suspect: "Suspect", drained: "Drained", unknown: "Unknown" };
const SHAPES = {
  up: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2Z",
  down: "M2.500 1h11L15 2.500v11L13.500 15h-11L1 13.500v-11ZM5 4 4 5l3 3-3 3 1 1 3-3 3 3 1-1-3-3 3-3-1-1-3 3Z",
  degraded: "M8 1.500 15.300 14H.700Z",
  suspect: "M8 2a6 6 0 0 1 0 12Zm0 0v1.500a4.500 4.500 0 0 0 0 9V14A6 6 0 0 1 8 2Z",
  drained: "M3 2h4v12H3Zm6 0h4v12H9Z",
  unknown: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2Zm0 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8Z",
};

export function badge() {
  const path = svg("path", { "fill-rule": "evenodd" });
  const node = h("span", { class: "badge" }, svg("svg", { viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true" }, path), h("span", {}));
  node.path = path;
  return node;
}

export function setBadge(node, state, word = WORDS[state] || state) {
  node.className = `badge ${state}`;
  attr(node.path, "d", SHAPES[state] || SHAPES.unknown);
  put(node.lastChild, word);
  return node;
}

const LETTERS = { u: ["up", 12], r: ["drained", 12], s: ["suspect", 16], g: ["degraded", 18], d: ["down", 24], ".": ["unknown", 3] };

// Sixty bars for sixty minutes, the worst state of each; heights differ as colours do.
export function bars() {
  return svg("svg", { class: "bars", viewBox: "0 0 240 24", preserveAspectRatio: "none", role: "img" });
}

export function setBars(node, letters) {
  if (node.letters === letters) return;
  node.letters = letters;
  const minutes = {};
  [...letters].forEach((letter, index) => {
    const [state, height] = LETTERS[letter];
    minutes[state] = (minutes[state] || 0) + 1;
    let bar = node.children[index];
    if (!bar) { bar = svg("rect", { x: index * 4, width: 3 }); node.append(bar); }
    attr(bar, "class", state);
    attr(bar, "y", 24 - height);
    attr(bar, "height", height);
  });
  const told = Object.entries(minutes).filter(([state]) => state !== "unknown").map(([state, number]) => `${state} ${number} min`);
  node.setAttribute("aria-label", `last hour by the minute, worst state: ${told.join(", ") || "nothing known"}`);
}
