// One picture in detail: what it shows, how it came about, and what can be done with it.

import { ask, blobOf } from "./api.js";
import { button, byId, make, words } from "./dom.js";
import { bare, candidateList, factsOf, placeOf, thingOf } from "./facts.js";
import { keyOf } from "./history.js";
import { seen } from "./row.js";
import { changeOf, saying } from "./start.js";
import { failure, notDrawn, readAs, shortly, verdict } from "./verdict.js";

export class Detail {
  constructor({ history, begin, submitted, failed, deleted }) {
    Object.assign(this, { history, begin, submitted, failed, deleted });
    this.dialog = byId("detail");
    byId("close").addEventListener("click", () => this.dialog.close());
    byId("previous").addEventListener("click", () => this.go(-1));
    byId("next").addEventListener("click", () => this.go(1));
    byId("favourite").addEventListener("click", () => this.star());
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    this.dialog.addEventListener("close", () => {
      if (!this.left) this.history.node(this.row)?.focus();
      this.left = false;
    });
  }

  /** Close it for something else, which has the focus then. */
  leave() {
    this.left = this.dialog.open;
    this.dialog.close();
  }

  go(way) {
    const other = this.history.beside(this.row, way);
    if (other) this.open(other);
  }

  star() {
    byId("favourite").setAttribute("aria-pressed", this.history.star(this.row));
  }

  key(event) {
    if (event.target.closest("input, textarea, select, canvas, pre") || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = { ArrowLeft: () => this.go(-1), ArrowRight: () => this.go(1), f: () => this.star() }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  async open(row) {
    this.row = row;
    byId("detail-place").textContent = row.state === "done" ? verdict(row) : row.state;
    byId("favourite").setAttribute("aria-pressed", keyOf(row) in this.history.favourites);
    byId("favourite").hidden = !row.picture;
    byId("previous").disabled = !this.history.beside(row, -1);
    byId("next").disabled = !this.history.beside(row, 1);
    this.about([words("h2", { id: "detail-title" }, saying(row))]);
    this.stage(row, []);
    if (!this.dialog.open) this.dialog.showModal();
    byId("about").focus();
    try {
      const [whole, again] = await Promise.all([ask(`v1/jobs/${row.job}/rows/${row.number}`), ask(`v1/jobs/${row.job}/rows/${row.number}/again`).catch(() => null)]);
      if (keyOf(this.row) === keyOf(row)) this.show({ ...row, ...whole }, again);
    } catch (error) {
      this.about([words("h2", {}, saying(row)), make("p", { class: "left-out" }, error.message)]);
    }
  }

  stage(row, facts) {
    if (!row.picture) return byId("stage").replaceChildren(words("p", { class: "error" }, shortly(row.error ?? row.state)));
    const image = make("img", { src: row.picture.slice(1), alt: saying(row) });
    this.overlayNode = make("div", { class: "overlay", hidden: true }, make("span"));
    const things = facts.filter(({ kind }) => kind === "thing");
    const spots = things.map((fact) => [fact, placeOf(bare(fact.text), facts)]).filter(([, place]) => place);
    const spot = ([fact, place]) => {
      const node = make("button", { type: "button", class: "spot", "aria-label": `${fact.text}, planned ${place.said}: what to do with it`, title: `${fact.text}, planned ${place.said}`, onclick: () => this.choose(fact) });
      put(node, place.box);
      return node;
    };
    const leaf = make("div", { class: "leaf" }, image, this.overlayNode, spots.map(spot));
    const fit = () => leaf.style.setProperty("--ratio", image.naturalWidth / image.naturalHeight);
    if (image.complete && image.naturalWidth) fit();
    else image.addEventListener("load", fit);
    byId("stage").replaceChildren(leaf);
  }

  overlay(place) {
    this.overlayNode.hidden = !place;
    if (!place) return;
    put(this.overlayNode, place.box);
    this.overlayNode.firstChild.textContent = `planned ${place.said}`;
  }

  about(nodes) {
    byId("about").replaceChildren(...nodes.filter(Boolean));
  }

  show(row, again) {
    this.whole = row;
    this.file = again?.file;
    const facts = row.facts ?? [];
    const several = row.candidates?.length > 1;
    this.stage(row, facts);
    this.menu = make("div", { class: "fact-menu", hidden: true, role: "group" });
    this.about([
      words("h2", { id: "detail-title" }, saying(row)),
      row.picture ? this.actions(row) : make("div", { class: "actions" }, button("Try again", () => this.again(row, false), { class: "flat" }), this.removal(row)),
      row.error && failure(row.error),
      notDrawn(row),
      readAs(row),
      facts.length > 0 && make("h3", {}, "What it shows"),
      facts.length > 0 && factsOf(facts, changeOf(row), { chosen: row.picture ? (fact) => this.choose(fact) : null, overlay: (place) => this.overlay(place) }),
      this.menu,
      row.caption && make("h3", {}, "As the captioner says it"),
      row.caption && words("p", { class: "caption" }, row.caption),
      several && make("h3", {}, "Candidates"),
      several && candidateList(row.candidates, picturesOf(row)),
      make("h3", {}, "How it was made"),
      made(row),
      row.picture && again && make("h3", {}, "Copy"),
      row.picture && again && copies(again),
    ]);
  }

  actions(row) {
    const act = (text, way, id) => button(text, () => { this.leave(); this.begin(row, way); }, { class: "flat", id });
    const download = button("Download", () => this.download(row), { class: "flat", id: "download" });
    return make("div", { class: "actions", role: "group", "aria-label": "What to do with it" },
      act("Change", "edit", "do-edit"), button("Another like it", () => this.again(row, false), { class: "flat", id: "another", title: "The same words, drawn anew" }), download,
      make("details", { class: "rest" }, make("summary", { class: "flat", id: "do-more" }, "More"), make("div", { role: "group", "aria-label": "More" },
        act("Paint a part anew", "mask", "do-mask"), act("Variations", "variation", "do-variation"), act("Start from it", "image", "do-image"),
        button("The very same again", () => this.again(row, true), { class: "flat", id: "again", title: "The same words and the same seed" }), this.removal(row))));
  }

  removal(row) {
    const node = button("Delete", () => {
      if (node.dataset.sure) return this.delete(row);
      node.dataset.sure = "1";
      node.textContent = "Delete the whole job?";
    }, { class: "flat danger", id: "delete" });
    return node;
  }

  async delete(row) {
    try {
      await ask(`v1/jobs/${row.job}`, { method: "DELETE" });
      this.dialog.close();
      this.deleted(row.job);
    } catch (error) {
      this.failed(error.message);
    }
  }

  async download(row) {
    try {
      const url = URL.createObjectURL(await blobOf(row.picture.slice(1)));
      make("a", { href: url, download: this.file ?? `picture-${row.number}.png` }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    } catch (error) {
      this.failed(error.message);
    }
  }

  /** The row once more: with the same seed it is the same picture. */
  async again(row, same) {
    try {
      const job = await ask(`v1/jobs/${row.job}/rows/${row.number}/again`, { body: { same } });
      this.leave();
      this.submitted(job);
    } catch (error) {
      this.leave();
      this.failed(error.message);
    }
  }

  /** What can be done with a fact, or with its thing. */
  choose(fact) {
    const row = this.whole;
    const thing = thingOf(fact, row.facts);
    const name = fact.kind === "setting" || fact.kind === "style" || !thing ? "" : thing;
    const coloured = row.facts.find((each) => each.kind === "colour" && thing && each.text.endsWith(thing));
    const edit = (instruction) => { this.leave(); this.begin(row, "edit", { prompt: instruction, submit: true }); };
    const begin = (text) => { this.leave(); this.begin(row, "edit", { prompt: text }); };
    this.menu.setAttribute("aria-label", fact.text);
    this.menu.hidden = false;
    this.menu.replaceChildren(
      words("b", {}, fact.text),
      button("Change", () => begin(name ? `make the ${name} ` : ""), { class: "flat", id: "fact-change" }),
      ...(name ? [
        button("Remove", () => edit(`remove the ${name}`), { class: "flat", id: "fact-remove" }),
        button("Redraw", () => { this.leave(); this.begin(row, "mask", { prompt: coloured?.text ?? fact.text, region: name, submit: true }); }, { class: "flat", id: "fact-redraw" }),
      ] : []));
    this.menu.querySelector("button").focus();
  }
}

/** What was seen of a row's candidates; the one that was taken is the picture. */
function picturesOf(row) {
  const pictures = new Map(seen.get(keyOf(row)));
  const taken = row.candidates.find(({ chosen }) => chosen);
  if (taken && row.picture) pictures.set(taken.index, row.picture.slice(1));
  return pictures;
}

function put(node, [left, top, width, height]) {
  Object.assign(node.style, { left: `${left}%`, top: `${top}%`, width: `${width}%`, height: `${height}%` });
}

function made(row) {
  const settings = { ...(row.carried_out_with ?? {}), ...row.settings };
  const shown = Object.entries(settings).filter(([name, value]) => !["image", "mask_image", "sketch"].includes(name) && value !== null && typeof value !== "object");
  const pairs = [["recipe", row.recipe], ["seed", row.seed], ["plan", row.resolved_prompt], ...shown.map(([name, value]) => [name.replaceAll("_", " "), String(value)])];
  return make("dl", {}, pairs.filter(([, value]) => value).map(([name, value]) => [make("dt", {}, name), words("dd", {}, value)]));
}

function copies(again) {
  const pre = make("pre", { tabindex: "0" });
  const tabs = Object.entries({ command: "Command", python: "Python", recipe: "Recipe" }).map(([name, text]) => button(text, () => take(name), { "data-copy": name }));
  const copy = button("Copy", async () => {
    try {
      await navigator.clipboard.writeText(pre.textContent);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(pre);
      copy.textContent = "Selected";
    }
    setTimeout(() => (copy.textContent = "Copy"), 1600);
  }, { class: "copy" });
  const take = (name) => {
    pre.textContent = again[name];
    for (const tab of tabs) tab.setAttribute("aria-pressed", tab.dataset.copy === name);
  };
  take("command");
  return make("div", { class: "command" }, make("div", { class: "ways", role: "group", "aria-label": "As what" }, tabs), pre, copy);
}
