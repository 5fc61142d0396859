// Jobs that one watches: how far they are, and their rows, in a window that goes on with the job. What is seen here is
// what the queue knows of a job and what the server tells of its rows; whenever that begins anew, it is read anew.

import { ask, follow, persistently } from "./api.js";
import { button, count, make, words } from "./dom.js";
import { RowView } from "./row.js";

const AT_A_TIME = 2; // followed with previews: browsers open six connections to a server
const SHOWN = 48; // rows of a job at a time
const LOADING_MS = 800; // after which a job that nothing is ahead of waits for models

const SAID = { queued: "waits for its turn", paused: "paused", done: "done", failed: "failed", cancelled: "cancelled", deleted: "deleted" };

export const isOver = (state) => ["done", "failed", "cancelled", "deleted"].includes(state);

export class Runs {
  /** `heard(job)` tells the queue, which tells `know`; `isBehind(job)` says whether others go first; `kept(ids)` keeps
   * which jobs are watched. */
  constructor({ open, failed, stages, heard, isBehind, kept }) {
    Object.assign(this, { open, failed, stages, heard, isBehind, kept });
    this.place = document.getElementById("now");
    this.runs = [];
    this.waiting = [];
  }

  get active() {
    return this.runs.filter((run) => !run.ended);
  }

  watch(job) {
    if (this.runs.some((run) => run.job.id === job.id) || this.waiting.some(({ id }) => id === job.id)) return;
    if (this.active.length >= AT_A_TIME) this.waiting.push(job);
    else this.begin(job);
    this.keep();
  }

  begin(job) {
    for (const run of this.runs.filter((each) => each.ended)) this.close(run);
    const run = new Run(job, this);
    this.runs.push(run);
    this.place.prepend(run.node);
    run.follow().finally(() => {
      run.ended = true;
      const next = this.waiting.shift();
      if (next) this.begin(next);
      this.keep();
    });
  }

  /** What the queue knows of a job by now. Others may have come ahead of those that wait, or have gone. */
  know(job) {
    for (const run of this.runs) {
      if (run.job.id === job.id) run.know(job);
      else if (!run.over && !run.stirs) run.show();
    }
  }

  close(run) {
    run.stop();
    run.node.remove();
    this.runs = this.runs.filter((each) => each !== run);
    this.keep();
  }

  keep() {
    this.kept([...this.active.map(({ job }) => job.id), ...this.waiting.map(({ id }) => id)]);
  }
}

class Run {
  constructor(job, runs) {
    Object.assign(this, { job, runs, rows: new Map(), from: -1, ended: false, signal: new AbortController() });
    this.head = make("p", { class: "run-state", role: "status" });
    this.bar = make("progress", { max: 1, value: 0, "aria-label": "Progress" });
    this.body = make("div", { class: "run-rows" });
    this.buttons = make("div", { class: "run-buttons" });
    this.node = make("article", { class: `run ${job.rows === 1 ? "single" : "many"}`, "data-job": job.id },
      make("div", { class: "run-head" }, make("div", {}, words("h2", {}, job.title || "A job"), this.head), this.buttons), this.bar, this.body);
    this.expect();
    this.move();
    this.show();
  }

  get over() {
    return isOver(this.job.state);
  }

  stop() {
    this.signal.abort();
  }

  /** What happens, until the job has ended and it is known what has become of its rows. */
  follow() {
    const { signal } = this.signal;
    return persistently(async (well) => {
      const there = () => {
        well();
        this.begun();
      };
      try {
        if (!this.over) await follow(`v1/jobs/${this.job.id}/events?previews=1`, (kind, data) => this.tell(kind, data), { signal, there });
        if (this.over && this.job.state !== "deleted") await this.read();
        return this.over;
      } catch (error) {
        if (error.status === 404) this.runs.heard({ ...this.job, state: "deleted" });
        return error.status === 404 || signal.aborted;
      }
    }, { signal });
  }

  /** It is followed, perhaps once more: rows may have ended meanwhile, or have gone back to where they began. */
  begun() {
    for (const row of this.rows.values()) row.result ? row.look() : row.reset();
    this.expect();
    this.read().catch(() => {}); // what is told breaks off, too, and begins anew
  }

  /** Nothing is seen of it yet. */
  expect() {
    this.stirs = false;
    this.since = Date.now();
    setTimeout(() => this.show(), LOADING_MS + 50);
  }

  /** What has become of the rows in the window. */
  async read() {
    const { rows } = await ask(`v1/jobs/${this.job.id}/rows?after=${this.from}&limit=${SHOWN}`);
    for (const row of rows) if (isOver(row.state)) this.rows.get(row.number)?.done(row);
    this.show();
  }

  /** The window has the first row that is not done, as far as rows are done in their order. Whether it is another. */
  move() {
    const { rows, done, failed } = this.job;
    const from = SHOWN * Math.floor(Math.min(done + failed, rows - 1) / SHOWN);
    if (from === this.from) return false;
    this.from = from;
    this.rows = new Map();
    for (let i = from + 1; i <= Math.min(rows, from + SHOWN); i += 1) this.rows.set(i, new RowView(this, i));
    this.body.replaceChildren(...[...this.rows.values()].map(({ node }) => node));
    return true;
  }

  know(job) {
    const before = this.job.state;
    this.job = { ...this.job, ...job };
    if (before !== this.job.state && this.job.state === "paused") for (const row of this.rows.values()) row.reset();
    if (this.move()) this.read().catch(() => {});
    this.show();
  }

  tell(kind, data) {
    if (kind === "job") return this.runs.heard({ ...this.job, ...data });
    this.stirs = true;
    if (kind === "row") this.rows.get(data.number)?.done(data);
    else if (this.job.state === "queued") this.runs.heard({ ...this.job, state: "running" });
    if (this.job.state === "running" && kind !== "row") this.rows.get(data.row)?.tell(kind, data);
    this.show();
  }

  /** Why nothing is seen of a row yet. */
  get waits() {
    const { state } = this.job;
    if (this.over || state === "paused") return SAID[state];
    if (this.stirs || this.runs.isBehind(this.job)) return SAID.queued;
    return Date.now() - this.since > LOADING_MS ? "models are being loaded" : "begins";
  }

  show() {
    const { state, rows, done, failed } = this.job;
    for (const row of this.rows.values()) row.show();
    const first = rows === 1 ? this.rows.get(1) : null;
    const window = rows > SHOWN ? `; here are ${this.from + 1} to ${Math.min(rows, this.from + SHOWN)}` : "";
    const doing = this.stirs && state === "queued" || state === "running" ? "under way" : this.waits;
    this.head.textContent = first ? (this.over ? SAID[state] : first.said)
      : `${doing}: ${done} of ${count(rows, "picture")}${failed ? `, ${failed} failed` : ""}${window}`;
    this.bar.hidden = this.over;
    this.bar.value = first ? first.share : (done + failed) / rows;
    this.node.classList.toggle("over", this.over);
    if (this.shown === this.over) return;
    this.shown = this.over;
    this.buttons.replaceChildren(this.over
      ? button("Close", () => this.runs.close(this), { class: "flat" })
      : button("Cancel", () => this.cancel(), { class: "flat cancel" }));
  }

  async cancel() {
    try {
      this.runs.heard(await ask(`v1/jobs/${this.job.id}/cancel`, { method: "POST" }));
    } catch (error) {
      this.runs.failed(error.message);
    }
  }
}
