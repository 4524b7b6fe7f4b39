"use strict";
(() => {
  const byId = (id) => document.getElementById(id);

  function make(name, text, attributes = {}) {
    const element = document.createElement(name);
    if (text !== undefined && text !== null) element.textContent = text;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  }

  // The table of trials.
  const PAGE = 50;
  const state = { column: null, falling: true, page: 0, value: "last", rows: [], picked: [] };
  let table = null;
  let columns = [];
  async function read() {
    const bytes = Uint8Array.from(atob(byId("trial-data").textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  const coded = (column) => (row) => column.names[column.codes[row]];
  const number = (value) => {
    if (value === null || value === undefined) return "";
    if (typeof value !== "number") return String(value);
    return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(+value.toPrecision(4));
  };

  function choices(row, constant = table.constant) {
    const parts = [];
    for (const [name, column] of Object.entries(table.choices)) {
      const value = column.names[column.codes[row]];
      if (value !== null && !constant.has(name)) parts.push(`${name}=${number(value)}`);
    }
    return parts.join(", ");
  }

  const SECONDS = "time_total_s";
  function ended(row) {
    const reason = table.reason(row);
    return table.role(row) === "retrain" ? `${table.status(row)} (retrained)`
      : table.status(row) + (reason ? `: ${reason}` : "");
  }

  function prepare() {
    table.size = table.id.length;
    table.constant = new Set(Object.entries(table.choices)
      .filter(([, column]) => table.size > 1 && column.names.length === 1).map(([name]) => name));
    table.move = coded(table.move);
    table.status = coded(table.status);
    table.reason = coded(table.reason);
    table.role = coded(table.role);
    table.parentNames = (row) => (table.parents[row] || []).map((index) => table.id[index]);
    columns = [{ name: "trial", key: "trial", get: (row) => table.id[row], order: (row) => row }];
    for (const objective of table.objectives) {
      const get = (row) => objective[state.value][row];
      columns.push({
        name: objective.name, key: objective.name, get, right: true, objective: true,
        falls: objective.mode === "max",
      });
    }
    columns.push({ name: "choices", key: "choices", get: choices, long: true });
    columns.push({ name: "reports", key: "reports", get: (row) => table.reports[row], right: true });
    if (SECONDS in table.more) {
      columns.push({ name: "seconds", key: SECONDS, get: (row) => table.more[SECONDS][row], right: true });
    }
    columns.push({ name: "move", key: "move", get: table.move });
    columns.push({ name: "ended", key: "ended", get: ended, long: true });
  }

  function value(row, name) {
    if (name in table.choices) return coded(table.choices[name])(row);
    const objective = table.objectives.find((one) => one.name === name);
    if (objective) return objective[state.value][row];
    if (name in table.more) return table.more[name][row];
    const column = columns.find((one) => one.key === name);
    return column ? column.get(row) : undefined;
  }

  function term(word) {
    const found = /^(.+?)(>=|<=|!=|=|>|<)(.*)$/.exec(word);
    if (!found) {
      const text = word.toLowerCase();
      return (row) => [table.id[row], table.move(row), table.reason(row), choices(row, new Set())]
        .some((one) => one.toLowerCase().includes(text));
    }
    const [, name, sign, wanted] = found;
    const limit = Number(wanted);
    return (row) => {
      const one = value(row, name);
      if (one === undefined || one === null) return false;
      if (sign === "=") return String(one) === wanted || (wanted !== "" && one === limit);
      if (sign === "!=") return String(one) !== wanted && one !== limit;
      if (typeof one !== "number" || Number.isNaN(limit) || wanted === "") return false;
      return { ">": one > limit, "<": one < limit, ">=": one >= limit, "<=": one <= limit }[sign];
    };
  }

  function select() {
    const tests = byId("filter-text").value.trim().split(/\s+/).filter(Boolean).map(term);
    const status = byId("filter-status").value;
    const move = byId("filter-move").value;
    if (status) tests.push((row) => table.status(row) === status);
    if (move) tests.push((row) => table.move(row) === move);
    const rows = [];
    for (let row = 0; row < table.size; row += 1) if (tests.every((test) => test(row))) rows.push(row);
    if (state.column) {
      const get = state.column.order || state.column.get;
      const keys = new Map(rows.map((row) => [row, get(row)]));
      const sign = state.falling ? -1 : 1;
      rows.sort((a, b) => {
        const one = keys.get(a);
        const other = keys.get(b);
        if (one === other) return a - b;
        if (one === null || one === undefined || one === "") return 1;
        if (other === null || other === undefined || other === "") return -1;
        if (typeof one === "number" && typeof other === "number") return sign * (one - other);
        return sign * String(one).localeCompare(String(other), "en", { numeric: true });
      });
    }
    state.rows = rows;
    state.page = 0;
    draw();
  }

  function label(column) {
    return column.objective ? `${column.name}, ${state.value} report` : column.name;
  }

  function head() {
    const row = make("tr");
    row.append(make("th", "compare", { scope: "col" }));
    for (const column of columns) {
      const cell = make("th", null, { scope: "col" });
      if (column.right) cell.className = "right";
      const active = column === state.column;
      if (active) cell.setAttribute("aria-sort", state.falling ? "descending" : "ascending");
      const mark = active ? (state.falling ? " ↓" : " ↑") : "";
      const button = make("button", label(column) + mark, { type: "button", class: "sort" });
      button.addEventListener("click", () => {
        const first = column.falls !== undefined ? column.falls : Boolean(column.right);
        state.falling = active ? !state.falling : first;
        state.column = column;
        select();
        const again = byId("trial-table").querySelectorAll("button.sort")[columns.indexOf(column)];
        again.focus();
      });
      cell.append(button);
      row.append(cell);
    }
    return row;
  }

  function line(row) {
    const picked = state.picked.includes(row);
    const element = make("tr", null, picked ? { class: "picked" } : {});
    const box = make("input", null, { type: "checkbox", "aria-label": `compare ${table.id[row]}` });
    box.checked = picked;
    box.addEventListener("change", () => pick(row, box.checked));
    const first = make("td", null, { "data-label": "compare" });
    first.append(box);
    const cells = columns.map((column) => {
      const text = number(column.get(row));
      const cell = column.key === "trial"
        ? make("th", text, { scope: "row" }) : make("td", text, { "data-label": label(column) });
      if (column.right) cell.className = "right";
      if (column.long) {
        cell.className = "long";
        cell.title = text;
        cell.replaceChildren(make("div", text));
      }
      if (column.key === "move" && table.parentNames(row).length) {
        cell.title = `from ${table.parentNames(row).join(" and ")}`;
      }
      return cell;
    });
    element.append(first, ...cells);
    return element;
  }

  function draw() {
    const target = byId("trial-table");
    const start = state.page * PAGE;
    const shown = state.rows.slice(start, start + PAGE);
    target.tHead.replaceChildren(head());
    target.tBodies[0].replaceChildren(...shown.map(line));
    const pages = Math.max(1, Math.ceil(state.rows.length / PAGE));
    byId("trial-count").textContent =
      `${state.rows.length.toLocaleString("en")} of ${table.size.toLocaleString("en")} trials`;
    byId("page-number").textContent = `Page ${state.page + 1} of ${pages.toLocaleString("en")}`;
    byId("pager").hidden = pages < 2;
    byId("previous").disabled = state.page === 0;
    byId("next").disabled = state.page >= pages - 1;
  }

  function pick(row, isPicked) {
    state.picked = state.picked.filter((one) => one !== row);
    if (isPicked) state.picked = [...state.picked, row].slice(-2);
    draw();
    compare();
  }

  function compare() {
    const panel = byId("compare");
    panel.hidden = state.picked.length < 1;
    if (panel.hidden) return;
    if (state.picked.length < 2) {
      panel.replaceChildren(make("p", `${table.id[state.picked[0]]} is ticked; tick a second trial to compare.`, { class: "soft" }));
      return;
    }
    const body = make("tbody");
    const names = [
      ...table.objectives.flatMap((one) => [
        [`${one.name}, last report`, (row) => one.last[row]],
        [`${one.name}, best report`, (row) => one.best[row]],
      ]),
      ...Object.keys(table.more).map((name) => [name, (row) => table.more[name][row]]),
      ["reports", (row) => table.reports[row]],
      ["move", table.move],
      ["parents", (row) => table.parentNames(row).join(", ")],
      ["ended", ended],
      ...Object.entries(table.choices).map(([name, column]) => [name, coded(column)]),
    ];
    const differing = (get) => number(get(state.picked[0])) !== number(get(state.picked[1]));
    names.sort((one, other) => Number(differing(other[1])) - Number(differing(one[1])));
    for (const [name, get] of names) {
      const texts = state.picked.map((row) => number(get(row)) || "–");
      const row = make("tr", null, differing(get) ? { class: "differs" } : {});
      row.append(make("th", name, { scope: "row" }), ...texts.map((text) => make("td", text, { class: "wrap" })));
      body.append(row);
    }
    const header = make("tr");
    header.append(make("th", "", { scope: "col" }), ...state.picked.map((row) => make("th", table.id[row], { scope: "col" })));
    const top = make("thead");
    top.append(header);
    const result = make("table");
    result.append(top, body);
    const close = make("button", "Close", { type: "button", class: "quiet" });
    close.addEventListener("click", () => { state.picked = []; draw(); compare(); });
    const scroll = make("div", null, { class: "scroll" });
    scroll.append(result);
    panel.replaceChildren(make("h3", "Two trials"), scroll, close);
  }

  function options(id, values) {
    for (const one of values) byId(id).append(make("option", one, { value: one }));
  }

  async function start() {
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    table = await read();
    options("filter-status", table.status.names);
    options("filter-move", table.move.names);
    prepare();
    state.column = columns[1] || null;
    state.falling = state.column ? Boolean(state.column.falls) : false;
    for (const id of ["filter-status", "filter-move"]) byId(id).addEventListener("change", select);
    byId("filter-value").addEventListener("change", (event) => { state.value = event.target.value; select(); });
    let waiting = 0;
    byId("filter-text").addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(select, 120);
    });
    byId("previous").addEventListener("click", () => { state.page -= 1; draw(); });
    byId("next").addEventListener("click", () => { state.page += 1; draw(); });
    document.addEventListener("show-trial", (event) => {
      byId("filter-text").value = event.detail;
      select();
      byId("trials").scrollIntoView();
    });
    select();
    document.documentElement.dataset.ready = "true";
  }
  start();
})();
