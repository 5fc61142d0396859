// Making elements. Text reaches the page through text nodes and attributes alone, never as markup.

const byId = (id) => document.getElementById(id);

/** An element with attributes (null and false are left out, true is an empty one) and children (likewise). */
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Words of a person or a model: they run in their own direction and change nobody else's. */
const words = (tag, attributes, text) => make(tag, { dir: "auto", ...attributes }, text);

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/** A file of the output folder as an address beside this page, whatever its name holds. */
const address = (name) => `./${name.split("/").map(encodeURIComponent).join("/")}`;

const whole = new Intl.NumberFormat("en");
const count = (n, one, many = `${one}s`) => `${whole.format(n)} ${n === 1 ? one : many}`;

/** 0.031 s, 4.2 s, 3 min 5 s, 2 h 10 min. */
function duration(seconds) {
  if (seconds < 0.1) return `${seconds.toFixed(3)} s`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${whole.format(Math.floor(minutes / 60))} h ${minutes % 60} min`;
}
