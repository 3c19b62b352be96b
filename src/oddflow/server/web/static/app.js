// What every page does: theme, menu, charts' details, keys, live parts.
import { hoverCharts } from "./charts.js";
import { bindForms } from "./forms.js";
import { bindKeys } from "./keys.js";
import { follow } from "./live.js";
import { bindLoads } from "./load.js";
import { tellAgo } from "./moments.js";
import { bindTheme } from "./theme_switch.js";

const menu = document.getElementById("menu");
if (menu) {
  const places = document.getElementById("places");
  const show = (open) => {
    menu.setAttribute("aria-expanded", String(open));
    places.classList.toggle("open", open);
  };
  menu.addEventListener("click", () => show(menu.getAttribute("aria-expanded") !== "true"));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.getAttribute("aria-expanded") === "true") { show(false); menu.focus(); }
  });
}

bindTheme();
bindKeys();
bindForms(document);
bindLoads(document);
hoverCharts(document);
tellAgo();
if (document.body.dataset.stream) follow(document.body.dataset.stream);
const send = document.getElementById("send");
if (send) (await import("./upload.js")).bindUpload(send);
