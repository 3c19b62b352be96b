"use strict";
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  // The theme: the reader's choice first, then the system's.
  const button = document.getElementById("theme");
  const stored = () => { try { return localStorage.getItem("oddflow-theme"); } catch { return null; } };
  const isDark = () => (root.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  const name = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Show in ${isDark() ? "light" : "dark"} colours`);
  };
  if (["dark", "light"].includes(stored())) root.dataset.theme = stored();
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("oddflow-theme", root.dataset.theme); } catch { /* private window */ }
    name();
  });
  dark.addEventListener("change", name);
  name();

  // Rows: all at once, and the one that a link names.
  const rows = document.querySelectorAll(".rows details");
  for (const [what, open] of [["[data-open]", true], ["[data-close]", false]]) {
    const all = document.querySelector(what);
    if (!all) continue;
    all.hidden = false;
    all.addEventListener("click", () => rows.forEach((row) => { row.open = open; }));
  }
  const openNamed = () => {
    const row = /^#(row-\d+|incident-[0-9a-f]+)$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    if (row && row.matches("details")) { row.open = true; row.scrollIntoView(); }
  };
  addEventListener("hashchange", openNamed);
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href^='#row-'], a[href^='#incident-']");
    if (link && link.getAttribute("href") === location.hash) openNamed();
  });
  openNamed();

  // Copying, also where the clipboard is closed to pages: then by selection.
  const copy = async (code) => {
    try { await navigator.clipboard.writeText(code.textContent); return true; } catch { /* not allowed here */ }
    const range = document.createRange();
    range.selectNodeContents(code);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    return document.execCommand("copy");
  };
  for (const each of document.querySelectorAll("[data-copy]")) {
    each.hidden = false;
    each.addEventListener("click", async () => {
      each.firstChild.data = (await copy(each.previousElementSibling)) ? "Copied" : "Selected";
      setTimeout(() => { each.firstChild.data = "Copy"; }, 1600);
    });
  }

  // Hover details: the charts' own titles, shown at once, by pointer or by the arrow keys.
  const tip = document.getElementById("tip");
  let shown = null;
  const hide = () => { if (shown) shown.classList.remove("at"); shown = null; tip.hidden = true; };
  const show = (mark, x, y) => {
    if (shown !== mark) {
      hide();
      shown = mark;
      mark.classList.add("at");
      tip.textContent = mark.dataset.tip;
      tip.hidden = false;
    }
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - box.width - 8))}px`;
    tip.style.top = `${y + 18 + box.height > innerHeight ? y - box.height - 10 : y + 18}px`;
  };
  for (const title of document.querySelectorAll(".hit > title")) {
    title.parentNode.dataset.tip = title.textContent;
    if (title.parentNode.matches("a")) title.parentNode.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  for (const chart of document.querySelectorAll("svg.chart")) {
    const marks = [...chart.querySelectorAll(".hit:not(a)")];
    chart.addEventListener("pointermove", (event) => {
      const mark = event.target.closest(".hit");
      if (mark) show(mark, event.clientX, event.clientY); else hide();
    });
    chart.addEventListener("pointerleave", hide);
    if (!marks.length) continue;
    chart.setAttribute("tabindex", "0");
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (event.key === "Escape") hide();
      if (!step || event.target !== chart) return;
      event.preventDefault();
      const at = marks.indexOf(shown);
      const mark = marks[at < 0 ? (step > 0 ? 0 : marks.length - 1) : (at + step + marks.length) % marks.length];
      const box = mark.getBoundingClientRect();
      show(mark, box.right, box.top);
    });
    chart.addEventListener("blur", hide);
  }
  addEventListener("scroll", hide, { passive: true });
})();
