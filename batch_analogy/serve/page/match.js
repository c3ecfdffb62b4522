// Where the spot under the pointer comes from in the reference; anchors alone know it.

import { get } from "./connection.js";
import { isIn } from "./strip.js";

const PAUSE_MS = 60; // between questions while the pointer moves
const $ = (id) => document.getElementById(id);

/** The panel that shows the reference with the spot in it. */
export class Match {
  #run;
  #choice;
  #waiting = null; // the spot to ask for next
  #asking = false;

  constructor(run, choice, stage) {
    this.#run = run;
    this.#choice = choice;
    run.addEventListener("plan", () => this.#look());
    run.addEventListener("status", () => this.#look());
    choice.addEventListener("change", () => this.#look());
    stage.addEventListener("pixel", ({ detail }) => {
      this.#waiting = detail && !$("match-panel").hidden
        ? { x: (detail.x + 0.5) / stage.plane.width, y: (detail.y + 0.5) / stage.plane.height } : null;
      if (!detail) $("match-spot").hidden = true;
      this.#ask();
    });
  }

  /** Show the panel if the chosen frame is an anchor whose matches are kept. */
  async #look() {
    const { index } = this.#choice;
    const key = `${index},${this.#run.facts.plan},${this.#run.status.state},${this.#run.codes[index]}`;
    if (key === this.key) return;
    this.key = key;
    $("match-spot").hidden = true;
    const { anchors, command } = this.#run.facts;
    const found = command !== "analogy" && isIn(anchors, index)
      ? await get(`api/match/${index}?x=0.5&y=0.5`).catch(() => null) : null;
    if (key !== this.key) return;
    $("match-panel").hidden = !found;
    if (found) this.#showLook(found.look);
  }

  #showLook(number) {
    const address = `picture/look/${number}/screen`;
    if ($("match-look").getAttribute("src") !== address) $("match-look").src = address;
  }

  async #ask() {
    if (this.#asking) return;
    this.#asking = true;
    while (this.#waiting) {
      const { x, y } = this.#waiting;
      this.#waiting = null;
      const address = `api/match/${this.#choice.index}?x=${x.toFixed(4)}&y=${y.toFixed(4)}`;
      const found = await get(address).catch(() => null);
      if (found) {
        this.#showLook(found.look);
        $("match-spot").style.left = `${100 * found.x}%`;
        $("match-spot").style.top = `${100 * found.y}%`;
      }
      $("match-spot").hidden = !found;
      await new Promise((resolve) => { setTimeout(resolve, PAUSE_MS); });
    }
    this.#asking = false;
  }
}
