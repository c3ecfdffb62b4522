// Where the picture lies in the stage: zoom and position, the same for all panes.

const LARGEST = 64;
const CLOSE_UP = 2; // from here on, pixels are shown as squares

/** Zoom and position of a picture of a size in a window of a size. Event: "change". */
export class Plane extends EventTarget {
  width = 1;
  height = 1;
  scale = 1;
  left = 0;
  top = 0;
  fitted = true;
  #window = { width: 1, height: 1 };

  /** Set the size of the picture, in its own px; a fitted picture stays fitted. */
  setPicture(width, height) {
    if (width === this.width && height === this.height) return;
    this.width = width;
    this.height = height;
    this.#settle();
  }

  /** Set the size of one pane, in px of the screen. */
  setWindow(width, height) {
    this.#window = { width, height };
    this.#settle();
  }

  get fitScale() {
    const { width, height } = this.#window;
    return Math.min(width / this.width, height / this.height);
  }

  get isCloseUp() {
    return this.scale * (window.devicePixelRatio || 1) >= CLOSE_UP;
  }

  /** Show the whole picture. */
  fit() {
    this.fitted = true;
    this.#settle();
  }

  /** Set the zoom around a point of the window, by default its middle. */
  zoomTo(scale, x = this.#window.width / 2, y = this.#window.height / 2) {
    const wanted = Math.max(Math.min(this.fitScale, 1) / 2, Math.min(LARGEST, scale));
    this.left = x - ((x - this.left) * wanted) / this.scale;
    this.top = y - ((y - this.top) * wanted) / this.scale;
    this.scale = wanted;
    this.fitted = false;
    this.#settle();
  }

  /** Zoom by a factor. */
  zoomBy(factor, x, y) {
    this.zoomTo(this.scale * factor, x, y);
  }

  /** Show one pixel of the picture on one of the screen. */
  actual() {
    this.zoomTo(1 / (window.devicePixelRatio || 1));
  }

  move(x, y) {
    if (this.fitted) return;
    this.left += x;
    this.top += y;
    this.#settle();
  }

  #settle() {
    const { width, height } = this.#window;
    if (this.fitted) this.scale = this.fitScale;
    this.left = settled(this.left, width, this.width * this.scale);
    this.top = settled(this.top, height, this.height * this.scale);
    this.dispatchEvent(new Event("change"));
  }
}

/** Keep a picture in the window, in the middle if it is the smaller one. */
function settled(start, room, length) {
  if (length <= room) return (room - length) / 2;
  return Math.max(room - length, Math.min(0, start));
}
