// Joins the parts: tools to wishes, wishes to the grid, the grid to a row's own view, all of it to the keyboard.

const BINS = 25;

let wishes = { ...NO_WISHES };
const store = new Store(() => update());
const grid = new Grid(byId("grid"), byId("tools"), (place) => detail.open(grid.items, place));
const detail = new Detail(store, (place, left) => {
  if (place === null) grid.focus(left);
  keepAddress();
});

// What is shown

function update() {
  const rows = [...store.rows.values()];
  const { found, counts } = choose(rows, wishes);
  grid.show(found);
  detail.follow(found);
  for (const button of byId("states").children) {
    const status = button.dataset.status;
    button.querySelector("b").textContent = whole.format(counts[status]);
    button.setAttribute("aria-pressed", status === wishes.status);
  }
  byId("count").textContent = found.length === rows.length ? "" : `${whole.format(found.length)} of ${count(rows.length, "picture")}`;
  byId("nothing").hidden = found.length > 0 || !store.started;
  byId("nothing-text").textContent = emptyWords(rows.length);
  byId("clear").hidden = rows.length === 0;
  drawSummary(rows);
  drawBars(rows);
  drawGrowing(rows.length);
  drawChoices();
}

/** What was chosen and is not kept yet, with the command that keeps it. */
function drawChoices() {
  const waiting = store.choices.waiting(store.rows).length;
  byId("choices").hidden = waiting === 0;
  if (waiting === 0) return;
  byId("choices-text").textContent = `${count(waiting, "choice")} not kept yet. Run this where the folder lies:`;
  byId("choices-command").replaceChildren(command(store.choices.line(store.rows), "copy-all"));
}

function emptyWords(rows) {
  if (rows) return "No picture is like that.";
  return store.state ? "The first picture is on its way." : "No rows are found beside this page: was the folder “gallery” left behind?";
}

function drawSummary(rows) {
  const done = rows.filter((row) => row.status !== "failed");
  const judged = done.filter((row) => row.score !== null);
  const accepted = judged.filter((row) => row.status === "accepted").length;
  const mean = judged.reduce((sum, row) => sum + row.score, 0) / judged.length;
  const pairs = [[whole.format(done.length), done.length === 1 ? "picture" : "pictures"]];
  if (judged.length) pairs.push([`${Math.round((100 * accepted) / judged.length)} %`, "accepted"]);
  if (done.length > judged.length) pairs.push([whole.format(done.length - judged.length), "not judged"]);
  if (judged.length) pairs.push([`${Math.round(100 * mean)} %`, "mean score"]);
  if (rows.length > done.length) pairs.push([whole.format(rows.length - done.length), "failed"]);
  byId("summary").replaceChildren(...(rows.length ? pairs : []).map(([n, name]) => make("div", {}, make("dd", {}, n), make("dt", {}, name))));
}

function drawBars(rows) {
  const bars = histogram(rows, BINS);
  const most = Math.max(1, ...bars);
  byId("bars").replaceChildren(
    ...bars.map((height, bin) => {
      const from = (100 * bin) / BINS;
      const bar = make("i", { class: from >= wishes.low && from < wishes.high ? "in" : "" });
      bar.style.height = height ? `${Math.max(8, (100 * height) / most)}%` : "0";
      return bar;
    }),
  );
  const any = wishes.low === 0 && wishes.high === 100;
  byId("score-text").textContent = any ? "any" : `${wishes.low}–${wishes.high} %`;
}

function drawGrowing(rows) {
  const state = store.state;
  byId("growing").hidden = !state?.running;
  if (!state?.running) return;
  const { total } = state;
  byId("grown").style.width = total ? `${(100 * rows) / total}%` : "100%";
  const parts = [total ? `${whole.format(rows)} of ${count(total, "row")}` : count(rows, "row")];
  if (store.rate) parts.push(`${(60 * store.rate).toFixed(store.rate < 0.2 ? 1 : 0)} a minute`);
  if (store.rate && total > rows) parts.push(`about ${duration((total - rows) / store.rate)} left`);
  const silent = Date.now() / 1000 - state.updated;
  if (silent > 120) parts.push(`last news ${new Date(1000 * state.updated).toLocaleString()}`);
  byId("growing").classList.toggle("silent", silent > 120);
  byId("growing-text").textContent = parts.join(" · ");
}

// What is wished for

function wish(change) {
  wishes = { ...wishes, ...change };
  showWishes();
  update();
  keepAddress();
}

function showWishes() {
  if (byId("query").value !== wishes.query) byId("query").value = wishes.query;
  byId("low").value = wishes.low;
  byId("high").value = wishes.high;
  byId("sort").value = wishes.sort;
  byId("scores").style.setProperty("--low", wishes.low / 100);
  byId("scores").style.setProperty("--high", wishes.high / 100);
}

function keepAddress() {
  const hash = toHash(wishes, detail.opened);
  history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
}

/** Open what the address asks for. Before the rows are read that is only remembered, by the address itself. */
function readAddress() {
  const { wishes: kept, opened } = fromHash(location.hash);
  wishes = kept;
  showWishes();
  update();
  const place = opened === null ? -1 : grid.items.findIndex((item) => item.row === opened);
  if (place >= 0) detail.open(grid.items, place);
  else if (detail.dialog.open) detail.dialog.close();
}

byId("query").oninput = (event) => wish({ query: event.target.value });
byId("low").oninput = (event) => wish({ low: Math.min(Number(event.target.value), wishes.high) });
byId("high").oninput = (event) => wish({ high: Math.max(Number(event.target.value), wishes.low) });
byId("sort").onchange = (event) => wish({ sort: event.target.value });
byId("states").onclick = (event) => {
  const button = event.target.closest("button");
  if (button) wish({ status: button.dataset.status });
};
byId("choices-forget").onclick = () => store.forgetChoices();
byId("clear").onclick = () => {
  wish(NO_WISHES);
  byId("query").focus();
};

// How large the cards are; the browser remembers it where it may

function resize(step) {
  if (!grid.resize(step)) return;
  showSize();
  try {
    localStorage.setItem("diptych-size", grid.size);
  } catch {} // not allowed here: it is forgotten
}

function showSize() {
  byId("smaller").disabled = grid.size === 0;
  byId("larger").disabled = grid.size === CARD_WIDTHS.length - 1;
}

function recallSize() {
  try {
    const size = Number(localStorage.getItem("diptych-size") ?? grid.size);
    if (CARD_WIDTHS[size]) grid.size = size;
  } catch {}
  showSize();
}

byId("smaller").onclick = () => resize(-1);
byId("larger").onclick = () => resize(1);

// The keyboard

const help = byId("help");
byId("help-button").onclick = () => help.showModal();
byId("help-close").onclick = () => help.close();
help.addEventListener("click", (event) => event.target === help && help.close());

const KEYS = {
  "/": () => {
    byId("query").focus();
    byId("query").select();
  },
  "?": () => help.showModal(),
  "+": () => resize(1),
  "=": () => resize(1),
  "-": () => resize(-1),
  1: () => wish({ status: "" }),
  2: () => wish({ status: "accepted" }),
  3: () => wish({ status: "rejected" }),
  4: () => wish({ status: "failed" }),
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
  if (help.open || (detail.dialog.open && event.key !== "?")) return;
  if (event.target === byId("query")) return onQueryKey(event);
  if (event.target.closest?.("input, select")) return;
  if (Object.hasOwn(KEYS, event.key)) KEYS[event.key]();
  else if (event.target === document.body && /^Arrow|^Enter$/.test(event.key)) grid.focus(grid.at);
  else return;
  event.preventDefault();
});

function onQueryKey(event) {
  if (event.key === "ArrowDown" || event.key === "Enter") grid.focus(0);
  else if (event.key === "Escape" && wishes.query) wish({ query: "" });
  else if (event.key === "Escape") event.target.blur();
  else return;
  event.preventDefault();
}

recallSize();
readAddress();
addEventListener("hashchange", readAddress);
store.start().then(readAddress);
