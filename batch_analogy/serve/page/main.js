// Begin: build the parts of the page, and connect keys and buttons.

import { Choice } from "./choice.js";
import { Match } from "./match.js";
import { Paint } from "./paint.js";
import { Panels } from "./panels.js";
import { Pictures } from "./pictures.js";
import { Player } from "./player.js";
import { DONE, FAILED, Run } from "./run.js";
import { MODES, Stage } from "./stage.js";
import { Steer } from "./steer.js";
import { Strip } from "./strip.js";
import { Timeline } from "./timeline.js";

const $ = (id) => document.getElementById(id);

// The cookie has the token now; the address may be shown or passed on.
if (location.search) history.replaceState(null, "", location.pathname + location.hash);

const run = new Run();
const choice = new Choice(run);
const pictures = new Pictures();
const stage = new Stage($("stage"), run, choice, pictures);
const strip = new Strip($("strip"), run, choice);
const player = new Player(run, choice, stage, pictures);
new Timeline($("timeline"), run, choice);
new Panels(run, choice);
new Steer(run, choice);
new Match(run, choice, stage);
new Paint(run, choice, [$("stage"), $("strip")]);

const buttons = MODES.map(({ id, label, key }) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = label;
  button.title = `${label} (${key})`;
  button.dataset.mode = id;
  button.setAttribute("role", "radio");
  button.addEventListener("click", () => setMode(id));
  return button;
});
$("modes").append(...buttons);

function setMode(mode) {
  stage.set({ mode });
  strip.show(mode === "input" ? "input" : null);
  for (const button of buttons) {
    const on = button.dataset.mode === mode;
    button.setAttribute("aria-checked", String(on));
    button.tabIndex = on ? 0 : -1;
  }
  $("with-tool").hidden = !["wipe", "side", "difference"].includes(mode);
  $("gain-tool").hidden = mode !== "difference";
}

$("modes").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  event.stopPropagation();
  const at = buttons.findIndex((button) => button.dataset.mode === stage.mode);
  const next = buttons[(at + step + buttons.length) % buttons.length];
  setMode(next.dataset.mode);
  next.focus();
});

function fillWith() {
  const { against, looks, command } = run.facts;
  const options = [new Option("input", "input")];
  if (against) options.push(new Option(against, "against"));
  if (looks.length) options.push(new Option(command === "analogy" ? "painting" : "reference", "look"));
  const before = stage.other;
  $("with").replaceChildren(...options);
  $("with").value = options.some((one) => one.value === before) ? before : "input";
}

$("with").addEventListener("change", () => stage.set({ other: $("with").value }));
$("gain").addEventListener("change", () => stage.set({ gain: Number($("gain").value) }));
$("fit").addEventListener("click", () => stage.zoom("fit"));
$("actual").addEventListener("click", () => stage.zoom("actual"));
$("play").addEventListener("click", () => player.toggle());
$("tile-size").addEventListener("input", () => { strip.tileWidth = Number($("tile-size").value); });
$("number").addEventListener("change", () => choice.set(Number($("number").value)));
$("show-keys").addEventListener("click", () => $("keys").showModal());

let noting = 0;

choice.addEventListener("change", () => {
  $("number").value = choice.index;
  clearTimeout(noting); // browsers refuse an address that changes with each frame
  noting = setTimeout(() => history.replaceState(null, "", `#${choice.index}`), 400);
});
stage.addEventListener("change", () => {
  const percent = 100 * stage.plane.scale * (window.devicePixelRatio || 1);
  $("zoom").textContent = `${percent < 10 ? percent.toFixed(1) : Math.round(percent)}%`;
});
stage.addEventListener("pixel", ({ detail }) => {
  $("pixel").textContent = detail
    ? `x ${detail.x} y ${detail.y}  ${detail.values.map((rgb) => rgb.join(" ")).join("  →  ")}` : "";
});
player.addEventListener("change", () => {
  $("play").textContent = player.playing ? "Stop" : "Play";
  $("play").setAttribute("aria-pressed", String(player.playing));
  $("play-rate").textContent = player.playing
    ? `${player.rate.toFixed(0)} of ${run.facts.fps.toFixed(0)} frames a second` : "";
});
run.addEventListener("plan", fillWith);

const KEYS = {
  ArrowLeft: (event) => choice.step(event.shiftKey ? -10 : -1),
  ArrowRight: (event) => choice.step(event.shiftKey ? 10 : 1),
  Home: () => choice.set(0),
  End: () => choice.set(run.length - 1),
  "[": () => choice.set(run.cut(choice.index, -1)),
  "]": () => choice.set(run.cut(choice.index, 1)),
  n: () => { const next = run.nextWith(FAILED, choice.index); if (next >= 0) choice.set(next); },
  " ": () => player.toggle(),
  0: () => stage.zoom("fit"),
  1: () => stage.zoom("actual"),
  "+": () => stage.zoom(1.5),
  "=": () => stage.zoom(1.5),
  "-": () => stage.zoom(1 / 1.5),
  "?": () => $("keys").showModal(),
  ...Object.fromEntries(MODES.map(({ id, key }) => [key, () => setMode(id)])),
};

document.addEventListener("keydown", (event) => {
  const { target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (target.matches("input, select, textarea, dialog *")) return;
  if (event.key === " " && target.matches("button, summary, a")) return; // it presses them
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  if (player.playing && event.key.startsWith("Arrow")) player.toggle();
  act(event);
});

setMode("result");
run.load().then(() => {
  const first = run.nextWith(DONE, -1);
  choice.set(location.hash ? Number(location.hash.slice(1)) : first);
  strip.reveal(true);
  document.documentElement.dataset.ready = "true";
}).catch((error) => {
  $("connection").textContent = error.message;
  $("connection").classList.add("bad");
});
