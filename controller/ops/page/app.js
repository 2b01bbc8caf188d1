// The page as a whole: who is logged in, which view is shown, keys, theme. Each view is a file of its own.
import { ask, get, post } from "./api.js";
import { h, put, swap, labelled } from "./dom.js";
import { openKeys, onKey } from "./keys.js";
import { ofKind, listen, link, connect, disconnect, forget, head } from "./store.js";
import { setTheme, theme, nextTheme } from "./themes.js";
import { plural } from "./format.js";
import { VIEWS, addDemo } from "./views.js";

const $ = (id) => document.getElementById(id);
const me = { name: "", role: "", has: [] };
let shown = null; // the view that is shown: its close function

function drawNav() {
  swap($("nav"), ...VIEWS.filter((view) => view.key).map((view) => h("a", { href: `#/${view.name}`, "data-view": view.name }, view.title)));
}

async function show() {
  if (!me.role) return; // nobody is logged in
  const [, name = "", ...rest] = location.hash.split("/");
  const view = VIEWS.find((each) => each.name === name);
  if (!view) { location.replace("#/board"); return; }
  if (shown) shown();
  shown = null;
  for (const link_ of $("nav").children) {
    if (link_.dataset.view === (view.under || view.name)) {
      link_.setAttribute("aria-current", "page");
      $("nav").scrollLeft = link_.offsetLeft - $("nav").offsetLeft - 40;
    }
    else link_.removeAttribute("aria-current");
  }
  document.title = `${view.title} · callward`;
  const root = h("div", { class: `view ${view.name}` }, h("h1", {}, view.title));
  swap($("main"), root);
  scrollTo(0, 0);
  const closers = [];
  const on = (hear) => closers.push(listen(hear));
  shown = () => closers.splice(0).forEach((close) => close());
  const mine = shown;
  const module = await view.load();
  if (shown === mine) module.draw(root, { me, on, argument: decodeURIComponent(rest.join("/")), onClose: (close) => closers.push(close) });
}

function drawState() {
  const trunks = ofKind("trunk").concat(ofKind("provider"));
  const down = trunks.filter((row) => row.state === "down").length;
  const node = $("link");
  const silent = head()?.silent || [];
  let [state, text] = ["live", "Live"];
  if (link.state !== "live") [state, text] = ["lost", link.state === "lost" ? "Reconnecting" : "Connecting"];
  else if (silent.length) [state, text] = ["lost", silent.length > 1 ? "No daemon answers" : `No answer: ${silent[0]}`];
  node.className = `link ${state}`;
  put(node, text);
  const title = document.title.replace(/^\(\d+ down\) /, "");
  document.title = down && me.role ? `(${down} down) ${title}` : title;
}

function announce({ events = [], all }) {
  if (all) return;
  const told = events.filter((event) => event.kind === "trunk").map((event) => `${event.data.trunk} is ${event.data.new}`);
  if (told.length > 3) put($("say"), plural(told.length, "trunk changed", "trunks changed"));
  else if (told.length) put($("say"), told.join(", "));
}

function drawLogin(message = "") {
  if (shown) shown();
  shown = null;
  me.name = me.role = "";
  $("bar").hidden = true;
  document.title = "Log in · callward";
  const token = h("input", { type: "password", name: "token", autocomplete: "current-password", required: true, spellcheck: "false" });
  const problem = h("p", { class: "problem", role: "alert" }, message);
  const submit = async (event) => {
    event.preventDefault();
    try {
      Object.assign(me, await post("v1/session", { token: token.value }));
    } catch (error) {
      put(problem, error.status === 429 ? `Too many wrong tokens. Try again in ${plural(error.wait, "second")}.`
        : error.status === 401 ? "That token is not known here." : `Not logged in: ${error.message}.`);
      token.select();
      return;
    }
    begin();
  };
  swap($("main"), h("form", { class: "login", onsubmit: submit },
    h("h1", {}, "callward"),
    h("p", { class: "muted" }, "Log in with a token of this console. Whoever runs callward has them under ", h("code", {}, "console"), " in the dialplan."),
    labelled("Token", token), problem, h("button", { type: "submit", class: "main" }, "Log in")));
  token.focus();
}

function begin() {
  if (me.has.includes("demo")) addDemo();
  drawNav();
  $("bar").hidden = false;
  put($("who"), me.name === me.role ? me.role : `${me.name}, ${me.role}`);
  forget();
  connect(check);
  show();
}

// Who is logged in? Asked at the start, and when the stream was refused.
async function check() {
  try {
    const found = await get("v1/session");
    if (!found.role) { disconnect(); await (found.link && byLink()) || drawLogin(me.role ? "You were logged out." : ""); return; }
    const fresh = !me.role;
    Object.assign(me, found);
    if (fresh) begin(); else connect(check);
  } catch {
    setTimeout(check, 1000); // the daemon is not there just now
  }
}

// The demo prints a link that logs in: #/token/TOKEN. Consoles that are in earnest take none (their session says no `link`).
async function byLink() {
  const [, word, token] = location.hash.split("/");
  if (word !== "token") return false;
  history.replaceState(null, "", "#/demo");
  try { Object.assign(me, await post("v1/session", { token })); } catch { return false; }
  begin();
  return true;
}

$("logout").addEventListener("click", async () => {
  disconnect();
  try { await ask("DELETE", "v1/session"); } catch { /* then the cookie ends by itself */ }
  drawLogin();
});
$("keys").addEventListener("click", openKeys);
const drawTheme = () => { const name = theme() || "auto"; put($("theme"), { auto: "Auto", light: "Light", dark: "Dark" }[name]); $("theme").setAttribute("aria-label", `Theme: ${name}`); };
$("theme").addEventListener("click", () => { setTheme(nextTheme()); drawTheme(); });
addEventListener("hashchange", show);
addEventListener("keydown", (event) => { if (me.role) onKey(event); });
listen(drawState);
listen(announce);
drawTheme();
check();
