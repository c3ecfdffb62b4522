// The chosen frame, large: result, input, wipe, side by side and difference.

import { Plane } from "./plane.js";
import { DONE, FAILED, LEFT_OUT } from "./run.js";

const SCREEN_PX = 1600; // the longest side of reduced pictures, see pictures.py

const NOT_MADE = { [FAILED]: "This frame failed.", [LEFT_OUT]: "This frame is left out." };

export const MODES = [
  { id: "result", label: "Result", key: "r" },
  { id: "input", label: "Input", key: "i" },
  { id: "wipe", label: "Wipe", key: "w" },
  { id: "side", label: "Side by side", key: "s" },
  { id: "difference", label: "Difference", key: "d" },
];

/** The stage in an element. Events: "change" after mode or zoom, "pixel" under the pointer. */
export class Stage extends EventTarget {
  plane = new Plane();
  mode = "result";
  other = "input"; // what the result is compared with: a layer
  gain = 1;
  wipe = 0.5;
  #element;
  #run;
  #choice;
  #pictures;
  #turn = 0; // of showing, so that a late picture does not replace a newer one
  #line = wipeLine();
  #probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

  constructor(element, run, choice, pictures) {
    super();
    this.#element = element;
    this.#run = run;
    this.#choice = choice;
    this.#pictures = pictures;
    this.#probe.canvas.width = this.#probe.canvas.height = 1;
    choice.addEventListener("change", () => this.show());
    run.addEventListener("plan", () => this.show());
    run.addEventListener("frames", (event) => {
      if (event.detail.includes(choice.index)) this.show();
    });
    this.plane.addEventListener("change", () => this.#place());
    new ResizeObserver(() => this.#measure()).observe(element);
    this.#listen();
  }

  /** Set mode, other, gain or wipe, and show the frame so. */
  set(values) {
    Object.assign(this, values);
    this.show();
  }

  /** Return the layers of each pane, with their names. */
  panes() {
    const result = { layer: this.#run.output, name: "result" };
    const names = { input: "input", against: this.#run.facts.against ?? "", look: "reference" };
    const other = { layer: this.other, name: names[this.other] };
    if (this.mode === "result") return [[result]];
    if (this.mode === "input") return [[{ layer: "input", name: "input" }]];
    return this.mode === "side" ? [[other], [result]] : [[other, result]];
  }

  /** Return the address of a layer of a frame, in the size that the zoom needs. */
  address(layer, index) {
    const number = layer === "look" ? this.#lookOf(index) : index;
    const longest = Math.max(this.plane.width, this.plane.height);
    const shown = longest * this.plane.scale * (window.devicePixelRatio || 1);
    const size = longest > SCREEN_PX && shown <= SCREEN_PX ? "screen" : "full";
    return this.#run.picture(layer, number, size);
  }

  #lookOf(index) {
    const placed = this.#run.facts.looks.map((look) => look.frame ?? 0);
    const nearest = Math.min(...placed.map((frame) => Math.abs(frame - index)));
    return Math.max(0, placed.findIndex((frame) => Math.abs(frame - index) === nearest));
  }

  /** Show the chosen frame; what was shown stays until its pictures are here. */
  async show() {
    const turn = (this.#turn += 1);
    const index = this.#choice.index;
    if (!this.#run.length) return this.#say("The run is being planned.");
    const { width, height } = this.#run.facts;
    if (width) this.plane.setPicture(width, height);
    const panes = this.panes();
    const needed = panes.flat();
    if (needed.some((one) => one.layer === this.#run.output) && this.#run.codes[index] !== DONE) {
      if (this.mode === "result") return this.#say(NOT_MADE[this.#run.codes[index]] ?? "This frame is not made yet. Press i for its input.");
      panes.splice(0, panes.length, needed.filter((one) => one.layer !== this.#run.output));
    }
    try {
      const loaded = await Promise.all(panes.map((pane) => Promise.all(
        pane.map(async (one) => ({ ...one, image: await this.#pictures.load(this.address(one.layer, index)) })))));
      if (turn === this.#turn) this.#put(loaded);
    } catch (error) {
      if (turn === this.#turn) this.#say(error.message);
    }
    return undefined;
  }

  /** Show pictures that are decoded already, for playing. */
  put(panes) {
    this.#turn += 1;
    this.#put(panes);
  }

  #put(panes) {
    const element = this.#element;
    element.classList.toggle("difference", this.mode === "difference");
    while (element.children.length > panes.length || element.querySelector(".empty")) {
      element.lastElementChild.remove();
    }
    while (element.children.length < panes.length) element.append(newPane());
    panes.forEach((layers, n) => {
      const [plane, ...captions] = element.children[n].children;
      plane.replaceChildren(...layers.map(({ image }) => layerOf(image)));
      plane.style.filter = this.mode === "difference" && layers.length > 1 ? `brightness(${this.gain})` : "";
      captions.forEach((caption, place) => {
        const wanted = layers.length > 1 || panes.length > 1 || layers[0]?.name !== "result";
        caption.textContent = (wanted && layers[place]?.name) || "";
        caption.hidden = !caption.textContent;
      });
      if (this.mode === "wipe" && layers.length > 1) element.children[n].append(this.#line);
    });
    if (this.mode !== "wipe") this.#line.remove();
    this.#measure();
  }

  #say(text) {
    const empty = document.createElement("p");
    empty.className = "empty";
    empty.textContent = text;
    this.#line.remove();
    this.#element.replaceChildren(empty);
  }

  #measure() {
    const panes = Math.max(1, this.#element.querySelectorAll(".pane").length);
    const { clientWidth, clientHeight } = this.#element;
    if (clientWidth) this.plane.setWindow((clientWidth - panes + 1) / panes, clientHeight);
    this.#place();
  }

  #place() {
    const { plane } = this;
    this.#element.classList.toggle("close-up", plane.isCloseUp);
    for (const pane of this.#element.querySelectorAll(".pane")) {
      const { style, children } = pane.firstElementChild;
      style.width = `${plane.width}px`;
      style.height = `${plane.height}px`;
      style.transform = `translate(${plane.left}px, ${plane.top}px) scale(${plane.scale})`;
      const top = children[1];
      if (top) top.style.clipPath = this.mode === "wipe" ? `inset(0 0 0 ${100 * this.wipe}%)` : "";
    }
    this.#line.style.left = `${plane.left + this.wipe * plane.width * plane.scale}px`;
    this.#line.setAttribute("aria-valuenow", Math.round(100 * this.wipe));
    this.dispatchEvent(new Event("change"));
  }

  #listen() {
    const element = this.#element;
    let last = null;
    element.addEventListener("wheel", (event) => {
      event.preventDefault();
      const at = this.#at(event);
      this.plane.zoomBy(Math.exp(-event.deltaY / 400), at.x, at.y);
      this.#sharpen();
    }, { passive: false });
    element.addEventListener("pointerdown", (event) => {
      element.setPointerCapture(event.pointerId);
      last = { x: event.clientX, y: event.clientY, wipes: event.target === this.#line };
      element.classList.toggle("moving", !last.wipes);
    });
    element.addEventListener("pointermove", (event) => {
      this.#readPixel(event);
      if (!last) return;
      if (last.wipes) this.#wipeTo(event);
      else this.plane.move(event.clientX - last.x, event.clientY - last.y);
      last = { ...last, x: event.clientX, y: event.clientY };
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      element.addEventListener(kind, () => { last = null; element.classList.remove("moving"); });
    }
    element.addEventListener("dblclick", () => {
      if (this.plane.fitted) this.plane.actual();
      else this.plane.fit();
      this.#sharpen();
    });
    element.addEventListener("pointerleave", () => this.#tellPixel(null));
    this.#line.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -0.02, ArrowRight: 0.02 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      this.wipe = Math.max(0, Math.min(1, this.wipe + step));
      this.#place();
    });
  }

  /** Zoom around the middle: by a factor, to the window, or pixel for pixel. */
  zoom(how) {
    if (how === "fit") this.plane.fit();
    else if (how === "actual") this.plane.actual();
    else this.plane.zoomBy(how);
    this.#sharpen();
  }

  #sharpen() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.show(), 150);
  }

  #wipeTo(event) {
    const at = this.#at(event);
    this.wipe = Math.max(0, Math.min(1, (at.x - this.plane.left) / (this.plane.width * this.plane.scale)));
    this.#place();
  }

  #at(event) {
    const panes = [...this.#element.querySelectorAll(".pane")];
    const boxes = panes.map((pane) => pane.getBoundingClientRect());
    const box = boxes.find((one) => event.clientX < one.right) ?? boxes.at(-1)
      ?? this.#element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  #readPixel(event) {
    const at = this.#at(event);
    const x = Math.floor((at.x - this.plane.left) / this.plane.scale);
    const y = Math.floor((at.y - this.plane.top) / this.plane.scale);
    if (x < 0 || y < 0 || x >= this.plane.width || y >= this.plane.height) return this.#tellPixel(null);
    const images = [...this.#element.querySelectorAll(".layer img")];
    const values = images.map((image) => this.#valuesAt(image, x / this.plane.width, y / this.plane.height));
    return this.#tellPixel({ x, y, values });
  }

  #valuesAt(image, x, y) {
    this.#probe.drawImage(
      image, Math.floor(x * image.naturalWidth), Math.floor(y * image.naturalHeight), 1, 1, 0, 0, 1, 1);
    return [...this.#probe.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  }

  #tellPixel(detail) {
    this.dispatchEvent(new CustomEvent("pixel", { detail }));
  }
}

function layerOf(image) {
  const layer = document.createElement("div");
  layer.className = "layer";
  // The same picture may stand in two panes, and an element in one place alone.
  layer.append(image.isConnected ? image.cloneNode() : image);
  return layer;
}

function newPane() {
  const pane = document.createElement("div");
  pane.className = "pane";
  const plane = document.createElement("div");
  plane.className = "plane";
  const left = document.createElement("span");
  left.className = "caption";
  const right = document.createElement("span");
  right.className = "caption right";
  pane.append(plane, left, right);
  return pane;
}

function wipeLine() {
  const line = document.createElement("div");
  line.className = "wipe-line";
  line.tabIndex = 0;
  line.setAttribute("role", "slider");
  line.setAttribute("aria-label", "Wipe");
  line.setAttribute("aria-valuemin", 0);
  line.setAttribute("aria-valuemax", 100);
  return line;
}
