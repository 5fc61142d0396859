// The cards, of which only those in sight are in the page: a grid in the sense of ARIA, with one tab stop, in which
// the arrow keys move. Lines of cards are laid at their places in a box as high as all of them.

const CARD_WIDTHS = [132, 176, 224, 288, 384, 520]; // at least, in CSS pixels
const OVERSCAN = 2; // lines beyond the window

class Grid {
  /** `open` is called with the place of a card that is to be opened. */
  constructor(box, tools, open) {
    this.box = box;
    this.tools = tools;
    this.open = open;
    this.items = [];
    this.at = 0; // the place of the card that has the tab stop
    this.size = 2;
    this.shape = 1; // width by height of the pictures
    this.lines = new Map(); // by number: those in the page
    this.cards = new WeakMap(); // by item: an item that has not changed keeps its card
    box.addEventListener("click", (event) => this.onClick(event));
    box.addEventListener("keydown", (event) => this.onKey(event));
    box.addEventListener("focusin", (event) => this.onFocus(event));
    addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.layOut()).observe(box);
  }

  show(items) {
    const current = this.items[this.at];
    this.items = items;
    this.at = Math.max(0, current ? items.findIndex((item) => item.row === current.row) : 0);
    this.shape = commonShape(items);
    this.layOut();
  }

  resize(step) {
    const size = Math.min(CARD_WIDTHS.length - 1, Math.max(0, this.size + step));
    if (size === this.size) return false;
    const top = this.items[Math.max(0, this.firstLine()) * this.columns];
    this.size = size;
    this.layOut();
    if (top && scrollY > this.top()) this.reveal(this.items.indexOf(top), "start");
    return true;
  }

  /** Work out how many cards stand in a line and how high they are, and draw all lines anew. */
  layOut() {
    const width = this.box.clientWidth;
    if (!width) return;
    const narrow = width < 520;
    this.gap = narrow ? 12 : this.size < 2 ? 14 : 22;
    const least = Math.min(CARD_WIDTHS[this.size], (width - this.gap) / (narrow && this.size < 3 ? 2 : 1));
    this.columns = Math.max(1, Math.floor((width + this.gap) / (least + this.gap)));
    const card = (width - this.gap * (this.columns - 1)) / this.columns;
    const small = card < 170;
    this.box.classList.toggle("small", small);
    this.height = Math.round(card / this.shape) + (small ? 56 : 92) + this.gap;
    const lines = Math.ceil(this.items.length / this.columns);
    this.box.style.height = `${Math.max(0, lines * this.height - this.gap)}px`;
    this.box.style.setProperty("--columns", this.columns);
    this.box.style.setProperty("--gap", `${this.gap}px`);
    this.box.style.setProperty("--shape", this.shape);
    this.box.setAttribute("aria-rowcount", lines);
    this.box.setAttribute("aria-colcount", this.columns);
    const focused = this.box.contains(document.activeElement);
    for (const line of this.lines.values()) line.remove();
    this.lines.clear();
    this.draw();
    if (focused) this.card(this.at)?.focus({ preventScroll: true });
  }

  top() {
    return this.box.getBoundingClientRect().top + scrollY;
  }

  firstLine() {
    return Math.floor((scrollY - this.top() + this.tools.offsetHeight) / this.height);
  }

  draw() {
    if (!this.height) return;
    const all = Math.ceil(this.items.length / this.columns);
    const first = Math.max(0, this.firstLine() - OVERSCAN);
    const last = Math.min(all - 1, Math.ceil((scrollY + innerHeight - this.top()) / this.height) + OVERSCAN);
    const kept = this.items.length ? Math.floor(this.at / this.columns) : -1; // the tab stop is always there
    for (const [number, line] of this.lines) {
      if ((number < first || number > last) && number !== kept) {
        line.remove();
        this.lines.delete(number);
      }
    }
    if (kept >= 0) this.drawLine(kept);
    for (let number = first; number <= last; number += 1) this.drawLine(number);
  }

  drawLine(number) {
    if (this.lines.has(number)) return;
    const line = make("div", { role: "row", class: "line", "aria-rowindex": number + 1 });
    line.style.transform = `translateY(${number * this.height}px)`;
    const start = number * this.columns;
    this.items.slice(start, start + this.columns).forEach((item, column) => {
      const card = this.cardOf(item);
      card.setAttribute("aria-colindex", column + 1);
      card.dataset.place = start + column;
      card.tabIndex = start + column === this.at ? 0 : -1;
      line.append(card);
    });
    const before = [...this.lines.keys()].filter((other) => other > number).sort((a, b) => a - b)[0];
    this.box.insertBefore(line, before === undefined ? null : this.lines.get(before)); // in reading order
    this.lines.set(number, line);
  }

  cardOf(item) {
    if (!this.cards.has(item)) this.cards.set(item, makeCard(item));
    return this.cards.get(item);
  }

  card(place) {
    return this.lines.get(Math.floor(place / this.columns))?.children[place % this.columns] ?? null;
  }

  /** Give the card at `place` the focus, and bring it into sight. */
  focus(place) {
    if (!this.items.length) return;
    this.setStop(Math.min(this.items.length - 1, Math.max(0, place)));
    this.reveal(this.at, "nearest");
    this.draw();
    this.card(this.at)?.focus({ preventScroll: true });
  }

  setStop(place) {
    const old = this.card(this.at);
    if (old) old.tabIndex = -1;
    this.at = place;
    const line = Math.floor(place / this.columns);
    this.drawLine(line);
    const stop = this.card(place);
    if (stop) stop.tabIndex = 0;
  }

  reveal(place, where) {
    const y = this.top() + Math.floor(place / this.columns) * this.height;
    const above = y - this.tools.offsetHeight - 12;
    const below = y + this.height - innerHeight;
    if (where === "start" || scrollY > above) scrollTo({ top: above, behavior: "instant" });
    else if (scrollY < below) scrollTo({ top: below, behavior: "instant" });
  }

  onClick(event) {
    const hit = event.target.closest("[data-place]");
    if (!hit || event.button !== 0) return;
    this.setStop(Number(hit.dataset.place));
    this.open(this.at);
  }

  onFocus(event) {
    const hit = event.target.closest("[data-place]");
    if (hit && Number(hit.dataset.place) !== this.at) this.setStop(Number(hit.dataset.place));
  }

  onKey(event) {
    if (event.altKey || event.metaKey) return;
    const page = Math.max(1, Math.floor((innerHeight - this.tools.offsetHeight) / this.height)) * this.columns;
    const start = this.at - (this.at % this.columns);
    const moves = {
      ArrowLeft: this.at - 1,
      ArrowRight: this.at + 1,
      ArrowUp: this.at - this.columns,
      ArrowDown: this.at + this.columns,
      PageUp: Math.max(this.at % this.columns, this.at - page),
      PageDown: Math.min(this.items.length - 1, this.at + page),
      Home: event.ctrlKey ? 0 : start,
      End: event.ctrlKey ? this.items.length - 1 : start + this.columns - 1,
    };
    if (event.key === "Enter" || event.key === " ") this.open(this.at);
    else if (!Object.hasOwn(moves, event.key)) return;
    else if (moves[event.key] >= 0) this.focus(this.keptInside(event.key, moves[event.key]));
    event.preventDefault();
  }

  /** Down from the last line but one reaches the last card, also where none is right below. */
  keptInside(key, place) {
    if (place < this.items.length) return place;
    const lastLine = Math.floor((this.items.length - 1) / this.columns);
    return key === "ArrowDown" && Math.floor(this.at / this.columns) === lastLine ? this.at : this.items.length - 1;
  }
}

/** The shape that most of the pictures have, within bounds. */
function commonShape(items) {
  const counts = new Map();
  for (const { size } of items) {
    if (!size) continue;
    const shape = Math.min(2, Math.max(0.6, size[0] / size[1]));
    counts.set(shape, (counts.get(shape) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 1;
}

function makeCard(item) {
  const label = [`Row ${item.row}: ${item.prompt}`];
  if (item.status === "failed") label.push(`failed: ${item.error}`);
  else if (item.score === null) label.push(statusWords(item));
  else label.push(`score ${Math.round(100 * item.score)} per cent${ofRest(item)}`, statusWords(item));
  if (item.not_drawn) label.push(`not drawn: ${item.not_drawn}`);
  if (item.choice.rating) label.push(`${item.choice.rating} of ${STARS} stars`);
  if (item.choice.pick !== null) label.push(`candidate ${item.choice.pick} is picked`);
  return make(
    "div",
    { role: "gridcell", class: `card ${item.status}`, "aria-label": label.join(", "), tabindex: -1 },
    item.picture ? figure(item) : words("div", { class: "well trouble" }, item.error),
    chosenMark(item),
    item.not_drawn && make("p", { class: "not-drawn", title: `not drawn: ${item.not_drawn}` }, "not drawn: ", words("span", {}, item.not_drawn)),
    make(
      "div",
      { class: "text" },
      words("p", { class: "prompt", title: item.prompt }, item.prompt),
      make("p", { class: "notes" }, make("span", {}, `#${item.row}`), notes(item), mark(item)),
    ),
  );
}

const STATUS_WORDS = { accepted: "accepted", rejected: "not accepted", failed: "failed", unjudged: "not judged" };

/** What became of a row; that it is turned down for the words alone that were left out is worth saying. */
const statusWords = (item) => (item.only_left_out ? "not accepted: something is left out" : STATUS_WORDS[item.status]);

/** A score is about what was understood: beside words that were left out it is that of the rest. */
const ofRest = (item) => (item.not_drawn ? " of the rest" : "");

function notes(item) {
  const [shown, asked] = item.facts;
  const text = `${shown} of ${count(asked, "fact")}`;
  return asked ? make("span", { class: shown < asked ? "missed" : "", title: "of what was asked" }, text) : null;
}

function mark(item) {
  const text = item.score === null ? STATUS_WORDS[item.status] : `${Math.round(100 * item.score)} %${ofRest(item)}`;
  return make("span", { class: `mark-of ${item.status}` }, make("i", { class: `dot ${item.status}` }), text);
}

function chosenMark({ choice }) {
  const pick = choice.pick === null ? "" : `picked ${choice.pick}`;
  const text = [starWords(choice), pick].filter(Boolean).join(" ");
  return text && make("p", { class: `chosen-mark ${choice.waits ? "waits" : ""}`, title: choice.waits ? "not kept yet" : "your choice" }, text);
}

/** A card's picture: the thumbnail, else the picture itself, else a word that it is gone. */
function figure(item) {
  const image = make("img", { alt: "", decoding: "async", draggable: "false" });
  const well = make("div", { class: "well" }, image);
  image.onload = () => well.classList.add("there");
  image.onerror = () => {
    if (image.dataset.own) return image.replaceWith(make("p", { class: "gone" }, "the picture is not here any more"));
    image.dataset.own = "yes";
    image.src = address(item.choice.picture ?? item.picture);
  };
  image.src = address(item.choice.thumbnail ?? item.thumbnail);
  return well;
}
