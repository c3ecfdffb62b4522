"use strict";

const study = JSON.parse(document.getElementById("study").textContent);
const cases = new Map(study.cases.map((one) => [one.id, one]));
const shelf = `batch-analogy-study-${study.study}`;
const find = (id) => document.getElementById(id);
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

// ---- order of cases and pictures ------------------------------------------------------------

/** Return a random number generator in [0, 1), seeded with 32 bits (mulberry32). */
function drawsOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Derive a seed from a name (FNV-1a), so that the orders of cases are independent. */
function seedFor(seed, name) {
  let hash = 0x811c9dc5 ^ seed;
  for (const letter of name) hash = Math.imul(hash ^ letter.codePointAt(0), 0x01000193);
  return hash >>> 0;
}

function shuffled(items, seed) {
  const next = drawsOf(seed);
  const order = [...items];
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(next() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

function randomHex(bytes) {
  const values = crypto.getRandomValues(new Uint8Array(bytes));
  return [...values].map((value) => value.toString(16).padStart(2, "0")).join("");
}

/** Return an empty answer sheet for a new person; #seed=N in the URL fixes all orders. */
function newSheet() {
  const asked = /[#&]seed=(\d+)/.exec(location.hash);
  const seed = asked ? Number(asked[1]) >>> 0 : parseInt(randomHex(4), 16);
  return {
    person: randomHex(8),
    seed,
    started: new Date().toISOString(),
    order: shuffled([...cases.keys()], seedFor(seed, "cases")),
    at: -1, // index of the open case; -1: the welcome page; order.length: the last page
    answers: {},
  };
}

/** Return the answer to a case so far; at first pictures are ranked in the order shown. */
function answerOf(id) {
  if (!sheet.answers[id]) {
    const shown = shuffled(cases.get(id).pictures.map((one) => one.id), seedFor(sheet.seed, id));
    sheet.answers[id] = { shown, ranked: [...shown], moves: 0, seconds: 0, done: false };
  }
  return sheet.answers[id];
}

// ---- saving in the browser ------------------------------------------------------------------

function keep() {
  try {
    localStorage.setItem(shelf, JSON.stringify(sheet));
  } catch {
    find("forgets").hidden = false;
  }
}

/** Return whether a stored value is an answer sheet of this study. */
function isSheet(kept) {
  return (
    kept !== null && typeof kept === "object" && Array.isArray(kept.order) &&
    Number.isInteger(kept.at) && kept.order.length === cases.size &&
    kept.order.every((id) => cases.has(id)) && typeof kept.answers === "object"
  );
}

function taken() {
  try {
    const kept = JSON.parse(localStorage.getItem(shelf));
    return isSheet(kept) ? kept : null;
  } catch {
    return null;
  }
}

let sheet = taken() ?? newSheet();

// ---- drawing --------------------------------------------------------------------------------

let since = Date.now(); // when the open case was shown

function show() {
  const open = sheet.at < 0 ? "welcome" : sheet.at < sheet.order.length ? "case" : "end";
  for (const id of ["welcome", "case", "end"]) find(id).hidden = id !== open;
  const done = sheet.order.filter((id) => sheet.answers[id]?.done).length;
  find("bar").style.width = `${(100 * done) / sheet.order.length}%`;
  if (open === "welcome") showWelcome();
  if (open === "case") showCase();
  if (open === "end") showEnd(done);
  window.scrollTo(0, 0);
  since = Date.now();
}

function go(at) {
  sheet.at = Math.max(-1, Math.min(at, sheet.order.length));
  keep();
  show();
  document.querySelector("section:not([hidden]) h1").focus({ preventScroll: true });
}

function showWelcome() {
  const total = sheet.order.length;
  find("amount").textContent = total === 1 ? "There is one to order." : `There are ${total} to order.`;
}

function showCase() {
  const one = cases.get(sheet.order[sheet.at]);
  find("place").textContent = `${sheet.at + 1} of ${sheet.order.length}`;
  find("source").src = study.source;
  find("label").src = study.label;
  find("map").src = one.map;
  answerOf(one.id);
  keep();
  layOut();
}

/** Draw the cards of the open case in their present order. */
function layOut() {
  const id = sheet.order[sheet.at];
  const answer = answerOf(id);
  const sources = new Map(cases.get(id).pictures.map((one) => [one.id, one.src]));
  find("ranking").replaceChildren(
    ...answer.ranked.map((picture, place) =>
      card(picture, sources.get(picture), LETTERS[answer.shown.indexOf(picture)], place),
    ),
  );
}

function card(picture, source, letter, place) {
  const total = cases.get(sheet.order[sheet.at]).pictures.length;
  const item = document.createElement("li");
  item.dataset.picture = picture;
  item.dataset.letter = letter;
  item.tabIndex = 0;
  item.setAttribute("aria-roledescription", "picture to be moved by the arrow keys");
  item.setAttribute("aria-label", `Picture ${letter}, place ${place + 1} of ${total}`);
  const image = document.createElement("img");
  image.src = source;
  image.alt = `Picture ${letter}`;
  image.draggable = false;
  const foot = document.createElement("div");
  foot.className = "foot";
  foot.append(
    word("rank", `${place + 1}.`),
    word("name", `Picture ${letter}`),
    arrow("earlier", `Move picture ${letter} one place up`, place === 0, () => move(picture, -1)),
    arrow("later", `Move picture ${letter} one place down`, place === total - 1, () => move(picture, 1)),
    grip(),
  );
  item.append(image, foot);
  return item;
}

function word(kind, text) {
  const span = document.createElement("span");
  span.className = kind;
  span.textContent = text;
  return span;
}

function grip() {
  const span = word("grip", "⠿");
  span.setAttribute("aria-hidden", "true");
  return span;
}

function arrow(kind, label, off, action) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = kind;
  button.disabled = off;
  button.setAttribute("aria-label", label);
  button.addEventListener("click", () => {
    const picture = button.closest("li").dataset.picture;
    action();
    const item = itemOf(picture);
    const same = item.querySelector(`.${kind}`);
    (same.disabled ? item : same).focus();
  });
  return button;
}

const itemOf = (picture) => find("ranking").querySelector(`[data-picture="${picture}"]`);

// ---- ranking --------------------------------------------------------------------------------

/** Move a picture of the open case to a rank. */
function put(picture, place) {
  const answer = answerOf(sheet.order[sheet.at]);
  const from = answer.ranked.indexOf(picture);
  const to = Math.max(0, Math.min(place, answer.ranked.length - 1));
  if (from === to) return;
  answer.ranked.splice(from, 1);
  answer.ranked.splice(to, 0, picture);
  answer.moves += 1;
  answer.done = false;
  keep();
  layOut();
  find("said").textContent = itemOf(picture).getAttribute("aria-label");
}

const move = (picture, by) =>
  put(picture, answerOf(sheet.order[sheet.at]).ranked.indexOf(picture) + by);

const KEYS = {
  ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -LETTERS.length, End: LETTERS.length,
};

find("ranking").addEventListener("keydown", (event) => {
  const by = KEYS[event.key];
  const item = event.target;
  if (by === undefined || !item.matches("li") || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  move(item.dataset.picture, by);
  itemOf(item.dataset.picture).focus();
});

// While a card is dragged the list does not change; cards are only drawn at other positions. So the
// dragged element stays in the page, and the positions measured at the start remain valid.

let drag = null;

find("ranking").addEventListener("pointerdown", (event) => {
  const item = event.target.closest("li");
  if (!item || drag || event.button !== 0 || event.target.closest("button")) return;
  if (event.pointerType === "touch" && !event.target.closest(".grip")) return; // touching a card scrolls
  const items = [...find("ranking").children];
  drag = {
    pointer: event.pointerId,
    item,
    items,
    from: items.indexOf(item),
    to: items.indexOf(item),
    x: event.clientX + scrollX,
    y: event.clientY + scrollY,
    client: [event.clientX, event.clientY],
    boxes: items.map(boxOf),
    begun: false,
  };
});

function boxOf(item) {
  const box = item.getBoundingClientRect();
  return { x: box.left + scrollX, y: box.top + scrollY, width: box.width, height: box.height };
}

window.addEventListener("pointermove", (event) => {
  if (!drag || event.pointerId !== drag.pointer) return;
  drag.client = [event.clientX, event.clientY];
  if (!drag.begun) {
    const [x, y] = [event.clientX + scrollX - drag.x, event.clientY + scrollY - drag.y];
    if (Math.hypot(x, y) < 5) return;
    drag.begun = true;
    drag.item.classList.add("held");
    for (const item of drag.items) if (item !== drag.item) item.classList.add("moved");
    requestAnimationFrame(scrollAtEdges);
  }
  event.preventDefault();
  drawDrag();
});

function drawDrag() {
  const [x, y] = [drag.client[0] + scrollX - drag.x, drag.client[1] + scrollY - drag.y];
  drag.item.style.transform = `translate(${x}px, ${y}px)`;
  const own = drag.boxes[drag.from];
  const centre = { x: own.x + own.width / 2 + x, y: own.y + own.height / 2 + y };
  const away = drag.boxes.map((box) =>
    Math.hypot(box.x + box.width / 2 - centre.x, box.y + box.height / 2 - centre.y),
  );
  drag.to = away.indexOf(Math.min(...away));
  drag.items.forEach((item, place) => {
    if (item === drag.item) return;
    let to = place;
    if (place > drag.from && place <= drag.to) to -= 1;
    if (place < drag.from && place >= drag.to) to += 1;
    const [here, there] = [drag.boxes[place], drag.boxes[to]];
    item.style.transform = to === place ? "" : `translate(${there.x - here.x}px, ${there.y - here.y}px)`;
  });
}

function scrollAtEdges() {
  if (!drag?.begun) return;
  const [, y] = drag.client;
  const edge = 70;
  const by = y < edge ? y - edge : y > innerHeight - edge ? y - innerHeight + edge : 0;
  if (by) {
    window.scrollBy(0, by / 6);
    drawDrag();
  }
  requestAnimationFrame(scrollAtEdges);
}

function drop(event, commit) {
  if (!drag || event.pointerId !== drag.pointer) return;
  const { item, items, to, begun } = drag;
  drag = null;
  if (!begun) return;
  item.classList.remove("held");
  for (const one of items) {
    one.classList.remove("moved");
    one.style.transform = "";
  }
  if (commit) put(item.dataset.picture, to);
}

window.addEventListener("pointerup", (event) => drop(event, true));
window.addEventListener("pointercancel", (event) => drop(event, false));

// ---- navigation and export ------------------------------------------------------------------

function leave(done) {
  const answer = answerOf(sheet.order[sheet.at]);
  answer.seconds = Math.round(10 * answer.seconds + (Date.now() - since) / 100) / 10;
  since = Date.now();
  answer.done = answer.done || done;
}

find("begin").addEventListener("click", () => go(0));
find("back").addEventListener("click", () => {
  leave(false);
  go(sheet.at - 1);
});
find("next").addEventListener("click", () => {
  leave(true);
  go(sheet.at + 1);
});
find("stop").addEventListener("click", () => {
  leave(false);
  go(sheet.order.length);
});
find("again").addEventListener("click", () => {
  const open = sheet.order.findIndex((id) => !sheet.answers[id]?.done);
  go(open < 0 ? 0 : open);
});
find("another").addEventListener("click", () => {
  if (!confirm("Forget these answers in this browser and begin anew? Save them first.")) return;
  sheet = newSheet();
  go(-1);
});

function exported() {
  const answers = sheet.order.filter((id) => sheet.answers[id]?.done).map((id) => {
    const { shown, ranked, moves, seconds } = sheet.answers[id];
    return { case: id, shown, ranked, moves, seconds };
  });
  return {
    kind: "batch-analogy study answers",
    format: study.format,
    study: study.study,
    person: sheet.person,
    seed: sheet.seed,
    started: sheet.started,
    saved: new Date().toISOString(),
    cases: sheet.order.length,
    answers,
  };
}

function showEnd(done) {
  const total = sheet.order.length;
  find("thanks").textContent = done === total ? "Thank you" : "Stop here?";
  find("answered").textContent =
    done === total
      ? "That was all. Save your answers and send the file to whoever asked you."
      : `You have ordered ${done} of ${total}. You may save these, or go on.`;
  find("again").textContent = done === total ? "Look at my answers again" : "Go on";
  find("save").disabled = done === 0;
  find("saved").textContent = "";
  find("text").value = done ? JSON.stringify(exported()) : "";
}

find("save").addEventListener("click", () => {
  const name = `answers-${study.study}-${sheet.person.slice(0, 6)}.json`;
  const file = new Blob([JSON.stringify(exported(), null, 1) + "\n"], { type: "application/json" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  find("saved").textContent = `Saved as ${name}, where your browser keeps downloads.`;
});

window.addEventListener("pagehide", () => {
  if (sheet.at >= 0 && sheet.at < sheet.order.length) leave(false);
  keep();
});

keep();
show();
