// Which views there are, in the order of the navigation. ``key``: g and this letter leads there.

export const VIEWS = [
  { name: "board", title: "Board", key: "b", load: () => import("./views/board.js") },
  { name: "chains", title: "Chains", key: "h", load: () => import("./views/chains.js") },
  { name: "calls", title: "Calls", key: "c", load: () => import("./views/calls.js") },
  { name: "cascades", title: "Cascades", key: "m", load: () => import("./views/cascades.js") },
  { name: "timeline", title: "Timeline", key: "t", load: () => import("./views/timeline.js") },
  { name: "explain", title: "Explain", key: "e", load: () => import("./views/explain.js") },
  { name: "what-if", title: "What-if", key: "w", load: () => import("./views/whatif.js") },
  { name: "alerts", title: "Alerts", key: "a", load: () => import("./views/alerts.js") },
  { name: "drills", title: "Drills", key: "d", load: () => import("./views/drills.js") },
  { name: "call", title: "Call", under: "calls", load: () => import("./views/call.js") },
];

// The demo alone has one more, by which what it simulates is broken and repaired.
export function addDemo() {
  if (VIEWS[0].name !== "demo") VIEWS.unshift({ name: "demo", title: "Demo", key: "x", load: () => import("./views/demo.js") });
}
