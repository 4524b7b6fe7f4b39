"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const root = document.documentElement;

  // The table shows one trial.
  function showTrial(name) {
    document.dispatchEvent(new CustomEvent("show-trial", { detail: name }));
  }
  for (const link of document.querySelectorAll("[data-show]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      showTrial(link.dataset.show);
    });
  }

  // Dark or light. Storage may be forbidden for files.
  function remembered(name) { try { return localStorage.getItem(name); } catch { return null; } }
  function remember(name, value) { try { localStorage.setItem(name, value); } catch { /* as before */ } }
  if (remembered("ray-nas-theme")) root.dataset.theme = remembered("ray-nas-theme");
  byId("theme").addEventListener("click", () => {
    const isDark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    remember("ray-nas-theme", root.dataset.theme);
  });

  // Tabs, copies, the section that is read.
  for (const button of document.querySelectorAll("[data-tab]")) {
    button.addEventListener("click", () => {
      for (const other of button.parentElement.children) {
        other.setAttribute("aria-pressed", String(other === button));
        byId(other.dataset.tab).hidden = other !== button;
      }
    });
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const code = button.closest(".code").querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
  const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id).setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-20% 0px -70% 0px" });
  for (const section of document.querySelectorAll("main > section")) seen.observe(section);

  // Tips: the text of the mark under the pointer, or the nearest dot. Arrow keys go through marks.
  const tip = byId("tip");
  const tips = new WeakMap();
  let marked = null;
  function textOf(mark) {
    if (!tips.has(mark)) {
      const title = mark.querySelector("title");
      tips.set(mark, title ? title.textContent : "");
    }
    return tips.get(mark);
  }
  function show(mark, x, y) {
    hide();
    marked = mark;
    mark.classList.add("near");
    tip.textContent = textOf(mark);
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - box.width - 6))}px`;
    tip.style.top = `${y + 18 + box.height > innerHeight ? y - box.height - 12 : y + 16}px`;
  }
  function hide() {
    if (marked) marked.classList.remove("near");
    marked = null;
    tip.hidden = true;
  }
  function nearest(chart, x, y) {
    const scale = chart.viewBox.baseVal.width / chart.getBoundingClientRect().width;
    const corner = chart.getBoundingClientRect();
    const px = (x - corner.left) * scale + chart.viewBox.baseVal.x;
    const py = (y - corner.top) * scale + chart.viewBox.baseVal.y;
    let found = null;
    let least = 16;
    for (const dot of chart.querySelectorAll("circle")) {
      const distance = Math.hypot(dot.cx.baseVal.value - px, dot.cy.baseVal.value - py);
      if (distance <= least && textOf(dot)) { found = dot; least = distance; }
    }
    return found;
  }
  for (const chart of document.querySelectorAll("svg.ray-nas-chart")) {
    chart.addEventListener("pointermove", (event) => {
      let mark = nearest(chart, event.clientX, event.clientY);
      if (!mark && event.target !== chart && textOf(event.target)) mark = event.target;
      if (mark) show(mark, event.clientX, event.clientY); else hide();
    });
    chart.addEventListener("pointerleave", hide);
    chart.addEventListener("click", (event) => {
      const mark = nearest(chart, event.clientX, event.clientY) || event.target;
      if (mark.dataset.trial) showTrial(mark.dataset.trial);
    });
    const marks = [...chart.querySelectorAll("circle, rect")].filter(textOf);
    if (!marks.length) continue;
    chart.setAttribute("tabindex", "0");
    let place = -1;
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (step) {
        event.preventDefault();
        place = Math.max(0, Math.min(marks.length - 1, place + step));
        const box = marks[place].getBoundingClientRect();
        show(marks[place], box.right, box.top);
      } else if (event.key === "Enter" && marked && marked.dataset.trial) {
        showTrial(marked.dataset.trial);
      } else if (event.key === "Escape") {
        hide();
      }
    });
    chart.addEventListener("blur", hide);
  }
  // The browser's own tips would cover ours.
  for (const title of document.querySelectorAll("svg.ray-nas-chart title")) {
    tips.set(title.parentElement, title.textContent);
    title.remove();
  }

  // While the search runs: a newer page, once there is one.
  const seconds = Number(document.body.dataset.refresh);
  if (seconds) {
    let version = null;
    setInterval(async () => {
      const found = await fetch("version").then((answer) => answer.text()).catch(() => null);
      if (version && found && found !== version) location.reload();
      version = found || version;
    }, 1000 * seconds);
  }
})();
