// Decoded pictures of the stage, the latest ones kept, so that frames change without a flash.

const KEPT = 56;

/** Loads pictures by address. */
export class Pictures {
  #kept = new Map(); // address → promise of an image, the oldest first
  #ready = new Map(); // address → image

  /** Return a promise of a decoded image; it fails with an Error if there is no such picture. */
  load(address) {
    const known = this.#kept.get(address);
    this.#kept.delete(address);
    const promise = known ?? this.#fetch(address);
    this.#kept.set(address, promise);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT) break;
      this.#drop(oldest);
    }
    return promise;
  }

  /** Return the image of an address if it is decoded, else undefined. */
  ready(address) {
    return this.#ready.get(address);
  }

  #drop(address) {
    this.#kept.delete(address);
    this.#ready.delete(address);
  }

  async #fetch(address) {
    const image = new Image();
    image.decoding = "async";
    image.draggable = false;
    image.alt = "";
    image.src = address;
    try {
      await image.decode();
    } catch {
      this.#drop(address);
      throw new Error(await reason(address));
    }
    if (this.#kept.has(address)) this.#ready.set(address, image);
    return image;
  }
}

/** Ask the server why a picture cannot be shown. */
async function reason(address) {
  try {
    const response = await fetch(address);
    if (response.ok) return "The browser cannot show this picture.";
    return (await response.json()).error;
  } catch {
    return "The picture could not be loaded.";
  }
}
