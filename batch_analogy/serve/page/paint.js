// Painted keyframes: which to paint next, a frame to paint over, and the painted file back.

import { get, send } from "./connection.js";

const ACTIVE = new Set(["planning", "running", "encoding"]);
const $ = (id) => document.getElementById(id);

/** The panel of a painted run, and files that are dropped on some elements. */
export class Paint {
  #run;
  #choice;
  #asked = "";

  constructor(run, choice, places) {
    this.#run = run;
    this.#choice = choice;
    run.addEventListener("status", () => this.#update());
    run.addEventListener("plan", () => { this.#asked = ""; this.#update(); });
    choice.addEventListener("change", () => this.#follow());
    $("painted").addEventListener("change", () => {
      const [file] = $("painted").files;
      if (file) this.#take(this.#choice.index, file);
      $("painted").value = "";
    });
    for (const place of places) this.#listen(place);
  }

  get #may() {
    return this.#run.facts.command === "analogy" && !this.#run.facts.read_only;
  }

  #listen(place) {
    place.addEventListener("dragover", (event) => {
      if (!this.#may || !event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      (event.target.closest(".tile") ?? place).classList.add("dropping");
    });
    for (const kind of ["dragleave", "drop"]) {
      place.addEventListener(kind, (event) => {
        (event.target.closest?.(".tile") ?? place).classList.remove("dropping");
      });
    }
    place.addEventListener("drop", (event) => {
      const [file] = event.dataTransfer.files;
      if (!this.#may || !file) return;
      event.preventDefault();
      const tile = event.target.closest(".tile");
      this.#take(tile ? Number(tile.dataset.index) : this.#choice.index, file);
    });
  }

  async #take(index, file) {
    this.#choice.set(index);
    this.#say(`sending ${file.name} for frame ${index}`);
    const suffix = file.name.match(/\.[a-z0-9]+$/i)?.[0] ?? "";
    try {
      await send(`api/paint/${index}?suffix=${encodeURIComponent(suffix)}`, file);
      this.#say(`Frame ${index} is painted; what depends on it is made again.`);
    } catch (error) {
      this.#say(error.message, true);
    }
  }

  #say(text, bad = false) {
    $("paint-said").textContent = text;
    $("paint-said").classList.toggle("bad", bad);
  }

  #follow() {
    const { index } = this.#choice;
    $("download").href = `picture/input/${index}/full`;
    $("download").download = `frame-${String(index).padStart(6, "0")}.png`;
  }

  async #update() {
    $("paint-panel").hidden = !this.#may;
    if (!this.#may) return;
    this.#follow();
    const { status, facts } = this.#run;
    const key = `${status.state},${facts.plan}`;
    if (ACTIVE.has(status.state) || key === this.#asked) return;
    this.#asked = key;
    const found = await get("api/suggested").catch(() => []);
    $("suggested-note").textContent = found.length
      ? "Worth painting next:" : "The film follows its keyframes well; no frame would gain much.";
    $("suggested").replaceChildren(...found.map((one) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `frame ${one.index}: ${Math.round(100 * one.misfit)}% of it fits badly`;
      button.title = `${one.name}; painting it would also improve the frames around it`;
      button.addEventListener("click", () => this.#choice.set(one.index));
      item.append(button);
      return item;
    }));
  }
}
