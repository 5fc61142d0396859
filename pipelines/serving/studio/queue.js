// The queue: jobs that are not done, in the order in which they go; moved, paused, given up.

import { ask } from "./api.js";
import { byId, count, icon, make, words } from "./dom.js";

const MOST_PRIORITY = 100;
const STEP_MS = 200; // between two times that a job is asked how far it is

export class Queue {
  /** `known(job)` is told of each that has changed. */
  constructor({ watch, failed, known }) {
    Object.assign(this, { watch, failed, known, jobs: new Map(), turn: 0 });
    this.asked = new Map(); // of jobs that are asked for: whether a row, or news of the job, came meanwhile
  }

  /** All jobs; what is told of them meanwhile is newer. */
  async load() {
    const turn = ++this.turn;
    const told = (this.told = []);
    const { jobs } = await ask("v1/jobs?limit=1000");
    if (turn !== this.turn) return;
    this.jobs = new Map(jobs.map((job) => [job.id, job])); // others were deleted while nobody heard of it
    this.told = null;
    jobs.forEach((job) => this.known(job));
    told.forEach((job) => this.take(job));
    this.show();
  }

  tell(job) {
    if (this.asked.has(job.id)) this.asked.get(job.id).news = true;
    this.take(job);
  }

  take(job) {
    this.told?.push(job);
    if (job.state === "deleted") this.jobs.delete(job.id);
    else this.jobs.set(job.id, job);
    this.show();
    this.known(job);
  }

  /** A row of a job is done: how many are by now, the job says. It is asked once at a time, however many rows there
   * are, and not believed where it was told of meanwhile. */
  async step(id) {
    const asked = this.asked.get(id);
    if (asked) asked.row = true;
    if (asked || !this.jobs.has(id)) return;
    const since = { row: true, news: false };
    this.asked.set(id, since);
    while (since.row || since.news) {
      since.row = since.news = false;
      const now = await ask(`v1/jobs/${id}`).catch(() => null);
      if (now && !since.news) this.take(now);
      if (since.row || since.news) await new Promise((done) => setTimeout(done, STEP_MS));
    }
    this.asked.delete(id);
  }

  /** Whether others go before a job that waits. */
  isBehind(job) {
    const open = this.open.filter(({ state, note }) => state !== "paused" && !note);
    const at = open.findIndex(({ id }) => id === job.id);
    return open.some(({ id, state }, i) => id !== job.id && (i < at || state === "running"));
  }

  get open() {
    const waits = [...this.jobs.values()].filter(({ state }) => ["queued", "running", "paused"].includes(state));
    return waits.sort((a, b) => b.priority - a.priority || a.order - b.order);
  }

  show() {
    const open = this.open;
    byId("queue").hidden = !open.some(({ rows, state }) => open.length > 1 || rows > 1 || state === "paused");
    const focused = document.activeElement?.dataset?.act;
    byId("jobs").replaceChildren(...open.map((job, i) => this.line(job, i, open)));
    if (focused) byId("jobs").querySelector(`[data-act="${CSS.escape(focused)}"]`)?.focus();
  }

  line(job, place, open) {
    const done = job.done + job.failed;
    const act = (name, label, symbol, act, disabled = false) =>
      make("button", { type: "button", class: symbol ? "round" : "flat", "data-act": `${job.id} ${name}`, "aria-label": `${label}: ${job.title}`, title: label, disabled, onclick: act }, symbol ? icon(symbol) : label);
    const paused = job.state === "paused";
    return make("li", { class: job.state, "data-job": job.id },
      words("p", { class: "job-title" }, job.title || "A job"),
      make("p", { class: "job-state" }, `${job.note || job.state}, ${done} of ${count(job.rows, "picture")}`),
      make("progress", { max: job.rows, value: done, "aria-label": `Progress of ${job.title}` }),
      make("div", { class: "job-buttons" },
        act("up", "Earlier", "up", () => this.move(job, open[place - 1], 1), place === 0),
        act("down", "Later", "down", () => this.move(job, open[place + 1], -1), place === open.length - 1),
        act("pause", paused ? "Go on" : "Pause", "", () => this.change(job, { paused: !paused })),
        act("watch", "Watch", "", () => this.watch(job)),
        act("cancel", "Cancel", "close", () => this.does(`v1/jobs/${job.id}/cancel`, { method: "POST" }))));
  }

  /** Before (1) or behind (-1) another job: the priority says the order, and of equal ones the older goes first. */
  move(job, other, way) {
    const older = way > 0 ? job.order < other.order : job.order > other.order;
    const priority = other.priority + (older ? 0 : way);
    this.change(job, { priority: Math.max(-MOST_PRIORITY, Math.min(MOST_PRIORITY, priority)) });
  }

  change(job, body) {
    return this.does(`v1/jobs/${job.id}`, { method: "PATCH", body });
  }

  async does(path, options) {
    try {
      const job = await ask(path, options);
      if (job) this.tell(job);
    } catch (error) {
      this.failed(error.message);
    }
  }
}
