// The settings that fit the recipe, made of what the server says of them.

import { ask } from "./api.js";
import { byId, kept, make } from "./dom.js";

const FIRST = ["candidates", "num_inference_steps"];
const APART = ["seed", "width", "height", "pick"]; // shown in a way of their own, or not at all
const CALLED = { num_inference_steps: "steps", negative_prompt: "not shown" };

export class SettingsForm {
  constructor({ changed }) {
    this.place = byId("settings");
    this.changed = changed;
    this.recipe = "";
    this.recipes = [];
    this.usualCount = 1;
  }

  async load() {
    const [{ recipes }, said] = await Promise.all([ask("v1/recipes"), ask("v1/settings")]);
    this.recipes = recipes;
    const wanted = kept.get("recipe", "");
    if (wanted !== said.recipe && recipes.some(({ name }) => name === wanted)) return this.take(wanted);
    Object.assign(this, { recipe: said.recipe, said });
    this.show();
    this.changed();
  }

  async take(recipe) {
    this.recipe = recipe;
    kept.set("recipe", recipe);
    try {
      this.said = await ask(`v1/settings?recipe=${encodeURIComponent(recipe)}`);
    } finally {
      this.said ??= { settings: [], sizes: [] };
      this.show();
    }
    this.changed();
  }

  show() {
    const rows = this.said.settings.filter(({ name }) => !APART.includes(name));
    const first = FIRST.map((name) => rows.find((row) => row.name === name)).filter(Boolean);
    const rest = rows.filter((row) => !FIRST.includes(row.name));
    const about = this.recipes.find(({ name }) => name === this.recipe);
    const select = make("select", { id: "recipe" }, this.recipes.map(({ name }) => make("option", { value: name, selected: name === this.recipe }, name)));
    select.addEventListener("change", () => this.take(select.value).catch((error) => this.changed(error)));
    const sizes = this.said.sizes.map(([w, h]) => make("option", { value: `${w}x${h}` }, `${w} × ${h}`));
    this.counted = false;
    this.place.replaceChildren(
      this.recipes.length > 1 ? field("recipe", select, about?.summary) : "",
      field("pictures", make("input", { id: "set-count", type: "number", min: 1, max: 64, value: this.usualCount, inputmode: "numeric", oninput: () => (this.counted = true) }), "How many pictures of this prompt"),
      sizes.length > 1 ? field("size", make("select", { id: "set-size" }, sizes), "Width and height in pixels") : "",
      ...first.map(control),
      field("seed", make("input", { id: "set-seed", inputmode: "numeric", placeholder: "any", pattern: "\\d{0,20}" }), "The same seed makes the same picture again"),
      rest.length ? make("details", { class: "rest" }, make("summary", {}, "More settings"), make("div", { class: "settings" }, rest.map(control))) : "",
    );
  }

  /** What is set, by name; what is left as the recipe has it is left out. */
  get values() {
    const found = {};
    for (const { name, kind } of this.said.settings) {
      const node = byId(`set-${name}`);
      if (!node) continue;
      if (kind === "bool" ? node.checked : node.value.trim() !== "") found[name] = kind === "bool" ? true : kind === "str" ? node.value : Number(node.value);
    }
    const [width, height] = (byId("set-size")?.value ?? "").split("x").map(Number);
    const usual = this.recipes.find(({ name }) => name === this.recipe);
    if (height && (width !== usual.width || height !== usual.height)) Object.assign(found, { width, height });
    delete found.seed;
    return found;
  }

  /** So many pictures, unless somebody has said how many. */
  suggest(count) {
    this.usualCount = count;
    if (!this.counted && byId("set-count")) byId("set-count").value = count;
  }

  get count() {
    return Math.max(1, Number(byId("set-count")?.value) || 1);
  }

  get seed() {
    return byId("set-seed")?.value.trim() ?? "";
  }
}

function control(row) {
  const id = `set-${row.name}`;
  const usual = row.usual ?? "";
  const node =
    row.kind === "bool" ? make("input", { id, type: "checkbox" })
    : row.kind === "str" ? make("input", { id, type: "text", placeholder: String(usual) })
    : make("input", { id, type: "number", min: row.low, max: row.high, step: row.kind === "int" ? 1 : "any", placeholder: String(usual), inputmode: row.kind === "int" ? "numeric" : "decimal" });
  return field((CALLED[row.name] ?? row.name).replaceAll("_", " "), node, row.help);
}

function field(name, node, help) {
  return make("label", { class: "field", title: help, for: node.id }, make("span", {}, name), node);
}
