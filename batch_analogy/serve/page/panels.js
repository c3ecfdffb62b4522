// The side of the page: how the run goes, the chosen frame, failures, times, workers and logs.

import { get } from "./connection.js";
import { coloursOf } from "./timeline.js";

const SLOW_MS = 4000; // between looks at what is not pushed
const $ = (id) => document.getElementById(id);

/** Return a duration as people say it. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** Fill a list of terms; rows without a value are left out. */
export function fillTerms(list, rows) {
  list.replaceChildren(...rows.filter(([, value]) => value !== "" && value != null).flatMap(
    ([term, value]) => {
      const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
      dt.textContent = term;
      if (value instanceof Node) dd.append(value);
      else dd.textContent = value;
      return [dt, dd];
    }));
}

/** The panels, which follow the run and the chosen frame. */
export class Panels {
  #run;
  #choice;
  #seen = "";
  #asked = 0;
  #frameRequest = null;

  constructor(run, choice) {
    this.#run = run;
    this.#choice = choice;
    run.addEventListener("status", () => this.#status());
    run.addEventListener("connection", () => this.#connection());
    run.addEventListener("plan", () => { this.#frame(); this.#details(true); });
    choice.addEventListener("change", () => this.#frame());
    run.addEventListener("frames", (event) => {
      if (event.detail.includes(choice.index)) this.#frame();
    });
    $("log-worker").addEventListener("change", () => this.#log());
    new ResizeObserver(() => this.#drawTimes()).observe($("times"));
  }

  #connection() {
    $("connection").textContent = this.#run.connected ? "" : "not connected; trying again";
    $("connection").classList.toggle("bad", !this.#run.connected);
  }

  #status() {
    const { status, facts } = this.#run;
    const total = status.total ?? 0;
    $("name").textContent = facts.name;
    document.title = total ? `${status.done}/${total} ${facts.name}` : facts.name;
    const counts = total ? `${status.done} of ${total} frames` : "";
    const failed = status.failed ? `${status.failed} failed` : "";
    const left = status.left_seconds ? `${duration(status.left_seconds)} left` : "";
    $("summary").textContent = [status.state, counts, failed, left].filter(Boolean).join(" · ");
    $("progress").max = total || 1;
    $("progress").value = status.done ?? 0;
    fillTerms($("facts"), [
      ["state", status.state],
      ["frames", total ? `${status.done} of ${total}, ${status.left} left` : ""],
      ["rate", status.rate ? pace(status.rate) : ""],
      ["time left", duration(status.left_seconds)],
      ["workers", status.workers ? String(status.workers) : ""],
      ["command", facts.command ? `${facts.command} ${facts.source}` : ""],
      ["look", looks(facts)],
      ["quality", facts.settings?.quality],
      ["film", (status.films ?? []).join(", ")],
      ["dashboard", status.dashboard ? link(status.dashboard) : ""],
    ]);
    $("message").textContent = [status.message, status.problem].filter(Boolean).join("\n");
    $("message").classList.toggle("bad", Boolean(status.problem) || status.state === "failed");
    this.#workers(status.worker_states ?? []);
    this.#details(false);
  }

  #workers(states) {
    $("workers-panel").hidden = !states.length;
    $("workers").replaceChildren(...states.map((one) => {
      const item = document.createElement("li");
      const name = document.createElement("b");
      name.textContent = one.name;
      const last = one.last_frame === null ? "" : `frame ${one.last_frame} in ${one.last_seconds} s, `;
      const text = one.lost
        ? `lost: ${one.lost}`
        : `${one.device} on ${one.node}: ${one.done} done, ${last}heard ${duration(one.heard_seconds)} ago`;
      item.append(name, document.createElement("br"), text);
      return item;
    }));
  }

  /** Look at failures, times and logs when something changed, but not at every frame. */
  async #details(now) {
    const { status } = this.#run;
    const key = `${status.done},${status.failed},${status.state},${this.#run.facts.plan}`;
    if (key === this.#seen || (!now && Date.now() - this.#asked < SLOW_MS)) {
      if (key !== this.#seen) {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.#details(true), SLOW_MS);
      }
      return;
    }
    this.#seen = key;
    this.#asked = Date.now();
    try {
      this.times = await get("api/times");
      this.#drawTimes();
      this.#failures(status.failed ? await get("api/failures") : []);
      await this.#logWorkers();
    } catch {
      this.#seen = ""; // the connection is told about elsewhere; this is asked again
    }
  }

  #failures(found) {
    $("failures-panel").hidden = !found.length;
    $("failures").replaceChildren(...found.map((one) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `frame ${one.index} (${one.name})`;
      button.addEventListener("click", () => this.#choice.set(one.index));
      const message = document.createElement("p");
      message.className = "bad";
      message.textContent = one.message;
      item.append(button, message);
      if (one.traceback) item.append(trace(one.traceback));
      return item;
    }));
  }

  async #logWorkers() {
    const { workers } = await get("api/log");
    const select = $("log-worker");
    const before = select.value;
    $("log-panel").hidden = !workers.length;
    if (workers.join() !== [...select.options].map((one) => one.value).join()) {
      select.replaceChildren(...workers.map((name) => new Option(name, name)));
      if (workers.includes(before)) select.value = before;
    }
    if (workers.length) await this.#log();
  }

  async #log() {
    const { lines } = await get(`api/log?worker=${encodeURIComponent($("log-worker").value)}`);
    const box = $("log");
    const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 4;
    box.textContent = lines.map(readable).join("\n");
    if (atEnd) box.scrollTop = box.scrollHeight;
  }

  async #frame() {
    this.#frameRequest?.abort();
    const request = (this.#frameRequest = new AbortController());
    await new Promise((resolve) => { setTimeout(resolve, 80); });
    if (request.signal.aborted || !this.#run.length) return;
    try {
      const facts = await get(`api/frame/${this.#choice.index}`, request.signal);
      $("frame-title").textContent = `Frame ${facts.index}`;
      $("frame-name").textContent = facts.name;
      fillTerms($("frame-facts"), [
        ["name", facts.name],
        ["size", facts.width ? `${facts.width} × ${facts.height}` : ""],
        ["shot", `${facts.shot[0]} to ${facts.shot[1] - 1}`],
        ["exposure", facts.exposure_ev ? `${facts.exposure_ev > 0 ? "+" : ""}${facts.exposure_ev.toFixed(2)} EV` : ""],
        ["taken", facts.taken],
        ["made in", facts.seconds === null ? "" : `${facts.seconds} s`],
        ["misfit", facts.misfit === null ? "" : facts.misfit.toFixed(3)],
      ]);
      const message = document.createElement("p");
      message.className = "bad";
      message.textContent = facts.error ?? facts.failure?.message ?? "";
      $("frame-failure").replaceChildren(
        message, ...(facts.failure?.traceback ? [trace(facts.failure.traceback)] : []));
    } catch (error) {
      if (error.name !== "AbortError") $("frame-facts").replaceChildren();
    }
  }

  #drawTimes() {
    const times = this.times ?? [];
    $("times-panel").hidden = times.length < 2;
    const canvas = $("times");
    if (times.length < 2 || !canvas.clientWidth) return;
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = width * scale;
    canvas.height = height * scale;
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    const colour = coloursOf(canvas);
    const most = Math.max(...times.map((one) => one.highest));
    const floor = height - 14;
    const x = (frame) => (frame / Math.max(1, this.#run.length - 1)) * (width - 2) + 1;
    const y = (seconds) => floor - (seconds / most) * (floor - 14);
    pen.strokeStyle = colour.line;
    pen.strokeRect(0.5, floor + 0.5, width, 0);
    pen.fillStyle = colour.done;
    for (const one of times) pen.fillRect(x(one.frame) - 1, y(one.highest), 2, floor - y(one.highest));
    pen.fillStyle = colour.text;
    for (const one of times) pen.fillRect(x(one.frame) - 1, y(one.mean) - 1, 2, 2);
    pen.fillStyle = colour.quiet;
    pen.font = "11px system-ui, sans-serif";
    pen.fillText(`${most.toPrecision(3)} s`, 2, 10);
    pen.fillText("0", 2, height - 2);
    pen.textAlign = "right";
    pen.fillText(String(this.#run.length - 1), width - 2, height - 2);
    const mean = times.reduce((sum, one) => sum + one.mean, 0) / times.length;
    canvas.setAttribute("aria-label",
      `Seconds a frame over the film: ${mean.toPrecision(3)} on average, ${most.toPrecision(3)} at most`);
  }
}

function pace(rate) {
  return rate >= 1 ? `${rate.toFixed(1)} frames a second` : `${(1 / rate).toFixed(1)} s a frame`;
}

function looks(facts) {
  const names = (facts.looks ?? []).map((look) => look.name);
  return names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
}

function link(address) {
  const anchor = document.createElement("a");
  anchor.href = address.includes("://") ? address : `http://${address}`;
  anchor.textContent = address;
  anchor.target = "_blank";
  anchor.rel = "noreferrer";
  return anchor;
}

function trace(text) {
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  summary.textContent = "Trace";
  const pre = document.createElement("pre");
  pre.tabIndex = 0;
  pre.textContent = text;
  details.append(summary, pre);
  return details;
}

/** Return a line of a worker's log as people read it. */
function readable(line) {
  try {
    const { at, index, status, seconds, message, traceback } = JSON.parse(line);
    const time = new Date(at * 1000).toLocaleTimeString([], { hour12: false });
    const frame = index === undefined ? "" : `frame ${index} `;
    const took = seconds ? ` in ${seconds} s` : "";
    return `${time}  ${frame}${status}${took}${message ? `: ${message}` : ""}${traceback ? `\n${traceback}` : ""}`;
  } catch {
    return line;
  }
}
