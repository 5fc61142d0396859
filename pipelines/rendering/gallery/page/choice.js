// Which rows are shown, and in what order: plain functions of rows and wishes, with no page in sight.

const STATUSES = ["accepted", "rejected", "failed"];

const NO_WISHES = Object.freeze({ query: "", status: "", low: 0, high: 100, sort: "row" });

/** Better scores last; what has none is the worst. */
const scoreOf = (row) => row.score ?? -1;

const ORDERS = {
  row: (a, b) => a.row - b.row,
  latest: (a, b) => b.row - a.row,
  best: (a, b) => scoreOf(b) - scoreOf(a) || a.row - b.row,
  worst: (a, b) => (a.score ?? 2) - (b.score ?? 2) || a.row - b.row,
  prompt: (a, b) => (a.prompt < b.prompt ? -1 : a.prompt > b.prompt ? 1 : a.row - b.row),
  rated: (a, b) => b.choice.rating - a.choice.rating || a.row - b.row,
  slowest: (a, b) => b.seconds - a.seconds || a.row - b.row,
};

/** A test of a row's text: every word must be in it, none that has a minus before it; `#12` is row 12 alone, and a
 *  whole seed is found, too. */
function textTest(query) {
  const terms = query.toLowerCase().split(/\s+/).filter((term) => term && term !== "-");
  const wanted = terms.filter((term) => !term.startsWith("-"));
  const unwanted = terms.filter((term) => term.startsWith("-")).map((term) => term.slice(1));
  const has = (row, term) => row.text.includes(term) || term === `#${row.row}` || term === row.seed;
  return (row) => wanted.every((term) => has(row, term)) && !unwanted.some((term) => has(row, term));
}

/** A test of a row's score, in whole per cent; a row without one passes only where all scores do. */
function scoreTest(low, high) {
  if (low <= 0 && high >= 100) return () => true;
  return (row) => row.score !== null && 100 * row.score >= low && 100 * row.score <= high;
}

/** The rows to show, in order, and how many there would be of each status. */
function choose(rows, wishes) {
  const text = textTest(wishes.query);
  const score = scoreTest(wishes.low, wishes.high);
  const found = [];
  const counts = { "": 0, accepted: 0, rejected: 0, failed: 0, unjudged: 0 };
  for (const row of rows) {
    if (!score(row) || !text(row)) continue;
    counts[row.status] += 1;
    counts[""] += 1;
    if (!wishes.status || row.status === wishes.status) found.push(row);
  }
  found.sort(ORDERS[wishes.sort] ?? ORDERS.row);
  return { found, counts };
}

/** How many scores lie in each of `bins` equal parts of 0 to 1. */
function histogram(rows, bins) {
  const bars = new Array(bins).fill(0);
  for (const row of rows) if (row.score !== null) bars[Math.min(bins - 1, Math.floor(row.score * bins))] += 1;
  return bars;
}

/** Wishes as the part of the address behind `#`, so that a view can be kept as a bookmark; and back. */
function toHash(wishes, opened) {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(wishes)) if (value !== NO_WISHES[name]) parts.set(name, value);
  if (opened !== null) parts.set("open", opened);
  return parts.toString();
}

function fromHash(hash) {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const percent = (name) => {
    const value = Number.parseInt(parts.get(name) ?? "", 10);
    return value >= 0 && value <= 100 ? value : NO_WISHES[name];
  };
  const status = parts.get("status") ?? "";
  const sort = parts.get("sort") ?? "";
  const wishes = {
    query: (parts.get("query") ?? "").slice(0, 300),
    status: STATUSES.includes(status) ? status : "",
    low: percent("low"),
    high: percent("high"),
    sort: Object.hasOwn(ORDERS, sort) ? sort : NO_WISHES.sort,
  };
  const opened = Number.parseInt(parts.get("open") ?? "", 10);
  return { wishes, opened: Number.isSafeInteger(opened) ? opened : null };
}
