// Runs that one watches: the plan, the draft token by token, the painting, the candidates and the verdict.

import { ask, follow } from "./api.js";
import { button, byId, count, duration, make, words } from "./dom.js";
import { aboutChange, candidateList, factList, factsOf } from "./facts.js";
import { changeOf, saying } from "./start.js";

const DOING = { plan: "planning", draft: "drafting", preview: "looking at drafts", refine: "painting", upscale: "enlarging", judge: "judging" };
const AT_A_TIME = 2; // followed with previews: browsers open six connections to a server
const SHOWN = 24; // rows of a job

/** What was seen of candidates, by `job/number`: the server keeps the chosen picture alone. */
export const seen = new Map();
const MOST_SEEN = 60;

export class Runs {
  constructor({ open, failed, stages, heard }) {
    Object.assign(this, { open, failed, stages, heard });
    this.place = byId("now");
    this.runs = [];
    this.waiting = [];
  }

  get active() {
    return this.runs.filter((run) => !run.ended);
  }

  watch(job) {
    if (this.runs.some((run) => run.job.id === job.id) || this.waiting.some(({ id }) => id === job.id)) return;
    if (this.active.length >= AT_A_TIME) return void this.waiting.push(job);
    for (const run of this.runs.filter((each) => each.ended)) this.close(run);
    const run = new Run(job, this);
    this.runs.push(run);
    this.place.prepend(run.node);
    run.follow().finally(() => {
      run.ended = true;
      const next = this.waiting.shift();
      if (next) this.watch(next);
    });
  }

  close(run) {
    run.stop();
    run.node.remove();
    this.runs = this.runs.filter((each) => each !== run);
  }
}

class Run {
  constructor(job, runs) {
    Object.assign(this, { job, runs, rows: new Map(), ended: false, signal: new AbortController() });
    this.head = make("p", { class: "run-state", role: "status" });
    this.bar = make("progress", { max: 1, value: 0, "aria-label": "Progress" });
    this.body = make("div", { class: "run-rows" });
    this.buttons = make("div", { class: "run-buttons" });
    this.node = make("article", { class: `run ${job.rows === 1 ? "single" : "many"}`, "data-job": job.id },
      make("div", { class: "run-head" }, make("div", {}, words("h2", {}, job.title || "A job"), this.head), this.buttons), this.bar, this.body);
    if (job.rows <= SHOWN) for (let i = 1; i <= job.rows; i += 1) this.row(i);
    this.show();
  }

  stop() {
    this.signal.abort();
  }

  async follow() {
    for (let tries = 0; tries < 5 && !isOver(this.job.state); tries += 1) {
      try {
        await follow(`v1/jobs/${this.job.id}/events?previews=1`, (kind, data) => this.tell(kind, data), { signal: this.signal.signal });
      } catch (error) {
        if (this.signal.signal.aborted) return;
        if (error.status) return this.runs.failed(error.message);
      }
      await this.missed();
      if (!isOver(this.job.state)) await new Promise((done) => setTimeout(done, 1000));
    }
  }

  /** Rows that were done while nobody followed: of a job that fails at once, all of them. */
  async missed() {
    try {
      for (const row of (await ask(`v1/jobs/${this.job.id}/rows?limit=${SHOWN}`)).rows) {
        if (["done", "failed", "cancelled"].includes(row.state) && !this.row(row.number).result) this.row(row.number).done(row);
      }
    } catch {
      // the job is deleted, or the server gone
    }
    this.show();
  }

  row(number) {
    if (!this.rows.has(number)) {
      const row = new RowView(this, number);
      this.rows.set(number, row);
      if (this.rows.size <= SHOWN) this.body.append(row.node);
    }
    return this.rows.get(number);
  }

  tell(kind, data) {
    if (kind === "job") {
      this.job = { ...this.job, ...data };
      this.runs.heard(this.job);
    }
    if (kind === "row") this.row(data.number).done(data);
    else if (kind !== "job") this.row(data.row).tell(kind, data);
    this.show();
  }

  show() {
    const { state, rows, done, failed } = this.job;
    const over = isOver(state);
    const said = { queued: "waits for its turn", paused: "paused", done: "done", failed: "failed", cancelled: "cancelled", deleted: "deleted" }[state];
    const first = rows === 1 ? this.row(1) : null;
    this.head.textContent = rows > 1 ? `${said ?? "under way"}: ${done} of ${count(rows, "picture")}${failed ? `, ${failed} failed` : ""}` : state === "running" ? first.doing : said ?? state;
    this.bar.hidden = over;
    this.bar.value = rows > 1 ? (done + failed) / rows : first.share;
    this.node.classList.toggle("over", over);
    if (this.shown === over) return;
    this.shown = over;
    this.buttons.replaceChildren(over
      ? button("Close", () => this.runs.close(this), { class: "flat" })
      : button("Cancel", () => ask(`v1/jobs/${this.job.id}/cancel`, { method: "POST" }).catch((error) => this.runs.failed(error.message)), { class: "flat cancel" }));
  }
}

const isOver = (state) => ["done", "failed", "cancelled", "deleted"].includes(state);

class RowView {
  constructor(run, number) {
    Object.assign(this, { run, number, pictures: new Map(), candidates: [], share: 0, doing: "waits for its turn" });
    this.image = make("img", { alt: "", hidden: true });
    this.well = make("button", { type: "button", class: "well", disabled: true, "aria-label": `Picture ${number}`, onclick: () => this.result && run.runs.open(this.result) }, this.image);
    this.caption = make("p", { class: "doing" }, this.doing);
    this.about = make("div", { class: "row-about" });
    this.node = make("figure", { class: "making", "data-row": number }, make("div", { class: "row-picture" }, this.well, this.caption), this.about);
  }

  tell(kind, data) {
    if (kind === "progress") {
      const stages = this.run.runs.stages(this.run.job.recipe);
      this.share = Math.max(0, stages.indexOf(data.stage) + data.fraction) / (stages.length || 1);
      this.stage(DOING[data.stage] ?? data.stage);
    } else if (kind === "plan" && data.candidate === 0) {
      this.plan = data;
      this.showPlan();
    } else if (kind === "drafting") {
      this.see(data, `drafting, ${count(data.tokens, "token")}`, true);
    } else if (kind === "preview") {
      const step = data.step ? `painting, step ${data.step}` : data.what === "draft" ? "drafted" : "painted";
      this.see(data, step, data.what === "draft");
      if (data.what === "picture" || !this.pictures.has(data.candidate)) this.pictures.set(data.candidate, this.image.src);
    }
  }

  stage(text) {
    if (text === "drafting" && this.doing.startsWith("drafting,")) return;
    this.doing = text;
    this.caption.textContent = text;
  }

  see(data, text, coarse) {
    this.image.src = `data:image/png;base64,${data.b64_png}`;
    this.image.hidden = false;
    this.image.classList.toggle("coarse", coarse);
    this.stage(text);
  }

  showPlan() {
    if (this.run.job.rows > 1) return;
    const left = this.plan.left_out.length > 0 && make("p", { class: "left-out" }, "Will not be drawn: ", words("span", {}, this.plan.left_out.join(", ")));
    this.about.replaceChildren(make("h3", {}, "The plan"), words("p", { class: "plan" }, this.plan.prompt), left || "", factList(this.plan.facts));
  }

  async done(row) {
    const { job } = this.run;
    this.result = { ...row, job: job.id, recipe: job.recipe };
    this.share = 1;
    this.node.classList.add(row.state);
    if (row.state !== "done") {
      this.well.replaceChildren(words("span", { class: "error" }, row.error ?? row.state));
      return this.stage(row.state);
    }
    this.image.src = job.rows > 1 ? `${row.picture.slice(1).replace(/png$/, "webp")}?side=320` : row.picture.slice(1);
    this.image.alt = saying(row);
    this.image.hidden = false;
    this.image.classList.remove("coarse");
    this.well.disabled = false;
    this.well.setAttribute("aria-label", `Open the picture: ${saying(row)}`);
    this.stage(verdict(row));
    remember(`${job.id}/${row.number}`, this.pictures);
    if (job.rows > 1) return this.stage(row.accepted === false ? verdict(row) : saying(row));
    try {
      const whole = await ask(`v1/jobs/${job.id}/rows/${row.number}`);
      const several = whole.candidates?.length > 1;
      this.about.replaceChildren(
        make("h3", {}, "What it shows"), words("p", { class: "plan" }, whole.caption ?? whole.resolved_prompt ?? ""),
        notDrawn(whole) ?? "",
        readAs(whole) ?? "",
        factsOf(whole.facts ?? [], changeOf(whole)),
        several ? make("h3", {}, "Candidates") : "", several ? candidateList(whole.candidates, this.pictures) : "");
    } catch (error) {
      this.run.runs.failed(error.message);
    }
  }
}

/** Words that were asked for and are not drawn; of a change those of what it began from were asked for before. */
export function notDrawn(row) {
  const change = changeOf(row);
  const left = (row.left_out ?? []).filter((each) => !change || change.toLowerCase().includes(each.toLowerCase()));
  return left.length ? make("p", { class: "left-out" }, "Not drawn: ", words("span", {}, left.join(", "))) : null;
}

/** Words that were taken for others: a corgi for a dog. */
export function readAs(row) {
  const taken = Object.entries(row.read_as ?? {}).map(([said, meant]) => `${said} as ${meant}`);
  return taken.length ? words("p", { class: "read-as" }, `Read: ${taken.join(", ")}`) : null;
}

/** How a picture came out, in words. A score is of all that the picture should show, and says little of a change. */
export function verdict(row) {
  if (changeOf(row)) {
    const missed = aboutChange(row.facts ?? [], changeOf(row)).some(({ shown }) => shown === false);
    return `${notDrawn(row) ? "some words were not drawn" : missed ? "changed, perhaps not as asked" : "changed"}, ${duration(row.seconds)}`;
  }
  const score = row.score === null || row.score === undefined ? "" : `, score ${Math.round(100 * row.score)} %`;
  const said = row.accepted ? "accepted" : row.left_out?.length ? "some words were not drawn" : row.score === null ? "not judged" : "not accepted";
  return `${said}${score}, ${duration(row.seconds)}`;
}

function remember(key, pictures) {
  seen.set(key, pictures);
  while (seen.size > MOST_SEEN) seen.delete(seen.keys().next().value);
}
