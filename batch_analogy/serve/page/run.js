// What the page knows of the run: facts of its plan, and the state of each frame.

import { allowPosts, get, listen } from "./connection.js";

export const DONE = 100; // "d"
export const FAILED = 102; // "f"
export const LEFT_OUT = 120; // "x"
export const AGAIN = 114; // "r"

const NO_PLAN = { frames: 0, shots: [], keyframes: [], looks: [], anchors: [], layers: [] };

const encoder = new TextEncoder();

/** The run. Events: "plan" when all is new, "frames" with indices, "status", "connection". */
export class Run extends EventTarget {
  facts = NO_PLAN;
  status = {};
  codes = new Uint8Array(0);
  versions = new Uint16Array(0); // counts up when a frame is made again, for its address
  connected = true;
  #source = null;
  #loading = false;

  /** Read everything anew, then follow what changes. */
  async load() {
    this.#loading = true;
    this.#source?.close();
    try {
      this.facts = { ...NO_PLAN, ...(await get("api/run")) };
    } finally {
      this.#loading = false;
    }
    const facts = this.facts;
    const fresh = this.codes.length !== facts.frames;
    allowPosts(facts.post_value);
    this.#takeStates(facts.states, fresh);
    delete facts.states;
    this.status = facts.status;
    this.#tell("plan");
    this.#tell("status");
    this.#source = listen(
      facts.generation, facts.plan, (news) => this.#take(news), (on) => this.#connection(on));
  }

  get length() {
    return this.codes.length;
  }

  /** The main result's layer, such as "a_prime". */
  get output() {
    return this.facts.layers[0] ?? "a_prime";
  }

  isDone(index) {
    return this.codes[index] === DONE;
  }

  /** Return the address of a frame's picture. */
  picture(layer, index, size) {
    const version = this.versions[index] ? `?v=${this.versions[index]}` : "";
    return `picture/${layer}/${index}/${size}${version}`;
  }

  /** Return the first frame of the shot after (step 1) or before (step -1) a frame. */
  cut(index, step) {
    const { shots } = this.facts;
    const found = step > 0
      ? shots.find((start) => start > index)
      : shots.findLast((start) => start < index);
    return found ?? (step > 0 ? this.length - 1 : 0);
  }

  /** Return the next frame after one that has a code, going round; -1 if there is none. */
  nextWith(code, index) {
    const after = this.codes.indexOf(code, index + 1);
    return after >= 0 ? after : this.codes.indexOf(code);
  }

  #take(news) {
    if (news.plan !== this.facts.plan) {
      if (!this.#loading) this.load().catch(() => this.#connection(false));
      return;
    }
    this.status = news.status;
    if (news.states !== undefined) {
      this.#takeStates(news.states, false);
      this.#tell("plan");
    } else if (news.changed?.length) {
      for (const [index, code] of news.changed) {
        this.codes[index] = code.charCodeAt(0);
        this.versions[index] += 1;
      }
      this.dispatchEvent(new CustomEvent("frames", { detail: news.changed.map(([i]) => i) }));
    }
    this.#tell("status");
  }

  #takeStates(text, fresh) {
    const codes = encoder.encode(text);
    if (fresh || codes.length !== this.codes.length) this.versions = new Uint16Array(codes.length);
    else codes.forEach((code, n) => { if (code !== this.codes[n]) this.versions[n] += 1; });
    this.codes = codes;
  }

  #connection(on) {
    if (on === this.connected) return;
    this.connected = on;
    this.#tell("connection");
  }

  #tell(kind) {
    this.dispatchEvent(new Event(kind));
  }
}
