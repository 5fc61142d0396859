// The prompt box: while somebody types, the server reads the prompt, and words that will not be drawn are marked.

import { ask } from "./api.js";
import { button, byId, count, make, soon, words } from "./dom.js";

const FEW = 12; // things that are named as examples
const EXAMPLES = ["a red boat at sunset", "a blue cat on the left", "three green trees, in ink"];

export class PromptBox {
  /** `instructs()` says whether what is written is an instruction, which is read when it is carried out. */
  constructor({ recipe, instructs }) {
    this.recipe = recipe;
    this.instructs = instructs;
    this.box = byId("prompt");
    this.turn = 0;
    const read = soon(() => this.read(), 180);
    this.box.addEventListener("input", () => {
      this.mark([]);
      this.examples();
      read();
    });
    this.box.addEventListener("scroll", () => (byId("marks").scrollTop = this.box.scrollTop));
    this.examples();
  }

  get text() {
    return this.box.value.trim();
  }

  set text(value) {
    this.box.value = value;
    this.mark([]);
    this.examples();
    this.read();
  }

  examples() {
    const place = byId("examples");
    if (this.box.value || this.instructs()) return place.replaceChildren();
    const one = (text) => button(text, () => { this.text = text; this.box.focus(); }, { class: "chip" });
    place.replaceChildren(make("span", {}, "For example "), ...EXAMPLES.map(one));
  }

  async read() {
    const turn = ++this.turn;
    const prompt = this.box.value;
    if (!prompt.trim() || this.instructs() || /[{}]|__/.test(prompt)) {
      this.mark([]);
      return this.say([]);
    }
    try {
      const reading = await ask("v1/read", { body: { prompt, recipe: this.recipe() } });
      if (turn !== this.turn) return;
      this.mark(reading.left_out.flatMap((span) => (within(span, reading.unknown).length ? within(span, reading.unknown) : [span])));
      this.say(said(reading));
    } catch (error) {
      if (turn === this.turn) this.say([error.message]);
    }
  }

  say(lines) {
    byId("reading").replaceChildren(...lines.map((line) => make("div", {}, line)));
  }

  /** Underline these words; places count characters, and not the halves that JavaScript has. */
  mark(spans) {
    const characters = [...this.box.value];
    const text = (from, to) => characters.slice(from, to).join("");
    let at = 0;
    const parts = [];
    for (const { start, end } of spans) {
      parts.push(text(at, start), make("mark", {}, text(start, end)));
      at = end;
    }
    byId("marks").replaceChildren(...parts, text(at), "\n");
    byId("marks").scrollTop = this.box.scrollTop;
  }
}

/** Of a phrase that will not be drawn, the words that are to blame, where it has known ones, too. */
const within = ({ start, end }, unknown) => unknown.filter((each) => start <= each.start && each.end <= end);

const listed = (nodes) => nodes.flatMap((each, i) => (i ? [", ", each] : [each]));

/** A few things that can be drawn, from all over their list; the others for those who open them. */
function drawable(things) {
  const few = things.filter((_, i) => i % Math.ceil(things.length / FEW) === 0).join(", ");
  if (things.length <= FEW) return [`Nothing here can be drawn yet. Things that can: ${few}.`];
  const all = make("details", {}, make("summary", {}, `All ${count(things.length, "thing")}`), make("p", {}, things.join(", ")));
  return [`Nothing here can be drawn yet. Things that can: ${few}, …`, all];
}

function said(reading) {
  const lines = [];
  if (!reading.draws) lines.push(...drawable(reading.things));
  else if (reading.left_out.length) {
    const quoted = reading.left_out.map(({ text }) => words("q", {}, text));
    const unknown = reading.unknown.map(({ text }) => words("q", {}, text));
    const why = unknown.length ? [". This recipe does not know ", ...listed(unknown), "."] : ["."];
    lines.push(["Will not be drawn: ", ...listed(quoted), ...why]);
  }
  for (const [said, meant] of Object.entries(reading.read_as)) lines.push(`${said} is read as ${meant}.`);
  return lines;
}
