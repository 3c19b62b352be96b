// Details of charts: their own titles, shown at once, by pointer or by the arrow keys.
let shown = null;
const tip = document.getElementById("tip");

const hide = () => {
  if (shown) shown.classList.remove("at");
  shown = null;
  tip.hidden = true;
};

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

/** Makes the charts within a part of the page tell their values; once for each. */
export const hoverCharts = (part) => {
  for (const title of part.querySelectorAll(".hit > title")) {
    title.parentNode.dataset.tip = title.textContent;
    if (title.parentNode.matches("a")) title.parentNode.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  for (const chart of part.querySelectorAll("svg.chart:not([data-hovers])")) {
    chart.dataset.hovers = "";
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
      const mark = marks[at < 0 ? (step > 0 ? marks.length - 1 : 0) : (at + step + marks.length) % marks.length];
      const box = mark.getBoundingClientRect();
      show(mark, box.right, box.top);
    });
    chart.addEventListener("blur", hide);
  }
};

/** Whether a person looks at a value within this part right now. */
export const looksAt = (part) => shown !== null && part.contains(shown);

addEventListener("scroll", hide, { passive: true });
