// The keyboard: places after `g`, lists by `j` and `k`, search by `/`, help by `?`.
const SECOND_KEY_MS = 1200;

const typing = (target) => target.closest("input, textarea, select, [contenteditable], dialog");

export const bindKeys = () => {
  const dialog = document.getElementById("keys");
  if (!dialog) return;
  const help = document.getElementById("help");
  help.hidden = false;
  help.addEventListener("click", () => dialog.showModal());

  let since = -Infinity;
  const step = (by) => {
    const items = [...document.querySelectorAll("[data-item]")].filter((item) => item.offsetParent !== null);
    if (!items.length) return;
    const at = items.findIndex((item) => item.contains(document.activeElement));
    const next = items[at < 0 ? (by > 0 ? 0 : items.length - 1) : Math.max(0, Math.min(items.length - 1, at + by))];
    const target = next.matches("a, summary, button") ? next : next.querySelector("a[href], summary");
    target.focus();
    target.scrollIntoView({ block: "nearest" });
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.timeStamp - since < SECOND_KEY_MS) {
      since = -Infinity;
      const place = document.querySelector(`#places a[data-key="${CSS.escape(event.key)}"]`);
      if (place) { event.preventDefault(); location.assign(place.href); return; }
    }
    if (event.key === "g") { since = event.timeStamp; return; }
    if (event.key === "j" || event.key === "k") { event.preventDefault(); step(event.key === "j" ? 1 : -1); return; }
    if (event.key === "?") { event.preventDefault(); dialog.showModal(); return; }
    if (event.key === "/") {
      const field = document.querySelector("[data-search]");
      if (field) { event.preventDefault(); field.focus(); field.select(); }
    }
  });
};
