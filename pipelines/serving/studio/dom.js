// Making elements. Text reaches the page through text nodes and attributes alone, never as markup.

export const byId = (id) => document.getElementById(id);

/** An element with attributes (null and false are left out, true is an empty one), listeners (`on...`) and children. */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Words of a person or a model: they run in their own direction and change nobody else's. */
export const words = (tag, attributes, text) => make(tag, { dir: "auto", ...attributes }, text);

export const button = (text, onclick, attributes = {}) => make("button", { type: "button", onclick, ...attributes }, text);

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

const whole = new Intl.NumberFormat("en");
export const count = (n, one, many = `${one}s`) => `${whole.format(n)} ${n === 1 ? one : many}`;
export const percent = (share) => `${Math.round(100 * share)} %`;

/** 0.03 s, 4.2 s, 3 min 5 s, 2 h 10 min. */
export function duration(seconds) {
  if (seconds < 60) return `${seconds < 0.1 ? seconds.toFixed(2) : seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${whole.format(Math.floor(minutes / 60))} h ${minutes % 60} min`;
}

/** What `f` is told at most once in so many milliseconds, the last call winning. */
export function soon(f, wait) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => f(...values), wait);
  };
}

const keeper = (storage) => ({
  get(name, usual) {
    try {
      return JSON.parse(storage().getItem(`diptych.${name}`)) ?? usual;
    } catch {
      return usual;
    }
  },
  set(name, value) {
    try {
      storage().setItem(`diptych.${name}`, JSON.stringify(value));
    } catch {
      // it is not kept
    }
  },
});

/** Values kept in this browser; one that keeps nothing (a private window) forgets them. */
export const kept = keeper(() => localStorage);

/** Values kept until this tab is closed. */
export const keptByTab = keeper(() => sessionStorage);
