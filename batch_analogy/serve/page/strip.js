// The film strip: a tile for each frame, of which only those in sight exist.

import { AGAIN, FAILED, LEFT_OUT } from "./run.js";

const GAP_PX = 3;
const SPARE = 3; // tiles beyond each end of what is in sight
const LONGEST_PX = 16_000_000; // browsers draw nothing wider
const REST_MS = 90; // pictures are asked for once scrolling rests so long
const MARKS = new Map([[FAILED, "failed"], [LEFT_OUT, "left out"], [AGAIN, "again"]]);

/** The strip in an element, for a run and the chosen frame. */
export class Strip {
  #run;
  #choice;
  #element;
  #length = document.createElement("div");
  #tiles = new Map(); // index → element
  #free = [];
  #wanted = 112;
  #timer = 0;
  #lastLeft = 0;
  layer = null; // null: results

  constructor(element, run, choice) {
    this.#element = element;
    this.#run = run;
    this.#choice = choice;
    this.#length.className = "length";
    element.append(this.#length);
    element.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    element.addEventListener("click", (event) => this.#clicked(event));
    element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    run.addEventListener("plan", () => this.#renew());
    run.addEventListener("frames", (event) => this.#changed(event.detail));
    choice.addEventListener("change", () => this.reveal());
    new ResizeObserver(() => this.#draw(true)).observe(element);
  }

  /** Set the width of tiles, in px. */
  set tileWidth(px) {
    this.#wanted = px;
    this.#renew();
    this.reveal(true);
  }

  /** Show another layer in the tiles; null shows results. */
  show(layer) {
    if (layer === this.layer) return;
    this.layer = layer;
    this.#renew();
  }

  get #width() {
    const most = LONGEST_PX / Math.max(1, this.#run.length) - GAP_PX;
    return Math.max(8, Math.min(this.#wanted, most));
  }

  get #step() {
    return this.#width + GAP_PX;
  }

  #renew() {
    const { width, height } = this.#run.facts;
    const ratio = width && height ? Math.min(1.4, Math.max(0.4, height / width)) : 0.56;
    const tall = Math.round(this.#width * ratio);
    this.#element.style.height = `${tall + 8 + 12}px`;
    this.#element.style.setProperty("--tall", `${tall}px`);
    this.#length.style.width = `${this.#run.length * this.#step}px`;
    for (const tile of this.#tiles.values()) this.#release(tile);
    this.#tiles.clear();
    this.#draw(true);
  }

  /** Scroll so that the chosen frame is in sight; with centre, in the middle. */
  reveal(centre = false) {
    const left = this.#choice.index * this.#step;
    const { scrollLeft, clientWidth } = this.#element;
    const outside = left < scrollLeft || left + this.#step > scrollLeft + clientWidth;
    if (outside || centre) this.#element.scrollLeft = left - (clientWidth - this.#step) / 2;
    this.#draw(true);
  }

  #scrolled() {
    const moved = Math.abs(this.#element.scrollLeft - this.#lastLeft);
    this.#lastLeft = this.#element.scrollLeft;
    this.#draw(moved < this.#element.clientWidth / 4);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#draw(true), REST_MS);
  }

  #wheel(event) {
    if (event.ctrlKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
    event.preventDefault();
    this.#element.scrollLeft += event.deltaY;
  }

  #clicked(event) {
    const tile = event.target.closest(".tile");
    if (tile) this.#choice.set(Number(tile.dataset.index));
  }

  #changed(indices) {
    for (const index of indices) {
      const tile = this.#tiles.get(index);
      if (tile) this.#fill(tile, index, true);
    }
  }

  #draw(withPictures) {
    const { scrollLeft, clientWidth } = this.#element;
    const first = Math.max(0, Math.floor(scrollLeft / this.#step) - SPARE);
    const stop = Math.min(this.#run.length, Math.ceil((scrollLeft + clientWidth) / this.#step) + SPARE);
    for (const [index, tile] of this.#tiles) {
      if (index >= first && index < stop) continue;
      this.#release(tile);
      this.#tiles.delete(index);
    }
    for (let index = first; index < stop; index += 1) {
      let tile = this.#tiles.get(index);
      if (!tile) {
        tile = this.#free.pop() ?? newTile();
        this.#element.append(tile);
        this.#tiles.set(index, tile);
      }
      this.#fill(tile, index, withPictures);
    }
    const chosen = this.#tiles.get(this.#choice.index);
    this.#element.setAttribute("aria-activedescendant", chosen?.id ?? "");
  }

  #fill(tile, index, withPicture) {
    const code = this.#run.codes[index];
    tile.id = `tile-${index}`;
    tile.dataset.index = index;
    tile.dataset.code = String.fromCharCode(code);
    tile.style.width = `${this.#width}px`;
    tile.style.height = "var(--tall)";
    tile.style.transform = `translateX(${index * this.#step}px)`;
    tile.classList.toggle("cut", index > 0 && isIn(this.#run.facts.shots, index));
    tile.setAttribute("aria-selected", String(index === this.#choice.index));
    tile.setAttribute("aria-posinset", index + 1);
    tile.setAttribute("aria-setsize", this.#run.length);
    const [picture, number, mark] = tile.children;
    number.textContent = index;
    const key = isIn(this.#run.facts.keyframes, index) ? "key" : "";
    mark.textContent = MARKS.get(code) ?? key;
    mark.hidden = !mark.textContent;
    const shown = this.layer ?? (this.#run.isDone(index) ? this.#run.output : null);
    const address = shown && this.#run.picture(shown, index, "thumb");
    if (!address) picture.removeAttribute("src");
    else if (withPicture && picture.getAttribute("src") !== address) picture.src = address;
    else if (!picture.getAttribute("src")?.startsWith(`picture/${shown}/${index}/`)) {
      picture.removeAttribute("src"); // of the frame that this tile showed before
    }
  }

  #release(tile) {
    tile.children[0].removeAttribute("src");
    tile.remove();
    if (this.#free.length < 64) this.#free.push(tile);
  }
}

function newTile() {
  const tile = document.createElement("div");
  tile.className = "tile";
  tile.setAttribute("role", "option");
  const picture = new Image();
  picture.alt = "";
  picture.draggable = false;
  const number = document.createElement("span");
  number.className = "number";
  const mark = document.createElement("span");
  mark.className = "mark";
  tile.append(picture, number, mark);
  return tile;
}

/** Return whether a sorted list has a number. */
export function isIn(sorted, wanted) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === wanted;
}
