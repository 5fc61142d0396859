// Pictures that were made here: a grid that fills, searched, starred, opened and compared.

import { ask } from "./api.js";
import { byId, icon, kept, make, soon, words } from "./dom.js";
import { saying } from "./start.js";
import { shortly } from "./verdict.js";

const PAGE = 60;

/** Whether a place is of an older picture than another. */
const isOlder = (place, than) => {
  const [[job, number], [other, its]] = [place, than].map((each) => each.split(".").map(Number));
  return job < other || (job === other && number < its);
};
export const keyOf = (row) => `${row.job}/${row.number}`;

export class History {
  constructor({ open, compare, failed }) {
    Object.assign(this, { open, compare, failed, rows: [], marked: [], favourites: kept.get("favourites", {}), turn: 0 });
    this.gone = new Set(); // jobs
    this.query = byId("query");
    this.query.addEventListener("input", soon(() => this.load(), 200));
    byId("more").addEventListener("click", () => this.older());
    byId("only-favourites").addEventListener("click", (event) => {
      const pressed = event.currentTarget.getAttribute("aria-pressed") !== "true";
      event.currentTarget.setAttribute("aria-pressed", pressed);
      this.load();
    });
    byId("compare-button").addEventListener("click", () => this.compare(...this.marked));
    byId("grid").addEventListener("keydown", (event) => this.key(event));
  }

  get onlyFavourites() {
    return byId("only-favourites").getAttribute("aria-pressed") === "true";
  }

  /** The place of the last picture that is shown, or ''. */
  get oldest() {
    return this.onlyFavourites ? "" : this.rows.at(-1)?.place ?? "";
  }

  /** The latest pictures; `unfolded`: as far back as they are shown, which somebody may unfold meanwhile. What is
   * told of rows meanwhile is newer. */
  async load({ unfolded = false } = {}) {
    const turn = ++this.turn;
    if (this.onlyFavourites) {
      this.told = null;
      const wanted = this.query.value.toLowerCase().split(/\s+/);
      this.rows = Object.values(this.favourites).filter((row) => wanted.every((word) => saying(row).toLowerCase().includes(word))).reverse();
      return this.show(false);
    }
    const told = (this.told = []);
    const rows = await this.fetch("");
    let more = rows?.length === PAGE;
    while (more && turn === this.turn && unfolded && this.oldest && isOlder(this.oldest, rows.at(-1).place)) {
      const others = await this.fetch(rows.at(-1).place);
      if (!others) break;
      rows.push(...others);
      more = others.length === PAGE;
    }
    if (turn !== this.turn) return;
    this.told = null;
    if (!rows) return;
    this.rows = rows.filter(({ job }) => !this.gone.has(job));
    this.show(more);
    told.forEach((row) => this.add(row));
  }

  async older() {
    const [oldest, query] = [this.oldest, this.query.value];
    const rows = await this.fetch(oldest);
    if (!rows || oldest !== this.oldest || query !== this.query.value) return; // pressed twice, or others are shown
    this.rows.push(...rows.filter(({ job }) => !this.gone.has(job)));
    this.show(rows.length === PAGE);
  }

  async fetch(before) {
    const said = new URLSearchParams({ limit: PAGE, q: this.query.value.trim(), before });
    try {
      return (await ask(`v1/pictures?${said}`)).pictures;
    } catch (error) {
      this.failed(error.message);
      return null;
    }
  }

  /** Whether a row is among those that are searched for, as the server has it: its prompt or instruction has all
   * the words. */
  searched(row) {
    const said = `${row.prompt} ${row.settings?.edit ?? ""}`.toLowerCase();
    return this.query.value.toLowerCase().split(/\s+/).every((word) => said.includes(word));
  }

  /** A row is done, somewhere. One that is older than all that are shown is not, while more are folded away. */
  add(row) {
    this.told?.push(row);
    if (this.onlyFavourites || !this.searched(row) || this.gone.has(row.job)) return;
    if (this.rows.some((each) => keyOf(each) === keyOf(row))) return;
    const at = this.rows.findIndex(({ place }) => isOlder(place, row.place));
    if (at < 0 && this.rows.length && !byId("more").hidden) return;
    this.rows.splice(at < 0 ? this.rows.length : at, 0, row);
    const card = this.card(row);
    byId("grid").insertBefore(card, byId("grid").children[at < 0 ? this.rows.length : at] ?? null);
    this.settle();
  }

  forget(job) {
    this.gone.add(job);
    this.rows = this.rows.filter((row) => row.job !== job);
    for (const key of Object.keys(this.favourites)) if (key.startsWith(`${job}/`)) delete this.favourites[key];
    kept.set("favourites", this.favourites);
    this.show(!byId("more").hidden);
  }

  show(more) {
    byId("more").hidden = !more;
    byId("grid").replaceChildren(...this.rows.map((row) => this.card(row)));
    this.settle();
  }

  settle() {
    const nothing = byId("nothing");
    nothing.hidden = this.rows.length > 0;
    byId("grid").hidden = !this.rows.length;
    if (!this.rows.length) nothing.replaceChildren(...this.lesson());
    const cards = [...byId("grid").children];
    if (!cards.some(({ tabIndex }) => tabIndex === 0) && cards[0]) cards[0].tabIndex = 0;
    byId("compare-button").hidden = !this.marked.length;
    byId("compare-button").disabled = this.marked.length !== 2;
    byId("compare-button").textContent = this.marked.length === 2 ? "Compare the two" : "Choose one more to compare";
  }

  lesson() {
    if (this.query.value.trim()) return [make("p", {}, "No picture's prompt has these words.")];
    if (this.onlyFavourites) return [make("p", {}, "No favourites yet: press the star of a picture, or f while it has the focus.")];
    return [
      make("p", {}, "Your pictures will stand here."),
      make("ol", {},
        make("li", {}, "Write what the picture should show, or take an example. Words that will not be drawn are underlined."),
        make("li", {}, "Make it, and watch it being planned, drafted, painted and judged."),
        make("li", {}, "Open a picture to change, vary or repaint it.")),
    ];
  }

  card(row) {
    const key = keyOf(row);
    const text = saying(row);
    const star = make("button", { type: "button", class: "star", tabindex: "-1", "aria-label": `Favourite: ${text}`, "aria-pressed": String(key in this.favourites), title: "Favourite (f)", onclick: (event) => { event.stopPropagation(); this.star(row); } }, icon("star"));
    const mark = make("button", { type: "button", class: "compare-mark", tabindex: "-1", "aria-label": `Compare: ${text}`, "aria-pressed": String(this.marked.some((each) => keyOf(each) === key)), title: "Compare (x)", onclick: (event) => { event.stopPropagation(); this.mark(row); } }, icon("hinge"));
    const well = row.picture
      ? make("img", { src: `${row.picture.slice(1).replace(/png$/, "webp")}?side=320`, alt: "", loading: "lazy", decoding: "async" })
      : words("p", { class: "error" }, shortly(row.error ?? row.state));
    const dot = row.state === "failed" ? "failed" : row.accepted ? "accepted" : row.score === null ? "" : "rejected";
    const said = { accepted: "accepted", rejected: "not accepted", failed: "failed" }[dot] ?? "not judged";
    return make("div", { class: "card", role: "listitem", tabindex: "-1", "data-key": key, "aria-label": `${text}, ${said}`, onclick: () => this.open(row), onfocusin: (event) => this.focused(event.currentTarget) },
      make("div", { class: "well" }, well), row.picture && star, row.picture && mark,
      make("p", { class: "prompt" }, make("i", { class: `dot ${dot}`, title: said }), words("span", {}, text)));
  }

  focused(card) {
    for (const each of byId("grid").children) each.tabIndex = each === card ? 0 : -1;
  }

  node(row) {
    return byId("grid").querySelector(`[data-key="${CSS.escape(keyOf(row))}"]`);
  }

  star(row) {
    const key = keyOf(row);
    if (key in this.favourites) delete this.favourites[key];
    else this.favourites[key] = row;
    kept.set("favourites", this.favourites);
    this.node(row)?.querySelector(".star")?.setAttribute("aria-pressed", key in this.favourites);
    if (this.onlyFavourites) this.load();
    return key in this.favourites;
  }

  mark(row) {
    const key = keyOf(row);
    const others = this.marked.filter((each) => keyOf(each) !== key);
    this.marked = others.length < this.marked.length ? others : [...others.slice(-1), row];
    for (const card of byId("grid").children) card.querySelector(".compare-mark")?.setAttribute("aria-pressed", this.marked.some((each) => keyOf(each) === card.dataset.key));
    this.settle();
  }

  beside(row, way) {
    const at = this.rows.findIndex((each) => keyOf(each) === keyOf(row));
    return at < 0 ? null : this.rows[at + way] ?? null;
  }

  key(event) {
    const cards = [...byId("grid").children];
    const at = cards.indexOf(event.target.closest(".card"));
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const columns = cards.filter(({ offsetTop }) => offsetTop === cards[0].offsetTop).length;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - columns, ArrowDown: at + columns, Home: 0, End: cards.length - 1 }[event.key];
    const row = this.rows[at];
    if (to !== undefined) cards[Math.max(0, Math.min(cards.length - 1, to))].focus();
    else if (event.key === "Enter" || event.key === " ") this.open(row);
    else if (event.key === "f" && row.picture) this.star(row);
    else if (event.key === "x" && row.picture) this.mark(row);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
