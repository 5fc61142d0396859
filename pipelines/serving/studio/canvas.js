// A canvas to paint on: a mask over a picture (white where something new may come), or a drawing to start from. With
// the keyboard, arrows move the brush, Shift makes their steps longer, and Space paints.

import { button, make } from "./dom.js";

const COLOURS = ["#1e1c22", "#d5372f", "#2f64c9", "#2f8f4e", "#efc12f", "#8a5a2b", "#f6f3ec", "#7fb7e6"];
const NAMES = ["black", "red", "blue", "green", "yellow", "brown", "white", "sky blue"];

export class Canvas {
  /** `picture` is an ImageBitmap, or null for a blank sheet; `kind` is "mask" or "sketch". */
  constructor({ picture, width, height, kind, changed }) {
    Object.assign(this, { picture, width, height, kind, changed });
    this.strokes = [];
    this.colour = COLOURS[1];
    this.size = kind === "mask" ? 12 : 6; // per cent of the width
    this.at = [width / 2, height / 2];
    this.node = make("canvas", {
      width, height, tabindex: "0", class: "canvas", role: "img",
      "aria-label": kind === "mask" ? "Paint over what is to change. Arrow keys move the brush, Space paints." : "Draw here. Arrow keys move the brush, Space paints.",
    });
    this.node.addEventListener("pointerdown", (event) => this.begin(event));
    this.node.addEventListener("pointermove", (event) => this.go(event));
    this.node.addEventListener("pointerup", () => (this.stroke = null));
    this.node.addEventListener("pointercancel", () => (this.stroke = null));
    this.node.addEventListener("keydown", (event) => this.key(event));
    this.node.addEventListener("blur", () => this.draw());
    this.draw();
  }

  get empty() {
    return !this.strokes.length;
  }

  tools() {
    const size = make("input", { type: "range", min: 2, max: 40, value: this.size, "aria-label": "Size of the brush", oninput: () => (this.size = Number(size.value)) });
    const colours = this.kind === "sketch" && COLOURS.map((colour, i) => {
      const one = button("", () => {
        this.colour = colour;
        for (const each of one.parentElement.querySelectorAll(".colour")) each.setAttribute("aria-pressed", each === one);
      }, { class: "colour", "aria-label": NAMES[i], title: NAMES[i], "aria-pressed": String(colour === this.colour) });
      one.style.background = colour;
      return one;
    });
    const undo = button("Undo", () => { this.strokes.pop(); this.draw(); this.changed(); }, { class: "flat" });
    const clear = button("Clear", () => { this.strokes = []; this.draw(); this.changed(); }, { class: "flat" });
    return make("div", { class: "brushes", role: "group", "aria-label": "Brush" }, colours, make("label", { class: "brush" }, "brush ", size), undo, clear);
  }

  place(event) {
    const box = this.node.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * this.width, ((event.clientY - box.top) / box.height) * this.height];
  }

  begin(event) {
    event.preventDefault();
    this.node.focus({ preventScroll: true });
    this.node.setPointerCapture(event.pointerId);
    this.stroke = this.started(this.place(event));
  }

  started(point) {
    const stroke = { colour: this.colour, size: (this.size / 100) * this.width, points: [point] };
    this.strokes.push(stroke);
    this.draw();
    this.changed();
    return stroke;
  }

  go(event) {
    if (!this.stroke) return;
    this.stroke.points.push(this.place(event));
    this.draw();
  }

  key(event) {
    const step = (event.shiftKey ? 0.1 : 0.03) * this.width;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    if (way) this.at = [Math.min(this.width, Math.max(0, this.at[0] + step * way[0])), Math.min(this.height, Math.max(0, this.at[1] + step * way[1]))];
    else this.started([...this.at]);
    this.draw(true);
  }

  draw(cursor = false) {
    const context = this.node.getContext("2d");
    context.globalAlpha = 1;
    context.fillStyle = "#f6f3ec";
    context.fillRect(0, 0, this.width, this.height);
    if (this.picture) context.drawImage(this.picture, 0, 0, this.width, this.height);
    if (this.kind === "mask") {
      const layer = new OffscreenCanvas(this.width, this.height);
      paint(layer.getContext("2d"), this.strokes, "#5b66e0");
      context.globalAlpha = 0.6;
      context.drawImage(layer, 0, 0);
      context.globalAlpha = 1;
    } else paint(context, this.strokes);
    if (!cursor) return;
    context.strokeStyle = "#fff";
    context.lineWidth = Math.max(1, this.width / 256);
    context.beginPath();
    context.arc(...this.at, (this.size / 200) * this.width, 0, 7);
    context.stroke();
  }

  /** The mask, white on black, or the drawing, as a PNG. */
  async png() {
    const sheet = new OffscreenCanvas(this.width, this.height);
    const context = sheet.getContext("2d");
    context.fillStyle = this.kind === "mask" ? "#000" : "#f6f3ec";
    context.fillRect(0, 0, this.width, this.height);
    if (this.kind === "sketch" && this.picture) context.drawImage(this.picture, 0, 0, this.width, this.height);
    paint(context, this.strokes, this.kind === "mask" ? "#fff" : "");
    return sheet.convertToBlob({ type: "image/png" });
  }
}

function paint(context, strokes, colour = "") {
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    context.strokeStyle = context.fillStyle = colour || stroke.colour;
    context.lineWidth = stroke.size;
    context.beginPath();
    context.moveTo(...stroke.points[0]);
    for (const point of stroke.points) context.lineTo(...point);
    context.stroke();
    context.beginPath();
    context.arc(...stroke.points[0], stroke.size / 2, 0, 7);
    context.fill();
  }
}
