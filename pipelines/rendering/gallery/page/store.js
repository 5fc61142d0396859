// The rows, read from the scripts that the batch writes beside this page, and read again while it is rendered.
//
// state.js says how many rows lie in each part; parts that have grown since are read again. A page opened from
// disk may read nothing but scripts, so each hands its content over by calling a function of `window.diptych`.

const POLL_MS = 4000;

class Store {
  /** `changed` is called when rows or the state have changed. */
  constructor(changed) {
    this.changed = changed;
    this.started = false;
    this.state = null;
    this.rows = new Map(); // by number
    this.read = []; // the rows that were read of each part
    this.details = new Map(); // by number, of the parts that were asked for
    this.choices = new Choices();
    this.news = [performance.now(), 0]; // when the number of rows last grew, and from what
    this.rate = 0; // rows a second
    const policy = { createScriptURL: (name) => Store.checked(name) };
    this.trusted = window.trustedTypes ? window.trustedTypes.createPolicy("diptych", policy) : policy;
    window.diptych = {
      state: (state) => this.takeState(state),
      rows: (part, rows) => this.takeRows(part, rows),
      details: (part, rows) => rows.forEach((row) => this.details.set(row.row, row)),
      choices: (choices) => this.takeChoices(choices),
    };
  }

  /** The only addresses that scripts are read from. */
  static checked(name) {
    if (!/^gallery\/(state|choices|(rows|details)-\d{4,})\.js\?v=[\d.]+$/.test(name)) throw new TypeError(name);
    return name;
  }

  script(name, version) {
    return new Promise((done) => {
      const node = document.createElement("script");
      node.src = this.trusted.createScriptURL(`gallery/${name}.js?v=${version}`);
      node.onload = node.onerror = () => {
        node.remove();
        done();
      };
      document.head.append(node);
    });
  }

  async start() {
    await this.refresh();
    setInterval(() => {
      if (!document.hidden && (!this.state || this.state.running)) this.refresh();
    }, POLL_MS);
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
  }

  async refresh() {
    await this.script("state", Date.now());
    if (!this.state) return this.report();
    await this.script("choices", Date.now());
    const { run, parts } = this.state;
    const grown = parts.map((_, i) => i).filter((i) => this.read[i] !== parts[i]);
    await Promise.all(grown.map((i) => this.script(`rows-${String(i + 1).padStart(4, "0")}`, `${run}.${parts[i]}`)));
    this.measure();
    this.report();
  }

  report() {
    this.started = true;
    this.changed();
  }

  takeState(state) {
    if (this.state && this.state.run !== state.run) {
      this.read = [];
      this.rows.clear(); // the folder was written anew: rows may be gone
      this.details.clear();
    }
    this.state = state;
  }

  takeRows(part, rows) {
    for (const row of rows) {
      const known = this.rows.get(row.row);
      const notDrawn = row.not_drawn && `not drawn: ${row.not_drawn}`;
      const text = [row.prompt, row.plan, row.caption, row.error, notDrawn].join("\n").toLowerCase();
      const mark = JSON.stringify(row);
      if (!known || known.written !== mark) this.rows.set(row.row, this.chosen({ ...row, part, text, written: mark }));
    }
    this.read[part - 1] = rows.length;
  }

  takeChoices(choices) {
    this.choices.take(choices);
    this.showChoices();
  }

  /** A reader's choice for a row: its pick or its rating changes. */
  choose(row, change) {
    this.choices.click(row, change);
    this.showChoices();
    this.report();
  }

  forgetChoices() {
    this.choices.forget();
    this.showChoices();
    this.report();
  }

  /** Rows whose choice has changed become other objects, so that they are drawn anew. */
  showChoices() {
    for (const [number, row] of this.rows) {
      const chosen = this.chosen(row);
      if (chosen.mark !== row.mark) this.rows.set(number, chosen);
    }
  }

  chosen(row) {
    const choice = this.choices.of(row);
    return { ...row, choice, mark: row.written + JSON.stringify(choice) };
  }

  /** What a row's own view needs beside; null where it cannot be read. */
  async detailsOf(row) {
    if (!this.details.has(row.row)) {
      const version = `${this.state.run}.${this.state.parts[row.part - 1]}`;
      await this.script(`details-${String(row.part).padStart(4, "0")}`, version);
    }
    return this.details.get(row.row) ?? null;
  }

  measure() {
    const now = performance.now();
    const [then, before] = this.news;
    if (this.rows.size === before) return;
    if (before > 0) {
      const rate = (1000 * (this.rows.size - before)) / Math.max(1, now - then);
      this.rate = this.rate ? 0.7 * this.rate + 0.3 * rate : rate;
    }
    this.news = [now, this.rows.size];
  }
}
