// Talking to the server: addresses are relative, so that the page works behind a path prefix.

let postValue = "";

/** Remember the value that posts must carry; the server told it with the run. */
export function allowPosts(value) {
  postValue = value ?? "";
}

async function answerOf(response) {
  const type = response.headers.get("Content-Type") ?? "";
  const body = type.includes("json") ? await response.json() : {};
  if (!response.ok) throw new Error(body.error ?? explain(response.status));
  return body;
}

function explain(status) {
  if (status === 401) return "The page has ended or was started again; open its new address.";
  return `The server answered ${status}.`;
}

/** Get JSON from an address such as "api/run". */
export async function get(address, signal) {
  return answerOf(await fetch(address, { signal, cache: "no-store" }));
}

/** Post JSON. */
export async function post(address, body) {
  const headers = { "Content-Type": "application/json", "X-Batch-Analogy": postValue };
  return answerOf(await fetch(address, { method: "POST", headers, body: JSON.stringify(body) }));
}

/** Send a file. */
export async function send(address, file) {
  const headers = { "Content-Type": "application/octet-stream", "X-Batch-Analogy": postValue };
  return answerOf(await fetch(address, { method: "POST", headers, body: file }));
}

/** Listen to the run from a generation on; onNews gets each message, onState true or false. */
export function listen(generation, plan, onNews, onState) {
  const source = new EventSource(`api/events?known=${generation},${plan}`);
  source.onmessage = (event) => onNews(JSON.parse(event.data));
  source.onopen = () => onState(true);
  source.onerror = () => onState(false);
  return source;
}
