// The chosen frame: one place that everything on the page follows.

/** The chosen frame. Event: "change". */
export class Choice extends EventTarget {
  index = 0;
  #run;

  constructor(run) {
    super();
    this.#run = run;
  }

  /** Choose a frame; numbers outside the film mean its ends. */
  set(index) {
    const wanted = Math.max(0, Math.min(this.#run.length - 1, Math.round(index) || 0));
    if (wanted === this.index) return;
    this.index = wanted;
    this.dispatchEvent(new Event("change"));
  }

  /** Go some frames further, or back. */
  step(frames) {
    this.set(this.index + frames);
  }
}
