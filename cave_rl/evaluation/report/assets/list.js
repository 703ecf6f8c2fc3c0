"use strict";
// The list of episodes: filters, order, pages, and the keys that move in it.

const PAGE = 50;
const OTHERS = 16;
const FILTERS = [
  ["side", "Run", "all"],
  ["part", "Evaluation", "all"],
  ["result", "Result", "all"],
  ["family", "Family", "all"],
  ["flip", "Flip", "all"],
  ["stop", "Ended by", "all"],
  ["outcome", "With a message that was", "anything"],
];
const ORDERS = [
  ["", "as played"],
  ["seconds", "slowest first"],
  ["tokens", "most tokens first"],
  ["steps", "most steps first"],
  ["reward", "highest reward first"],
];
const FLIPS = { gained: "gained", lost: "lost", differs: "differs between runs" };

class List {
  constructor(index) {
    this.names = index.names;
    this.columns = index.columns;
    this.size = index.chunk;
    this.total = index.columns.id.length;
    this.page = 0;
    this.chosen = -1; // a place in the index
    this.form = document.getElementById("filters");
    this.body = document.querySelector("#list tbody");
    this.trace = document.getElementById("trace");
    this.#fillForm();
    this.#listen();
    this.filter();
  }

  // --- filters

  #fillForm() {
    for (const [key, label, any] of FILTERS) {
      const names = this.names[key];
      if (names.length < (key === "flip" ? 1 : 2)) continue;
      const options = names.map((name, number) => el("option", { value: number }, visible(FLIPS[key === "flip" ? name : ""] ?? name) || "(not told)"));
      if (key === "flip") options.unshift(el("option", { value: "any" }, "any"));
      this.form.append(el("label", null, label, el("select", { name: key }, el("option", { value: "" }, any), options)));
    }
    const orders = ORDERS.map(([key, label]) => el("option", { value: key }, label));
    this.form.append(
      el("label", null, "Task", el("input", { name: "task", type: "search", autocomplete: "off", spellcheck: "false" })),
      el("label", null, "Order", el("select", { name: "order" }, orders)),
    );
    const all = el("button", { type: "button" }, "Show all");
    all.addEventListener("click", () => this.filterBy({}));
    this.form.append(all);
  }

  filter() {
    const given = Object.fromEntries(new FormData(this.form));
    const columns = this.columns;
    const wanted = FILTERS.map(([key]) => key).filter((key) => given[key]);
    const task = given.task.trim().toLowerCase();
    const tasks = task && this.names.task.map((name) => name.toLowerCase().includes(task));
    const passes = (place) =>
      wanted.every((key) =>
        key === "outcome" ? columns.outcomes[place].includes(Number(given.outcome))
        : given[key] === "any" ? columns[key][place] >= 0
        : columns[key][place] === Number(given[key]),
      ) && (!tasks || tasks[columns.task[place]]);
    this.matches = columns.id.map((_, place) => place).filter(passes);
    if (given.order) {
      const values = columns[given.order];
      this.matches.sort((a, b) => (values[b] ?? -Infinity) - (values[a] ?? -Infinity) || a - b);
    }
    this.show(0);
  }

  // Sets filters by name, the others to nothing.
  filterBy(given) {
    this.form.reset();
    for (const [key, name] of Object.entries(given)) {
      const number = this.names[key].findIndex((each) => visible(each) === name);
      if (this.form.elements[key]) this.form.elements[key].value = number;
    }
    this.filter();
  }

  // --- pages

  get pages() {
    return Math.max(1, Math.ceil(this.matches.length / PAGE));
  }

  show(page) {
    this.page = Math.min(Math.max(page, 0), this.pages - 1);
    const start = this.page * PAGE;
    const places = this.matches.slice(start, start + PAGE);
    const tab = places.includes(this.chosen) ? this.chosen : places[0];
    this.body.replaceChildren(...places.map((place) => this.#row(place, place === tab)));
    const range = places.length ? `${start + 1} to ${start + places.length} of ${this.matches.length}` : "None";
    const all = this.matches.length === this.total && this.total ? " episodes" : ` that pass, of ${this.total} episodes`;
    document.getElementById("count").textContent = range + all;
    document.getElementById("page").textContent = `page ${this.page + 1} of ${this.pages}`;
    document.getElementById("previous").disabled = this.page === 0;
    document.getElementById("next").disabled = this.page === this.pages - 1;
  }

  #row(place, tab) {
    const { columns, names } = this;
    const result = names.result[columns.result[place]];
    const flip = columns.flip[place] < 0 ? "" : ` (${names.flip[columns.flip[place]]})`;
    const link = el("a", { href: `#e${columns.id[place]}`, tabindex: tab ? 0 : -1 }, names.task[columns.task[place]]);
    const cells = [
      names.side[columns.side[place]],
      names.stop[columns.stop[place]],
      columns.reward[place] === null ? "" : Number(columns.reward[place].toPrecision(3)),
      columns.steps[place],
      columns.tokens[place] ?? "",
      columns.seconds[place] === null ? "" : columns.seconds[place].toFixed(2),
    ];
    const mark = { solved: "✓ ", failed: "✗ ", fault: "! " }[result];
    const row = el("tr", { class: result, "aria-current": place === this.chosen ? "true" : null }, el("td", null, mark, result, flip), el("th", { scope: "row" }, link), cells.map((cell) => el("td", null, cell)));
    row.dataset.place = place;
    return row;
  }

  // --- one episode

  async open(place, focus) {
    this.chosen = place;
    const at = this.matches.indexOf(place);
    if (at < 0) this.filterBy({});
    this.show(Math.floor((at < 0 ? this.matches.indexOf(place) : at) / PAGE));
    const id = this.columns.id[place];
    if (location.hash !== `#e${id}`) history.replaceState(null, "", `#e${id}`);
    if (focus === "list") this.#link(place)?.focus();
    const result = this.names.result[this.columns.result[place]];
    const task = this.names.task[this.columns.task[place]];
    let found;
    try {
      found = await details(place, this.size);
    } catch (error) {
      document.getElementById("problem").textContent = `Episode ${id} cannot be read: ${error.message}`;
      return;
    }
    if (this.chosen !== place) return; // another was opened meanwhile
    showTrace(this.trace, `${task}: ${result} (episode ${id})`, found, this.#others(place));
    this.trace.scrollTop = 0;
    if (focus === "trace") this.trace.focus();
  }

  // The episodes of the same task, so that a flip can be read on both sides.
  #others(place) {
    const { columns, names } = this;
    const same = (other) => other !== place && ["task", "part"].every((key) => columns[key][other] === columns[key][place]);
    const places = columns.id.map((_, other) => other).filter(same).slice(0, OTHERS);
    return places.map((other) => ({ id: columns.id[other], text: `${names.side[columns.side[other]]} ${names.result[columns.result[other]]} (${columns.id[other]})` }));
  }

  #link(place) {
    return this.body.querySelector(`[data-place="${place}"] a`);
  }

  // Opens the episode so many places further on in the list.
  move(by, focus) {
    const at = this.matches.indexOf(this.chosen);
    const next = at < 0 ? this.page * PAGE : at + by;
    if (next >= 0 && next < this.matches.length) this.open(this.matches[next], focus);
  }

  openHash() {
    const id = /^#e([\d.]+)$/.exec(location.hash)?.[1];
    const place = id ? this.columns.id.indexOf(id) : -1;
    if (place >= 0 && place !== this.chosen) this.open(place, "trace");
  }

  // --- keys and clicks

  #listen() {
    this.form.addEventListener("input", () => this.filter());
    this.form.addEventListener("submit", (event) => event.preventDefault());
    document.getElementById("previous").addEventListener("click", () => this.show(this.page - 1));
    document.getElementById("next").addEventListener("click", () => this.show(this.page + 1));
    this.body.addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (!row || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.open(Number(row.dataset.place), event.detail ? "list" : "trace"); // detail is 0 where a key clicked
    });
    this.body.addEventListener("keydown", (event) => this.#key(event, this.#listKeys(), "list"));
    this.trace.addEventListener("keydown", (event) => this.#key(event, this.#traceKeys(), "trace"));
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-family], a[data-flip]");
      if (link) this.filterBy(link.dataset);
    });
    window.addEventListener("hashchange", () => this.openHash());
  }

  #key(event, keys) {
    const action = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  #listKeys() {
    const turn = (by) => () => {
      this.show(this.page + by);
      this.body.querySelector("a")?.focus();
    };
    const last = Math.min((this.page + 1) * PAGE, this.matches.length) - 1;
    const next = () => this.move(1, "list");
    const previous = () => this.move(-1, "list");
    return {
      j: next, ArrowDown: next, k: previous, ArrowUp: previous, n: turn(1), p: turn(-1),
      Home: () => this.open(this.matches[this.page * PAGE], "list"),
      End: () => this.open(this.matches[last], "list"),
    };
  }

  #traceKeys() {
    return {
      j: () => this.move(1, "trace"),
      k: () => this.move(-1, "trace"),
      Escape: () => this.#link(this.chosen)?.focus(),
    };
  }
}

async function start() {
  try {
    const list = new List(await load("index"));
    document.getElementById("reader").hidden = false;
    list.openHash();
  } catch (error) {
    document.getElementById("problem").textContent = error.message;
  }
}

start();
