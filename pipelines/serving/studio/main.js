// The studio, put together: starts up, hears what happens on the server, hands keys and dropped files on.

import { NO_ANSWER, ask, followForever, whenItAnswers, withSeeds } from "./api.js";
import { Detail } from "./detail.js";
import { byId, kept, keptByTab, make, words } from "./dom.js";
import { History } from "./history.js";
import { PromptBox } from "./prompt.js";
import { Queue } from "./queue.js";
import { Runs } from "./run.js";
import { SettingsForm } from "./settings.js";
import { Start, saying, showing } from "./start.js";

const HEARD_MS = 3000; // until then the server's events begin, or they are held up on their way
const MOST_OWN = 200; // jobs that are known as made in this browser
const PERSON = 10; // the priority of what somebody waits for
const IMAGES = /^image\/(png|jpeg|webp)$/;

function failed(message) {
  byId("trouble").textContent = message;
  byId("trouble").hidden = !message;
}

const settings = new SettingsForm({ changed: (error) => (error ? failed(error.message) : (prompt.read(), start.current === "sketch" || start.show())) });
const start = new Start({ changed: () => composed(), failed, sizeOf: () => settings.said?.sizes[0] ?? [512, 512], rewritten });
const prompt = new PromptBox({ recipe: () => settings.recipe, instructs: () => start?.instructs ?? false });
const queue = new Queue({ watch: (job) => watch(job), failed, known: (job) => runs.know(job) });
const runs = new Runs({
  open: (row) => detail.open(row), failed, stages: (recipe) => settings.recipes.find(({ name }) => name === recipe)?.stages ?? [],
  heard: (job) => queue.tell(job), isBehind: (job) => queue.isBehind(job), kept: (ids) => keptByTab.set("watched", ids),
});
const history = new History({ open: (row) => detail.open(row), compare, failed });
const detail = new Detail({ history, begin, submitted, failed, deleted: (job) => { queue.tell({ id: job, state: "deleted" }); history.forget(job); } });

function rewritten(text) {
  const before = prompt.text;
  prompt.text = text;
  return before;
}

function watch(job) {
  runs.watch(job);
  runs.place.scrollIntoView({ block: "nearest" });
}

/** What is composed has changed: the prompt's label, and what the button says. */
function composed() {
  const way = start?.way;
  byId("prompt-label").textContent = way ? way.prompt : "What should the picture show?";
  byId("prompt").placeholder = way ? way.example : "a red boat at sunset";
  byId("make").textContent = way ? way.make : "Make a picture";
  settings.suggest(way?.many ?? 1);
  prompt?.read();
  prompt?.examples();
}

/** Begin to work on a picture that was made here; whoever writes while it comes keeps what is written. */
async function begin(row, way, { prompt: text, region, submit: now = false } = {}) {
  const there = start.takeRow(row, way);
  prompt.text = text ?? (way === "edit" ? "" : showing(row));
  byId("prompt").focus();
  byId("prompt").setSelectionRange(prompt.box.value.length, prompt.box.value.length);
  byId("composer").scrollIntoView({ block: "start" });
  if (!(await there)) return;
  if (region) byId("region").value = region;
  if (now) await make_();
}

async function make_() {
  const knob = byId("make");
  if (knob.disabled) return;
  knob.disabled = true;
  try {
    while (start.taken) if (!(await start.taken) && !start.taken) return; // it is not there, as was said
    const missing = prompt.text ? start.missing : start.instructs ? "Say what should change." : "Say what the picture should show.";
    if (missing) {
      failed(missing);
      return byId("prompt").focus();
    }
    const row = { ...(await start.row(prompt.text)), ...settings.values };
    const seed = settings.seed;
    if (seed) row.seed = seed;
    await submit({ recipe: settings.recipe, prompts: [row], num_images: settings.count, title: prompt.text });
  } finally {
    knob.disabled = false;
  }
}

async function submit(body) {
  failed("");
  try {
    submitted(await ask("v1/jobs", { raw: withSeeds({ priority: PERSON, ...body }) }));
  } catch (error) {
    failed(error.message);
  }
}

function submitted(job) {
  kept.set("jobs", [job.id, ...kept.get("jobs", [])].slice(0, MOST_OWN));
  queue.tell(job);
  watch(job);
}

/** A prompt file becomes a job, a picture something to start from. */
async function taken(file) {
  failed("");
  if (IMAGES.test(file.type)) return start.take(file);
  if (file.type.startsWith("image/")) return failed("Pictures that are read are PNG, JPEG and WebP.");
  try {
    await submit({ file: await file.text(), recipe: settings.recipe, title: file.name, priority: 0, settings: settings.values });
  } catch {
    failed(`${file.name} cannot be read as text.`);
  }
}

function compare(one, other) {
  const side = (row) => make("figure", {}, make("img", { src: row.picture.slice(1), alt: saying(row) }), make("figcaption", {}, words("p", { class: "prompt" }, saying(row)), differences(row, row === one ? other : one)));
  byId("pair").replaceChildren(side(one), side(other));
  byId("compare").showModal();
}

function differences(row, other) {
  const all = (each) => ({ prompt: each.prompt, recipe: each.recipe, seed: each.seed, score: each.score?.toFixed(2), ...each.settings });
  const [mine, theirs] = [all(row), all(other)];
  const names = [...new Set([...Object.keys(mine), ...Object.keys(theirs)])].filter((name) => !["image", "mask_image", "sketch"].includes(name) && String(mine[name]) !== String(theirs[name]));
  return make("dl", {}, names.map((name) => [make("dt", {}, name.replaceAll("_", " ")), words("dd", {}, String(mine[name] ?? "as the recipe has it"))]));
}

function theme(next) {
  const now = next ?? kept.get("theme", "");
  if (now) document.documentElement.dataset.theme = now;
  else delete document.documentElement.dataset.theme;
  kept.set("theme", now);
}

function switchTheme() {
  const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  theme(dark ? "light" : "dark");
}

function listen() {
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    make_();
  });
  byId("file").addEventListener("change", (event) => {
    if (event.target.files[0]) taken(event.target.files[0]);
    event.target.value = "";
  });
  byId("theme").addEventListener("click", switchTheme);
  byId("help-button").addEventListener("click", () => byId("help").showModal());
  byId("help-close").addEventListener("click", () => byId("help").close());
  byId("compare-close").addEventListener("click", () => byId("compare").close());
  document.addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files].find(({ type }) => type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    taken(file);
  });
  const over = (on) => (byId("dropping").hidden = !on);
  document.addEventListener("dragover", (event) => { event.preventDefault(); over(true); });
  document.addEventListener("dragleave", (event) => event.relatedTarget || over(false));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    if (event.dataTransfer.files[0]) taken(event.dataTransfer.files[0]);
  });
  document.addEventListener("keydown", keys);
  const above = () => document.documentElement.style.setProperty("--above", `${byId("desk").offsetTop}px`);
  const sizes = new ResizeObserver(above); // the composer's foot stays in view, whatever is said above it
  for (const each of [byId("top"), byId("trouble")]) sizes.observe(each);
}

function keys(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.closest("#composer")) {
    event.preventDefault();
    return byId("composer").requestSubmit();
  }
  if (event.key === "Escape" && event.target === byId("query")) {
    byId("query").value = "";
    return void history.load();
  }
  if (event.target.closest("input, textarea, select, dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = { "/": () => byId("query").focus(), n: () => byId("prompt").focus(), t: switchTheme, "?": () => byId("help").showModal() }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

function heard(kind, data) {
  if (kind === "row") {
    history.add(data);
    queue.step(data.job);
  } else if (data.state === "deleted") {
    queue.tell(data);
    history.forget(data.id);
  } else queue.tell(data);
}

async function refresh() {
  await Promise.all([queue.load(), history.load({ unfolded: true })]);
}

/** From now on what happens is heard, and then what is there is asked for: what happens between is not missed.
 * Where nothing can be heard, it is asked for once. */
function followed() {
  return new Promise((first) => {
    let asked = false;
    const load = async () => {
      asked = true;
      await refresh().catch((error) => failed(error.message));
      first();
    };
    setTimeout(() => asked || load(), HEARD_MS);
    followForever("v1/events", heard, (there) => {
      byId("server").textContent = there ? "" : "The server does not answer; trying again.";
      if (there || !asked) load();
    });
  });
}

/** Go on with what this page watched; else with a job that was made here, or else with any. */
function resume() {
  const watched = keptByTab.get("watched", []);
  const own = kept.get("jobs", []);
  const running = queue.open.filter(({ state }) => state !== "paused");
  const again = queue.open.filter(({ id }) => watched.includes(id));
  const first = running.find(({ id }) => own.includes(id)) ?? running[0];
  for (const job of again.length || !first ? again : [first]) runs.watch(job);
}

async function began() {
  theme();
  listen();
  whenItAnswers(() => byId("trouble").textContent === NO_ANSWER && failed(""));
  composed();
  try {
    await Promise.all([settings.load(), followed()]);
    resume();
  } catch (error) {
    failed(error.message);
  }
  document.documentElement.dataset.ready = "yes";
  performance.mark("ready");
}

began();
