// A row's own view: its draft beside its picture, and all that is known of how it came about.

const STAGE_ORDER = ["plan", "draft", "preview", "refine", "upscale", "judge"];

class Detail {
  /** `moved` is called with the place that is shown, or null when the view is closed. */
  constructor(store, moved) {
    this.store = store;
    this.moved = moved;
    this.dialog = byId("detail");
    this.items = [];
    this.place = null;
    this.drafts = true; // the draft is shown beside the picture
    byId("close").onclick = () => this.dialog.close();
    byId("previous").onclick = () => this.step(-1);
    byId("next").onclick = () => this.step(1);
    byId("toggle-draft").onclick = () => this.toggleDraft();
    this.dialog.addEventListener("close", () => this.onClose());
    this.dialog.addEventListener("keydown", (event) => this.onKey(event));
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
  }

  get opened() {
    return this.place === null ? null : this.item.row;
  }

  open(items, place) {
    this.items = items;
    this.place = place;
    if (!this.dialog.open) this.dialog.showModal();
    this.draw();
  }

  /** The rows that are shown have changed: stay at the row that is open. */
  follow(items) {
    if (this.place === null) return;
    const place = items.findIndex((item) => item.row === this.item.row);
    if (place < 0) return; // it has left the choice; it stays open among those that it was opened with
    this.items = items;
    this.place = place;
    this.drawPlace();
    if (items[place].mark !== this.item.mark) this.drawn = this.draw({ stay: true });
    this.item = items[place];
  }

  step(by) {
    const place = this.place + by;
    if (place < 0 || place >= this.items.length) return;
    this.place = place;
    this.draw();
  }

  onClose() {
    const place = this.place;
    this.place = null;
    byId("stage").replaceChildren();
    byId("about").replaceChildren();
    this.moved(null, place);
  }

  onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const sideways = event.target.closest("pre") === null;
    if (event.key === "ArrowLeft" && sideways) this.step(-1);
    else if (event.key === "ArrowRight" && sideways) this.step(1);
    else if (event.key === "d") this.toggleDraft();
    else if (event.key === "c") byId("copy")?.click();
    else if (/^[0-5]$/.test(event.key) && this.item.picture) this.rate(Number(event.key));
    else return;
    event.preventDefault();
  }

  /** Stars for the row that is open; the one that is focused stays so, though it is drawn anew. */
  rate(rating) {
    const focused = document.activeElement?.id ?? "";
    this.store.choose(this.item, { rating });
    this.refocus(focused);
  }

  take(pick) {
    const focused = document.activeElement?.id ?? "";
    this.store.choose(this.item, { pick });
    this.refocus(focused);
  }

  async refocus(id) {
    await this.drawn;
    (byId(id) ?? byId("about")).focus({ preventScroll: true });
  }

  toggleDraft() {
    this.drafts = !this.drafts;
    byId("toggle-draft").setAttribute("aria-pressed", this.drafts);
    byId("stage").classList.toggle("alone", !this.drafts);
  }

  drawPlace() {
    byId("detail-place").textContent = `${whole.format(this.place + 1)} of ${whole.format(this.items.length)}`;
    byId("previous").disabled = this.place === 0;
    byId("next").disabled = this.place === this.items.length - 1;
  }

  /** `stay`: the row is the one that was there. */
  async draw({ stay = false } = {}) {
    const item = (this.item = this.items[this.place]);
    this.drawPlace();
    this.moved(this.place, null);
    const details = await this.store.detailsOf(item);
    if (this.item !== item || this.place === null) return; // another one was opened meanwhile
    const shown = details ?? { prompt: item.prompt, plan: item.plan, error: item.error };
    byId("toggle-draft").hidden = !shown.preview || Boolean(item.choice.picture);
    byId("stage").classList.toggle("alone", !this.drafts);
    const top = stay ? byId("about").scrollTop : 0;
    byId("stage").replaceChildren(...stagePanels(item, shown));
    byId("about").replaceChildren(...aboutParts(item, shown, this));
    byId("about").scrollTop = top;
    for (const place of [this.place + 1, this.place - 1]) {
      const near = this.items[place];
      if (near?.picture) new Image().src = address(near.picture); // so that the next one is there at once
    }
  }
}

function stagePanels(item, details) {
  if (!item.picture) return [words("p", { class: "trouble" }, details.error)];
  const name = item.choice.picture ?? item.picture;
  const picture = panel("picture", address(name), details.prompt, item.size, item.size?.join(" × "));
  const link = make("a", { href: address(name), target: "_blank", rel: "noopener" }, "open");
  picture.querySelector("figcaption").append(link);
  if (!details.preview || item.choice.picture) return [picture]; // the draft is of the engine's own
  return [panel("draft", address(details.preview), `the draft of: ${details.prompt}`, item.size, null), picture];
}

function panel(name, source, alt, size, note) {
  const image = make("img", { alt, decoding: "async" });
  image.onerror = () => image.replaceWith(make("p", { class: "gone" }, `the ${name} is not here any more`));
  image.src = source;
  const caption = make("figcaption", {}, make("b", {}, name), note && make("span", {}, note));
  const figure = make("figure", { class: `panel ${name}` }, make("div", { class: "leaf" }, image), caption);
  figure.style.setProperty("--ratio", size ? size[0] / size[1] : 1);
  return figure;
}

function aboutParts(item, details, view) {
  const parts = [headline(item, details)];
  if (item.picture) parts.push(yourChoice(item, view));
  if (details.error && item.picture) parts.push(section("Trouble", words("p", { class: "trouble" }, details.error)));
  if (details.read_as?.length) parts.push(section("Read", readAs(details.read_as)));
  if (details.given_sheet) parts.push(section("Given", givenList(details)));
  if (details.plan) parts.push(section("Plan", words("p", { class: "plan" }, details.plan)));
  if (item.caption) parts.push(section("What the judge sees", words("p", { class: "caption" }, item.caption)));
  if (item.not_drawn) parts.push(section("Not drawn", leftOut(item)));
  parts.push(...factSections(details.facts ?? []));
  if (details.candidates?.length > 1) parts.push(section("Candidates", candidateList(item, details, view)));
  parts.push(section("How it was made", making(item, details)));
  if (details.command) parts.push(section(item.picture ? "Make it again" : "Try again", command(details.command)));
  return parts;
}

function headline(item, details) {
  return make(
    "header",
    {},
    make("p", { class: "over" }, make("span", {}, `Row ${item.row}`), mark(item), item.picture && make("span", {}, statusWords(item))),
    make("h2", { id: "detail-title", dir: "auto", class: details.prompt.length > 240 ? "long" : "" }, promptParts(details)),
  );
}

/** Stars, and what is chosen instead of the engine's own; with the command that keeps it, where it is not kept. */
function yourChoice(item, view) {
  const { pick, picture, waits } = item.choice;
  const taken = pick === null ? null : picture ? `Candidate ${pick} is shown instead of the engine’s own, of which score and facts below are.` : `Candidate ${pick} will be made again as a picture.`;
  const parts = [starsOf(item.choice, (rating) => view.rate(rating)), taken && make("p", { class: "reason" }, taken)];
  if (waits) parts.push(make("p", { class: "reason" }, "Not kept yet. This keeps all that you chose:"), command(view.store.choices.line(view.store.rows), "copy-choices"));
  return make("section", { class: "your-choice" }, make("h3", {}, "Your choice"), parts);
}

/** The prompt, the words in it that were left out marked. */
function promptParts(details) {
  const parts = details.prompt_parts ?? [[details.prompt, false]];
  return parts.map(([text, out]) => (out ? make("mark", { title: "not drawn" }, text) : text));
}

/** Misspelt words, and what they were taken for. */
const readAs = (pairs) => make("ul", { class: "read-as" }, ...pairs.map(([typed, meant]) => make("li", {}, words("q", {}, typed), " as ", words("q", {}, meant))));

function leftOut(item) {
  const why = item.only_left_out ? " The picture shows the rest of it, but is not accepted for this." : "";
  return make("p", { class: "left-out" }, words("b", {}, item.not_drawn), make("span", {}, ` No fact of the plan stands for this part of the prompt.${why}`));
}

/** What was asked, which the score is about, and apart from it what the planner added. */
function factSections(facts) {
  const asked = facts.filter((fact) => fact.asked !== false);
  const added = facts.filter((fact) => fact.asked === false);
  const shown = asked.filter((fact) => fact.shown).length;
  return [
    asked.length > 0 && section(`Asked: ${shown} of ${count(asked.length, "fact")}`, factList(asked)),
    added.length > 0 && section("Added by the planner", factList(added, "added")),
  ].filter(Boolean);
}

const section = (title, ...children) => make("section", {}, make("h3", {}, title), ...children);

function meter(value, kind) {
  const fill = make("i", { class: kind });
  fill.style.width = `${Math.round(100 * value)}%`;
  return make("span", { class: "meter", "aria-hidden": "true" }, fill);
}

function factList(facts, more = "") {
  const line = (fact) => {
    const kind = fact.shown ? "yes" : "no";
    return make(
      "li",
      { class: kind },
      icon(kind),
      make("span", { class: "only-read" }, fact.shown ? "shown: " : "not shown: "),
      words("span", { class: "fact" }, fact.text),
      make("span", { class: "kind" }, fact.kind),
      meter(fact.probability, kind),
      make("span", { class: "number" }, `${Math.round(100 * fact.probability)} %`),
    );
  };
  return make("ul", { class: `facts ${more}` }, facts.map(line));
}

/** One cell of a sheet of small pictures. */
function cellOf(sheet, place, columns, lines) {
  const cell = make("div", { class: "cell", "aria-hidden": "true" });
  if (sheet) {
    const at = (index, size) => (size > 1 ? (100 * index) / (size - 1) : 0);
    cell.style.backgroundImage = `url("${address(sheet)}")`;
    cell.style.backgroundSize = `${100 * columns}% ${100 * lines}%`;
    cell.style.backgroundPosition = `${at(place % columns, columns)}% ${at(Math.floor(place / columns), lines)}%`;
  }
  return cell;
}

/** What the row started from, took after and followed, beside each other. */
function givenList({ given, given_sheet: sheet }) {
  const columns = Math.min(8, given.length);
  const lines = Math.ceil(given.length / columns);
  const one = (name, place) => make("li", {}, cellOf(sheet, place, columns, lines), words("p", { class: "reason" }, name));
  return make("ol", { class: "candidates given" }, given.map(one));
}

function candidateList(item, details, view) {
  const taken = item.choice.pick ?? details.candidates.find((candidate) => candidate.chosen)?.index;
  const { candidates, candidate_sheet: sheet, more_candidates: more } = details;
  const columns = Math.min(8, candidates.length);
  const lines = Math.ceil(candidates.length / columns);
  const one = (candidate, place) => {
    const cell = cellOf(sheet, place, columns, lines);
    const judged = candidate.score ?? candidate.preview_score;
    const seen = candidate.score === null ? "draft" : "picture";
    const note = judged === null || judged === undefined ? "not judged" : `${seen} ${Math.round(100 * judged)} %`;
    const take = make("button", { type: "button", id: `take-${candidate.index}`, class: "flat", "aria-label": `Take candidate ${candidate.index}` }, "Take this one");
    take.onclick = () => view.take(candidate.chosen ? null : candidate.index);
    return make(
      "li",
      { class: candidate.index === taken ? "chosen" : "" },
      cell,
      make("p", { class: "note" }, make("b", {}, candidate.index, candidate.chosen && icon("yes"), candidate.chosen && make("span", { class: "only-read" }, "chosen")), note),
      candidate.missed?.length > 0 && make("p", { class: "reason" }, "missed: ", words("span", {}, candidate.missed.join(", "))),
      candidate.reason && words("p", { class: "reason" }, candidate.reason),
      candidate.index === taken ? candidate.chosen || make("p", { class: "reason" }, "taken by you") : take,
    );
  };
  const list = make("ol", { class: "candidates" }, candidates.map(one));
  return [list, more ? make("p", { class: "more" }, `and ${count(more, "more", "more")} in results.jsonl`) : null];
}

function making(item, details) {
  const times = Object.entries(details.timings ?? {});
  times.sort((a, b) => STAGE_ORDER.indexOf(a[0]) - STAGE_ORDER.indexOf(b[0]));
  const total = times.reduce((sum, [, seconds]) => sum + seconds, 0);
  const bar = make("div", { class: "times", "aria-hidden": "true" });
  times.forEach(([stage, seconds]) => {
    const part = make("i", { class: `stage-${stage}`, title: `${stage}: ${duration(seconds)}` });
    part.style.flexGrow = seconds;
    bar.append(part);
  });
  const legend = times.map(([stage, seconds]) =>
    make("li", {}, make("i", { class: `stage-${stage}` }), stage, make("span", {}, duration(seconds))),
  );
  const pair = (name, value) => [make("dt", {}, name), words("dd", {}, value)];
  return [
    make(
      "dl",
      {},
      pair("seed", item.seed),
      item.size && pair("size", `${item.size[0]} × ${item.size[1]} px`),
      item.picture && pair("file", item.picture),
      details.place && pair("from", details.place),
      details.template && pair("template", details.template),
      Object.entries({ ...details.notes, ...details.settings }).map(([name, value]) => pair(name.replaceAll("_", " "), String(value))),
      total > 0 && pair("time", duration(total)),
    ),
    total > 0 && bar,
    total > 0 && make("ul", { class: "legend" }, legend),
  ];
}

function command(text, id = "copy") {
  const code = make("code", { translate: "no" }, text);
  const button = make("button", { type: "button", id, title: id === "copy" ? "Copy (c)" : "Copy" }, icon("copy"), make("span", {}, "Copy"));
  button.onclick = async () => {
    const copied = await copy(text, code);
    button.lastChild.textContent = copied ? "Copied" : "Selected";
    setTimeout(() => (button.lastChild.textContent = "Copy"), 1600);
  };
  return make("div", { class: "command" }, make("pre", { tabindex: "0" }, code), button);
}

/** Put `text` on the clipboard, or, where the browser does not allow it, select it for the reader to copy. */
async function copy(text, node) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren(node);
    return false;
  }
}
