// A row of a job that one watches: the plan, the draft token by token, the painting, the candidates and the verdict.

import { ask } from "./api.js";
import { count, make, words } from "./dom.js";
import { candidateList, factList, factsOf } from "./facts.js";
import { changeOf, saying } from "./start.js";
import { notDrawn, readAs, shortly, verdict } from "./verdict.js";

const DOING = { plan: "planning", recall: "recalling", draft: "drafting", preview: "looking at drafts", refine: "painting", upscale: "enlarging", judge: "judging" };

/** What was seen of candidates, by `job/number`: the server keeps the chosen picture alone. */
export const seen = new Map();
const MOST_SEEN = 60;

export class RowView {
  constructor(run, number) {
    Object.assign(this, { run, number, pictures: new Map(), share: 0, doing: "" });
    this.image = make("img", { alt: "", hidden: true, onerror: () => (this.image.hidden = true) });
    this.well = make("button", { type: "button", class: "well", disabled: true, "aria-label": `Picture ${number}`, onclick: () => this.result && run.runs.open(this.result) }, this.image);
    this.caption = make("p", { class: "doing" });
    this.about = make("div", { class: "row-about" });
    this.node = make("figure", { class: "making", "data-row": number }, make("div", { class: "row-picture" }, this.well, this.caption), this.about);
  }

  /** What there is to say of it. */
  get said() {
    return this.doing || this.run.waits;
  }

  show() {
    if (this.caption.textContent !== this.said) this.caption.textContent = this.said;
  }

  /** It is not under way any more, and may begin anew. */
  reset() {
    if (this.result) return;
    Object.assign(this, { doing: "", share: 0 });
    this.image.hidden = true;
    this.image.removeAttribute("src");
    this.pictures.clear();
  }

  tell(kind, data) {
    if (this.result) return;
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
    if (text !== "drafting" || !this.doing.startsWith("drafting,")) this.doing = text;
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

  /** What has become of it; told twice it is done once. */
  done(row) {
    if (this.result) return;
    const { job, runs } = this.run;
    if (row.state === "cancelled") {
      this.reset();
      this.doing = row.state;
      return this.node.classList.add(row.state);
    }
    this.result = { ...row, job: job.id, recipe: job.recipe };
    this.share = 1;
    this.node.classList.add(row.state);
    this.well.disabled = false;
    if (row.state === "failed") {
      this.doing = row.state;
      this.well.setAttribute("aria-label", `Why it failed: ${saying(row)}`);
      return this.well.replaceChildren(words("span", { class: "error" }, shortly(row.error ?? row.state)));
    }
    this.image.alt = saying(row);
    this.image.classList.remove("coarse");
    this.look(true);
    this.well.setAttribute("aria-label", `Open the picture: ${saying(row)}`);
    this.doing = job.rows > 1 && row.accepted !== false ? saying(row) : verdict(row);
    remember(`${job.id}/${row.number}`, this.pictures);
    if (job.rows === 1) this.tellAll(row).catch((error) => runs.failed(error.message));
  }

  /** Show its picture; one that is there is not fetched again. */
  look(anew = !this.image.naturalWidth) {
    if (!anew || !this.result?.picture) return;
    const { picture } = this.result;
    this.image.src = this.run.job.rows > 1 ? `${picture.slice(1).replace(/png$/, "webp")}?side=320` : picture.slice(1);
    this.image.hidden = false;
  }

  async tellAll(row) {
    const whole = await ask(`v1/jobs/${this.run.job.id}/rows/${row.number}`);
    const several = whole.candidates?.length > 1;
    this.about.replaceChildren(
      make("h3", {}, "What it shows"), words("p", { class: "plan" }, whole.caption ?? whole.resolved_prompt ?? ""),
      notDrawn(whole) ?? "",
      readAs(whole) ?? "",
      factsOf(whole.facts ?? [], changeOf(whole)),
      several ? make("h3", {}, "Candidates") : "", several ? candidateList(whole.candidates, this.pictures) : "");
  }
}

function remember(key, pictures) {
  seen.set(key, pictures);
  while (seen.size > MOST_SEEN) seen.delete(seen.keys().next().value);
}
