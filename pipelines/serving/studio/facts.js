// Facts with ticks, and where in the picture the plan puts their things.

import { icon, make, percent, words } from "./dom.js";

const SIDES = { "on the left": [0, 0, 50, 100], "in the middle": [25, 0, 50, 100], "on the right": [50, 0, 50, 100] };
const RELATIONS = {
  "to the left of": ["on the left", "on the right"],
  "to the right of": ["on the right", "on the left"],
};
const STACKED = { above: [[0, 0, 100, 50], [0, 50, 100, 50]], below: [[0, 50, 100, 50], [0, 0, 100, 50]] };

const SMALL = new Set(["a", "an", "the", "in", "on", "at", "of", "to"]);

export const bare = (text) => text.replace(/^(?:a|an|the)\s+/i, "");
const last = (text) => text.trim().split(/\s+/).pop();

/** The thing of a fact, by its noun: of "a red boat on the left" it is `boat`. */
export function thingOf(fact, facts) {
  const things = facts.filter(({ kind }) => kind === "thing").map(({ text }) => bare(text));
  return things.find((thing) => new RegExp(`(^|\\s)${thing.replace(/[^\p{L}\p{N}\s]/gu, "\\$&")}(\\s|$)`, "iu").test(fact.text)) ?? "";
}

/** Where the plan puts a thing: left, top, width and height in per cent, and in words; null where it does not say. */
export function placeOf(thing, facts) {
  for (const { text } of facts) {
    for (const [said, box] of Object.entries(SIDES)) if (text.endsWith(said) && last(text.slice(0, -said.length)) === last(thing)) return { box, said };
    for (const [said, [one, other]] of Object.entries(RELATIONS)) {
      const [left, right] = text.split(` ${said} `);
      if (right && last(left) === last(thing)) return { box: SIDES[one], said: one };
      if (right && last(right) === last(thing)) return { box: SIDES[other], said: other };
    }
    for (const [said, [one, other]] of Object.entries(STACKED)) {
      const [left, right] = text.split(` ${said} `);
      if (right && last(left) === last(thing)) return { box: one, said };
      if (right && last(right) === last(thing)) return { box: other, said: said === "above" ? "below" : "above" };
    }
  }
  return null;
}

/** A list of facts. `chosen(fact)` makes them buttons; `overlay(box or null)` shows where one is. */
export function factList(facts, { chosen = null, overlay = null } = {}) {
  const line = (fact) => {
    const known = fact.shown !== undefined && fact.shown !== null;
    const name = known ? (fact.shown ? "yes" : "no") : "open";
    const place = overlay && placeOf(thingOf(fact, facts), facts);
    const text = [words("span", { class: "fact" }, fact.text), !fact.asked && make("i", {}, " added")];
    const on = place ? { onpointerenter: () => overlay(place), onpointerleave: () => overlay(null), onfocusin: () => overlay(place), onfocusout: () => overlay(null) } : {};
    const body = chosen ? make("button", { type: "button", class: "fact-button", onclick: () => chosen(fact) }, text) : make("span", {}, text);
    return make("li", { class: name, ...on },
      known ? icon(name) : make("i", { class: "dot" }),
      make("span", { class: "only-read" }, known ? (fact.shown ? "shown:" : "not shown:") : "planned:"),
      body,
      make("span", { class: "sure" }, known && fact.probability !== null ? percent(fact.probability) : ""));
  };
  return make("ul", { class: "facts" }, facts.map(line));
}

const stems = (text) => (text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => word.replace(/(?<=..)s$/, ""));

/** The facts that a change by words is about: all of their words are said in it. */
export function aboutChange(facts, change) {
  const said = new Set(stems(change));
  return facts.filter(({ text }) => stems(text).every((word) => said.has(word) || SMALL.has(word)));
}

/** The facts of a picture. Of a change, first those that it is about; the rest was there before. */
export function factsOf(facts, change, options = {}) {
  if (!change) return factList(facts, options);
  const about = aboutChange(facts, change);
  const rest = facts.filter((fact) => !about.includes(fact)).map((fact) => ({ ...fact, asked: true }));
  if (!about.length) return factList(rest, options);
  return make("div", {}, factList(about, options), rest.length > 0 && make("h4", {}, "The rest of the picture"), rest.length > 0 && factList(rest, options));
}

/** Candidates side by side, and why each won or lost. `pictures` has what was seen of them, by index. */
export function candidateList(candidates, pictures) {
  const one = (each) => {
    const seen = pictures.get(each.index);
    return make("li", { class: each.chosen ? "chosen" : "" },
      seen ? make("img", { src: seen, alt: `Candidate ${each.index}` }) : make("span", { class: "unseen" }, `candidate ${each.index}`),
      make("p", {}, make("b", {}, each.chosen ? "taken" : each.score === null ? "not painted" : percent(each.score)), each.chosen && each.score !== null ? ` ${percent(each.score)}` : ""),
      words("p", { class: "reason" }, each.reason ?? ""));
  };
  return make("ol", { class: "candidates" }, candidates.map(one));
}
