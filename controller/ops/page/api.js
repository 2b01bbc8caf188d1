// Requests to the daemon. Paths are relative, so that the page works below any path of a proxy.

export class Problem extends Error {
  constructor(status, code, detail, wait) { super(detail); this.status = status; this.code = code; this.wait = wait; }
}

export async function ask(method, path, body) {
  const options = { method, headers: { "x-callward": "page", accept: "application/json" }, credentials: "same-origin" };
  if (body !== undefined) { options.body = JSON.stringify(body); options.headers["content-type"] = "application/json"; }
  let answer;
  try { answer = await fetch(path, options); } catch { throw new Problem(0, "gone", "the daemon does not answer", 0); }
  if (answer.status === 204) return null;
  const found = (answer.headers.get("content-type") || "").includes("json") ? await answer.json() : {};
  if (!answer.ok) throw new Problem(answer.status, found.code || "", found.detail || answer.statusText, Number(answer.headers.get("retry-after") || 0));
  return found;
}

export const get = (path) => ask("GET", path);
export const post = (path, body = {}) => ask("POST", path, body);
