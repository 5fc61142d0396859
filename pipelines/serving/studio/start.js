// A picture to start from, and what is to be done with it.

import { base64Of, blobOf } from "./api.js";
import { Canvas } from "./canvas.js";
import { button, byId, make, words } from "./dom.js";

const WAYS = {
  edit: { name: "Change by words", prompt: "What should change?", example: "make the boat blue", hint: "Such as: make the boat blue, remove the tree, add a cat on the left, at night.", make: "Change it" },
  mask: { name: "Paint a part anew", prompt: "What should the whole picture show then?", example: "a red boat at sunset", hint: "Paint over the part that is to change, or name a thing in it.", make: "Paint it anew" },
  image: { name: "Start from it", prompt: "What should the picture show?", example: "a red boat at sunset", hint: "The more may go, the freer the new picture is.", make: "Start from it" },
  variation: { name: "Variations", prompt: "What does the picture show?", example: "a red boat at sunset", hint: "The same, a little or a lot different.", make: "Make variations", many: 4 },
  sketch: { name: "Draw", prompt: "What should the drawing become?", example: "a red boat at sunset", hint: "Rough shapes of colour are enough.", make: "Make it of the drawing" },
};

export class Start {
  /** `rewritten(text)` puts text into the prompt box, and gives what stood there. */
  constructor({ changed, failed, sizeOf, rewritten }) {
    Object.assign(this, { changed, failed, sizeOf, rewritten });
    this.place = byId("start");
    this.forget();
  }

  get way() {
    return this.current && WAYS[this.current];
  }

  /** Whether what is written says what should change; of a picture that is still to come, too. */
  get instructs() {
    return (this.taken ? this.coming : this.current) === "edit";
  }

  /** Go on without the picture; an instruction says nothing without it. */
  clear() {
    const instructed = this.instructs;
    this.forget();
    this.changed();
    if (instructed) this.rewritten("");
  }

  forget() {
    this.blob = this.from = this.canvas = this.picture = this.taken = this.other = null;
    this.current = "";
    this.show();
  }

  /** Take a picture: a file of the user's, or one of this server (`from`, with what it shows). */
  take(blob, { from = null, way = "edit" } = {}) {
    return this.taking(from, way, () => blob);
  }

  takeRow(row, way) {
    return this.taking(row, way, () => blobOf(row.picture.slice(1)));
  }

  /** Whether the picture is there, in the end; `taken` until then. Of several that are taken at once the last
   * counts. */
  taking(from, way, fetched) {
    const take = async () => {
      const blob = await fetched();
      const picture = await createImageBitmap(blob).catch(() => {
        throw new Error("This is no picture that the browser can read: PNG, JPEG or WebP will do.");
      });
      if (this.taken !== mine) return false;
      Object.assign(this, { blob, from, picture, other: null });
      this.choose(way);
      return true;
    };
    this.coming = way;
    const mine = take()
      .catch((error) => (this.failed(error.message), false))
      .finally(() => (this.taken = this.taken === mine ? null : this.taken));
    return (this.taken = mine);
  }

  /** Somebody turns to another way. An instruction is no description: each is kept for when it is wanted again, and
   * the first description of a picture made here is its prompt. */
  turn(way) {
    const instructed = this.instructs;
    this.choose(way);
    if (instructed === this.instructs) return;
    const usual = this.from ? (this.instructs ? "" : showing(this.from)) : null;
    const text = this.other ?? usual;
    if (text !== null) this.other = this.rewritten(text);
  }

  choose(way) {
    this.current = way;
    const [width, height] = this.picture ? [this.picture.width, this.picture.height] : this.sizeOf();
    const paints = way === "mask" || way === "sketch";
    this.canvas = paints ? new Canvas({ picture: this.picture, width, height, kind: way, changed: () => this.changed() }) : null;
    this.show();
    this.changed();
  }

  show() {
    if (!this.current) return this.place.replaceChildren(this.invitation());
    const ways = Object.entries(WAYS).filter(([way]) => this.picture || way === "sketch");
    const tabs = ways.map(([way, { name }]) => button(name, () => this.turn(way), { "aria-pressed": String(way === this.current), "data-way": way }));
    const said = this.from ? words("p", { class: "from" }, saying(this.from)) : make("p", { class: "from" }, this.picture ? "A picture of yours" : "A blank sheet");
    this.place.replaceChildren(
      make("div", { class: "start-head" }, said, button("Without it", () => this.clear(), { class: "flat", id: "start-clear" })),
      make("div", { class: "ways", role: "group", "aria-label": "What to do with the picture" }, tabs),
      make("p", { class: "hint" }, this.way.hint),
      ...this.body(),
    );
  }

  invitation() {
    const input = make("input", { type: "file", accept: "image/png,image/jpeg,image/webp", class: "only-read", id: "picture-file", onchange: () => input.files[0] && this.take(input.files[0]) });
    return make("p", { class: "invitation" },
      "Start from a picture: drop or paste one, ", make("label", { class: "link", for: "picture-file" }, "choose one", input), ", or ",
      button("draw", () => { this.taken = null; this.choose("sketch"); }, { class: "link", id: "draw" }), ".");
  }

  body() {
    if (this.canvas) {
      const thing = this.current === "mask" && make("label", { class: "field" }, make("span", {}, "or name a thing"), make("input", { id: "region", type: "text", placeholder: "boat", oninput: () => this.changed() }));
      return [this.canvas.node, this.canvas.tools(), thing || ""];
    }
    const image = make("canvas", { class: "canvas", width: this.picture.width, height: this.picture.height, role: "img", "aria-label": "The picture to start from" });
    image.getContext("2d").drawImage(this.picture, 0, 0);
    const share = { image: ["may go", "strength", 0.6], variation: ["different", "variation", 0.8] }[this.current];
    if (!share) return [image];
    const [name, id, value] = share;
    const output = make("output", { for: id }, value);
    const range = make("input", { id, type: "range", min: 0, max: 1, step: 0.05, value, oninput: () => (output.value = range.value) });
    return [image, make("label", { class: "field wide" }, make("span", {}, name), range, output)];
  }

  /** What is missing before this can be made; empty where nothing is. */
  get missing() {
    if (this.current === "mask" && this.canvas.empty && !byId("region").value.trim()) return "Paint over what is to change, or name a thing.";
    if (this.current === "sketch" && this.canvas.empty && !this.picture) return "Draw something first.";
    return "";
  }

  /** The row of a job: the prompt, and what it starts from. */
  async row(prompt) {
    if (!this.current) return { prompt };
    if (this.current === "sketch") return { prompt, sketch: await base64Of(await this.canvas.png()) };
    const image = await base64Of(this.blob);
    switch (this.current) {
      case "edit":
        return this.from ? { prompt: this.from.resolved_prompt ?? this.from.prompt, image, edit: prompt } : { prompt, image, way: "edit" };
      case "mask": {
        const region = byId("region").value.trim();
        return region ? { prompt, image, region } : { prompt, image, mask_image: await base64Of(await this.canvas.png()) };
      }
      case "image":
        return { prompt, image, strength: Number(byId("strength").value) };
      default:
        return { prompt, image, variation: Number(byId("variation").value) };
    }
  }
}

/** The change that a row asks for, where it is one by words; else empty. */
export const changeOf = (row) => row.settings?.edit ?? (row.way === "edit" ? row.prompt : "");

/** What a row's picture shows, as a prompt. */
export const showing = (row) => (changeOf(row) && row.resolved_prompt) || row.prompt;

/** What a row says: its prompt, or the change that was wished for. */
export const saying = (row) => row.settings?.edit ?? row.prompt;
