// The whole film on one line: states, cuts, anchors, references, and the chosen frame.

import { DONE, FAILED, LEFT_OUT } from "./run.js";

const STATES_TOP = 12;
const STATES_TALL = 12;
const MAX_MARKS = 4000; // above which marks would only blacken the line

/** The timeline on a canvas. */
export class Timeline {
  #canvas;
  #run;
  #choice;
  #waiting = false;

  constructor(canvas, run, choice) {
    this.#canvas = canvas;
    this.#run = run;
    this.#choice = choice;
    for (const kind of ["plan", "frames"]) run.addEventListener(kind, () => this.#later());
    choice.addEventListener("change", () => this.#later());
    new ResizeObserver(() => this.#later()).observe(canvas);
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => this.#later());
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#point(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) this.#point(event);
    });
  }

  #point(event) {
    const { left, width } = this.#canvas.getBoundingClientRect();
    this.#choice.set(Math.floor(((event.clientX - left) / width) * this.#run.length));
  }

  #later() {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      this.#draw();
    });
  }

  #draw() {
    const canvas = this.#canvas;
    const scale = window.devicePixelRatio || 1;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const count = this.#run.length;
    if (count) {
      const colour = coloursOf(canvas);
      this.#drawStates(pen, width, count, colour, 1 / scale);
      this.#drawMarks(pen, width, count, colour);
      this.#drawPlace(pen, width, height, count, colour);
    }
    this.#describe();
  }

  #drawStates(pen, width, count, colour, thin) {
    const columns = Math.max(1, Math.min(Math.round(width / thin), count));
    for (let column = 0; column < columns; column += 1) {
      const first = Math.floor((column * count) / columns);
      const stop = Math.max(first + 1, Math.floor(((column + 1) * count) / columns));
      const found = tally(this.#run.codes, first, stop);
      const left = Math.round((column * width) / columns / thin) * thin; // no seams between columns
      const wide = Math.round(((column + 1) * width) / columns / thin) * thin - left;
      pen.fillStyle = colour.waiting;
      pen.fillRect(left, STATES_TOP, wide, STATES_TALL);
      const wanted = stop - first - found.leftOut;
      if (wanted && found.done) {
        const tall = Math.max(2, (STATES_TALL * found.done) / wanted);
        pen.fillStyle = colour.done;
        pen.fillRect(left, STATES_TOP + STATES_TALL - tall, wide, tall);
      }
      if (!wanted) {
        pen.clearRect(left, STATES_TOP, wide, STATES_TALL);
        pen.fillStyle = colour.leftOut;
        pen.fillRect(left, STATES_TOP + STATES_TALL / 2 - 1, wide, 2);
      }
      if (found.failed) {
        pen.fillStyle = colour.bad;
        pen.fillRect(left, STATES_TOP, Math.max(wide, 2), STATES_TALL);
      }
    }
  }

  #drawMarks(pen, width, count, colour) {
    const { shots, anchors, looks, keyframes } = this.#run.facts;
    const x = (index) => (index * width) / count;
    if (anchors.length < Math.min(MAX_MARKS, width / 4)) {
      pen.fillStyle = colour.quiet;
      for (const index of anchors) pen.fillRect(x(index), STATES_TOP + STATES_TALL + 2, 1, 4);
    }
    if (shots.length < MAX_MARKS) {
      pen.fillStyle = colour.text;
      for (const index of shots.slice(1)) pen.fillRect(x(index) - 1, STATES_TOP - 2, 2, STATES_TALL + 8);
    }
    pen.fillStyle = colour.accent;
    const placed = looks.map((look) => look.frame).filter((frame) => frame !== null);
    for (const index of new Set([...placed, ...keyframes])) {
      const middle = x(index + 0.5);
      pen.beginPath();
      pen.moveTo(middle, 1);
      pen.lineTo(middle + 4, 5.5);
      pen.lineTo(middle, 10);
      pen.lineTo(middle - 4, 5.5);
      pen.fill();
    }
  }

  #drawPlace(pen, width, height, count, colour) {
    const left = (this.#choice.index * width) / count;
    const wide = width / count;
    pen.fillStyle = colour.accent;
    if (wide >= 4) {
      pen.fillRect(left, STATES_TOP + STATES_TALL + 7, wide, 2);
    }
    pen.fillRect(left + wide / 2 - 1, STATES_TOP - 3, 2, height - STATES_TOP + 3 - 2);
  }

  #describe() {
    const last = Math.max(0, this.#run.length - 1);
    this.#canvas.setAttribute("aria-valuemin", 0);
    this.#canvas.setAttribute("aria-valuemax", last);
    this.#canvas.setAttribute("aria-valuenow", this.#choice.index);
    this.#canvas.setAttribute("aria-valuetext", `frame ${this.#choice.index} of ${last}`);
  }
}

function tally(codes, first, stop) {
  const found = { done: 0, failed: 0, leftOut: 0 };
  for (let index = first; index < stop; index += 1) {
    const code = codes[index];
    if (code === DONE) found.done += 1;
    else if (code === FAILED) found.failed += 1;
    else if (code === LEFT_OUT) found.leftOut += 1;
  }
  return found;
}

/** Return the page's colours, for canvases. */
export function coloursOf(element) {
  const style = getComputedStyle(element);
  const names = { waiting: "--waiting", done: "--done", leftOut: "--left-out", bad: "--bad",
    quiet: "--quiet", text: "--text", accent: "--accent", line: "--line" };
  return Object.fromEntries(
    Object.entries(names).map(([key, name]) => [key, style.getPropertyValue(name).trim()]));
}
