// What has come of a picture, in words: how it came out, what is not drawn, and why there is none.

import { sentence } from "./api.js";
import { duration, make, percent, words } from "./dom.js";
import { aboutChange } from "./facts.js";
import { changeOf } from "./start.js";

const MOST = 160; // characters of a short reason

/** Words that were asked for and are not drawn; of a change those of what it began from were asked for before. */
export function notDrawn(row) {
  const change = changeOf(row);
  const left = (row.left_out ?? []).filter((each) => !change || change.toLowerCase().includes(each.toLowerCase()));
  return left.length ? make("p", { class: "left-out" }, "Not drawn: ", words("span", {}, left.join(", "))) : null;
}

/** Words that were taken for others: a corgi for a dog. */
export function readAs(row) {
  const taken = Object.entries(row.read_as ?? {}).map(([said, meant]) => `${said} as ${meant}`);
  return taken.length ? words("p", { class: "read-as" }, `Read: ${taken.join(", ")}`) : null;
}

/** How a picture came out. A score is of all that the picture should show: whether a change was made, the facts say
 * that it is about. */
export function verdict(row) {
  const judged = row.score !== null && row.score !== undefined;
  const score = judged ? `, score ${percent(row.score)}` : "";
  return `${changeOf(row) ? changed(row) : row.accepted ? "accepted" : row.left_out?.length ? "some words were not drawn" : judged ? "not accepted" : "not judged"}${score}, ${duration(row.seconds)}`;
}

function changed(row) {
  if (notDrawn(row)) return "some words were not drawn";
  const missed = aboutChange(row.facts ?? [], changeOf(row)).some(({ shown }) => shown === false);
  return missed ? "changed, perhaps not as asked" : row.accepted === false && !row.left_out?.length ? "changed, not accepted" : "changed";
}

/** Why there is no picture, in a line: the first sentence, without the stage that it begins with. */
export function shortly(error) {
  const said = error.replace(/^[a-z_]+: /, "");
  const [first] = /^(?:'(?:[^'\\]|\\.)*'|\.(?!\s|$)|[^.])*/.exec(said);
  return first.length > MOST ? `${sentence(first.slice(0, MOST - 1)).slice(0, -1)}…` : sentence(first);
}

/** The same, and the whole of it for those who open it. */
export function failure(error) {
  const rest = error.length > shortly(error).length + MOST / 4;
  return make("div", { class: "left-out" }, words("p", {}, shortly(error)),
    rest && make("details", {}, make("summary", {}, "All of what was said"), words("p", {}, error)));
}
