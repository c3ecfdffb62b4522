// Play finished frames at the film's rate; what cannot be loaded in time is held, never slowed.

import { DONE } from "./run.js";

const AHEAD = 14; // frames loaded ahead
const RATE_SECONDS = 1;

/** Plays the chosen frames. Event: "change". */
export class Player extends EventTarget {
  playing = false;
  rate = 0; // frames a second that were really shown
  #run;
  #choice;
  #stage;
  #pictures;
  #shown = [];

  constructor(run, choice, stage, pictures) {
    super();
    this.#run = run;
    this.#choice = choice;
    this.#stage = stage;
    this.#pictures = pictures;
  }

  /** Start or stop. */
  toggle() {
    this.playing = !this.playing;
    this.rate = 0;
    this.#shown = [];
    if (this.playing) this.#play();
    this.dispatchEvent(new Event("change"));
  }

  async #play() {
    let index = this.#nextDone(this.#choice.index);
    let begun = performance.now();
    let first = index;
    while (this.playing && index >= 0) {
      this.#loadAhead(index);
      const panes = this.#ready(index);
      if (panes) {
        this.#choice.set(index);
        this.#stage.put(panes);
        this.#count();
      }
      await new Promise(requestAnimationFrame);
      const due = first + Math.floor(((performance.now() - begun) / 1000) * this.#run.facts.fps);
      if (due >= this.#run.length) {
        index = this.#nextDone(0);
        first = index;
        begun = performance.now();
      } else if (due > index) {
        index = this.#nextDone(due);
        if (index < due || index > due) {
          first = index;
          begun = performance.now();
        }
      }
    }
    if (this.playing) this.toggle();
  }

  /** Return the first finished frame from this one on, going round; -1 if there is none. */
  #nextDone(index) {
    return this.#run.nextWith(DONE, index - 1);
  }

  #addresses(index) {
    return this.#stage.panes().flat().map((one) => this.#stage.address(one.layer, index));
  }

  #loadAhead(index) {
    for (let n = index; n < Math.min(index + AHEAD, this.#run.length); n += 1) {
      if (!this.#run.isDone(n)) continue;
      for (const address of this.#addresses(n)) this.#pictures.load(address).catch(() => {});
    }
  }

  #ready(index) {
    const panes = this.#stage.panes().map((pane) => pane.map((one) => (
      { ...one, image: this.#pictures.ready(this.#stage.address(one.layer, index)) })));
    return panes.flat().every((one) => one.image) ? panes : null;
  }

  #count() {
    const now = performance.now();
    if (this.#shown.at(-1)?.index === this.#choice.index) return;
    this.#shown.push({ at: now, index: this.#choice.index });
    this.#shown = this.#shown.filter((one) => now - one.at <= 1000 * RATE_SECONDS);
    this.rate = this.#shown.length / RATE_SECONDS;
    this.dispatchEvent(new Event("change"));
  }
}
