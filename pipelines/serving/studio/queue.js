// The queue: jobs that are not done, in the order in which they go; moved, paused, given up.

import { ask } from "./api.js";
import { byId, count, icon, make, words } from "./dom.js";

const MOST_PRIORITY = 100;

export class Queue {
  constructor({ watch, failed }) {
    Object.assign(this, { watch, failed, jobs: new Map(), turn: 0 });
  }

  /** All jobs; what is told of them meanwhile is newer. */
  async load() {
    const turn = ++this.turn;
    const told = (this.told = []);
    const { jobs } = await ask("v1/jobs?limit=1000");
    if (turn !== this.turn) return;
    for (const job of jobs) this.jobs.set(job.id, job);
    this.told = null;
    told.forEach((job) => this.tell(job));
    this.show();
  }

  tell(job) {
    this.told?.push(job);
    if (job.state === "deleted") this.jobs.delete(job.id);
    else this.jobs.set(job.id, job);
    this.show();
  }

  /** A row of a job is done. */
  step(id) {
    const job = this.jobs.get(id);
    if (job) ask(`v1/jobs/${id}`).then((now) => this.tell(now), () => {});
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
      make("p", { class: "job-state" }, `${job.state}, ${done} of ${count(job.rows, "picture")}`),
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
