// Parts that come when they are wanted: a row's detail when it is opened, an explanation when it is on the page.
import { hoverCharts } from "./charts.js";
import { bindForms } from "./forms.js";

const load = async (place, into) => {
  if (place.dataset.loaded !== undefined) return;
  place.dataset.loaded = "";
  into.setAttribute("aria-busy", "true");
  const before = [...into.childNodes];
  if (place.dataset.loading) into.textContent = place.dataset.loading;
  try {
    const answer = await fetch(place.dataset.load, { headers: { Accept: "text/html" }, redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 401) { location.reload(); return; }
    if (!answer.ok) throw new Error(String(answer.status));
    into.replaceChildren(document.createRange().createContextualFragment(await answer.text()));
    hoverCharts(into);
    bindForms(into);
    bindLoads(into);
  } catch {
    delete place.dataset.loaded;
    into.replaceChildren(...before);
  } finally {
    into.removeAttribute("aria-busy");
  }
};

export const bindLoads = (part) => {
  for (const place of part.querySelectorAll("[data-load]:not([data-waits])")) {
    place.dataset.waits = "";
    if (!place.matches("details")) { load(place, place); continue; }
    const into = place.querySelector(":scope > :not(summary)");
    place.addEventListener("toggle", () => { if (place.open) load(place, into); });
    if (place.open) load(place, into);
  }
};
