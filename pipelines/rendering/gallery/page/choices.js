// What the reader chose: other candidates than the engine did, and stars. What was kept comes from
// gallery/choices.js; what was clicked since, the browser remembers until the command that keeps it was run.

const STARS = 5;
const KEPT_HERE = `diptych-choices ${location.pathname}`;

class Choices {
  constructor() {
    this.command = "";
    this.kept = {}; // by the number of the row: id, pick, picture, thumbnail, rating
    this.clicked = Choices.recall(); // likewise: id, and pick or rating where they are to change
  }

  static recall() {
    try {
      const clicked = JSON.parse(localStorage.getItem(KEPT_HERE) ?? "{}");
      return typeof clicked === "object" && clicked !== null && !Array.isArray(clicked) ? clicked : {};
    } catch {
      return {}; // not allowed here, or not ours
    }
  }

  remember() {
    try {
      localStorage.setItem(KEPT_HERE, JSON.stringify(this.clicked));
    } catch {} // not allowed here: it is forgotten with the page
  }

  take({ command, rows }) {
    this.command = command;
    this.kept = rows;
    for (const [row, choice] of Object.entries(this.clicked)) this.settle(row, choice);
    this.remember();
  }

  /** A row's choice as it is shown: kept, with what was clicked since. */
  of(row) {
    const kept = this.keptOf(row);
    const clicked = this.clicked[row.row]?.id === row.id ? this.clicked[row.row] : {};
    return { ...kept, ...clicked, waits: Object.keys(clicked).length > 1 };
  }

  keptOf(row) {
    const none = { id: row.id, pick: null, picture: null, thumbnail: null, rating: 0 };
    const kept = this.kept[row.row];
    return kept?.id === row.id ? { ...none, ...kept, rating: kept.rating ?? 0 } : none;
  }

  click(row, change) {
    this.clicked[row.row] = { ...(this.clicked[row.row]?.id === row.id ? this.clicked[row.row] : {}), id: row.id, ...change };
    this.settle(row.row, this.clicked[row.row]);
    this.remember();
  }

  /** Forget of what was clicked for a row whatever is kept already. */
  settle(row, choice) {
    const kept = this.keptOf({ row, id: choice.id });
    for (const name of ["pick", "rating"]) if (choice[name] === kept[name]) delete choice[name];
    if (Object.keys(choice).length < 2) delete this.clicked[row];
  }

  forget() {
    this.clicked = {};
    this.remember();
  }

  /** How many rows have a choice that is not kept yet, of those that are there. */
  waiting(rows) {
    return Object.entries(this.clicked).filter(([row, choice]) => rows.get(Number(row))?.id === choice.id);
  }

  /** The command that keeps what was clicked. */
  line(rows) {
    const said = (name, nothing) => {
      const pairs = this.waiting(rows).filter(([, choice]) => name in choice);
      return pairs.map(([row, choice]) => `${row}=${choice[name] ?? nothing}`).join(",");
    };
    const options = { "--pick": said("pick", "none"), "--rate": said("rating", 0) };
    return [this.command, ...Object.entries(options).filter(([, pairs]) => pairs).flat()].join(" ");
  }
}

/** Five stars to choose from; the one that is chosen takes itself back. */
function starsOf(choice, rate) {
  const star = (number) => {
    const on = number <= choice.rating;
    const name = `${number} of ${STARS} stars`;
    const button = make("button", { type: "button", id: `star-${number}`, class: on ? "on" : "", title: `${name} (${number})`, "aria-label": name, "aria-pressed": number === choice.rating }, on ? "★" : "☆");
    button.onclick = () => rate(number === choice.rating ? 0 : number);
    return button;
  };
  const stars = Array.from({ length: STARS }, (_, i) => star(i + 1));
  return make("div", { class: "stars", role: "group", "aria-label": "Your rating" }, stars);
}

const starWords = (choice) => (choice.rating ? "★".repeat(choice.rating) : "");
