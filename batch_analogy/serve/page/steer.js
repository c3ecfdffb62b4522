// Steering the run: stop, resume, retry, and edits of the plan, each shown before it is taken.

import { post } from "./connection.js";

const ACTIVE = new Set(["planning", "running", "encoding"]);
const $ = (id) => document.getElementById(id);


/** The buttons that change the run; they are not there where the page is read-only. */
export class Steer {
  #run;
  #choice;
  #edit = null;
  #digest = "";
  #told = "";

  constructor(run, choice) {
    this.#run = run;
    this.#choice = choice;
    for (const kind of ["plan", "status"]) run.addEventListener(kind, () => this.#update());
    choice.addEventListener("change", () => this.#follow());
    const press = (id, act) => $(id).addEventListener("click", act);
    press("stop", () => this.#do("api/stop", {}, "stopping: the frames in progress are finished first"));
    press("resume", () => this.#do("api/resume", {}, "starting"));
    press("retry-failed", () => this.#do("api/retry", { frames: "" }, "starting"));
    press("retry", () => this.#do("api/retry", { frames: this.#frames }, "starting"));
    press("leave-out", () => this.#show({ leave_out: this.#frames }));
    press("take-back", () => this.#show({ take_back: this.#frames }));
    press("cut", () => this.#show(
      this.#isCut ? { join: this.#choice.index } : { cut: this.#choice.index }));
    press("expose", () => this.#show(
      { exposure_frames: this.#frames, exposure_ev: Number($("exposure").value) }));
    press("take", () => this.#take());
    $("edit-frames").addEventListener("input", () => { this.#ownFrames = true; });
  }

  #ownFrames = false; // the frames were typed, so they do not follow the chosen one

  get #frames() {
    return $("edit-frames").value.trim();
  }

  get #isCut() {
    return this.#choice.index > 0 && this.#run.facts.shots.includes(this.#choice.index);
  }

  #follow() {
    if (!this.#ownFrames) $("edit-frames").value = this.#choice.index;
    $("cut").textContent = this.#isCut ? "Remove the cut" : "Cut here";
    $("cut").disabled = this.#choice.index === 0;
    $("exposure").value = this.#run.facts.exposures?.[this.#choice.index] ?? 0;
  }

  #update() {
    const { status, facts } = this.#run;
    const may = !facts.read_only && facts.frames > 0;
    const active = ACTIVE.has(status.state);
    $("steer").hidden = $("edit-panel").hidden = !may;
    $("stop").hidden = !active;
    $("resume").hidden = active || status.started?.running;
    $("resume").textContent = status.left ? "Resume" : "Bring up to date";
    $("retry-failed").hidden = active || !status.failed;
    for (const id of ["retry", "leave-out", "take-back", "expose"]) $(id).disabled = active;
    $("edit-note").textContent = active ? "Stop the run to change it." : "";
    this.#tellCommand(status.started, active);
    this.#follow();
    if (active) $("cut").disabled = true;
  }

  #tellCommand(started, active) {
    const news = JSON.stringify([started, active]);
    if (!started || news === this.#told) return; // what else was said stays
    this.#told = news;
    if (started.running && !active) this.#say("starting");
    else if (started.running) this.#say("");
    else if (started.code && started.code !== 3 && started.code !== 130) this.#say(started.said, true);
    else this.#say("");
  }

  #say(text, bad = false) {
    $("steer-said").textContent = text;
    $("steer-said").classList.toggle("bad", bad);
  }

  async #do(address, body, text) {
    this.#say(text);
    try {
      await post(address, body);
    } catch (error) {
      this.#say(error.message, true);
    }
  }

  async #show(edit) {
    this.#say("");
    try {
      const found = await post("api/edit", edit);
      this.#edit = edit;
      this.#digest = found.digest;
      $("diff").replaceChildren(...found.lines.flatMap(([entry, before, after]) => [
        line("entry", entry), line("before", `− ${before || "none"}`), line("after", `+ ${after || "none"}`)]));
      $("diff-again").textContent = found.again
        ? `${found.again} finished ${found.again === 1 ? "frame is" : "frames are"} made again: ${found.again_frames}.`
        : "No finished frame is made again.";
      $("diff-error").textContent = "";
      $("edit-dialog").showModal();
    } catch (error) {
      this.#say(error.message, true);
    }
  }

  async #take() {
    try {
      await post("api/edit/take", { edit: this.#edit, digest: this.#digest });
      $("edit-dialog").close();
      this.#ownFrames = false;
      this.#say("The plan is changed; resume the run to make it so.");
    } catch (error) {
      $("diff-error").textContent = error.message;
    }
  }
}

function line(kind, text) {
  const element = document.createElement("p");
  element.className = kind;
  element.textContent = text;
  return element;
}
