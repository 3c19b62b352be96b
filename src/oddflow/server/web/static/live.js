// Live parts: one stream tells that something changed, and each part that speaks of it is fetched again.
import { hoverCharts, looksAt } from "./charts.js";
import { bindForms } from "./forms.js";
import { bindLoads } from "./load.js";

const EVENTS = ["incident", "alert", "status", "notice"];
const WAIT_MS = 250;
const LEAST_APART_MS = 1000;
const POLL_MS = 5000;
const LOST_MS = 6000;

const title = document.title;
let fresh = 0;

const tell = (state, words) => {
  const place = document.getElementById("link-state");
  if (!place || place.dataset.state === state) return;
  place.dataset.state = state;
  place.querySelector(".words").textContent = words;
};

/** Where the person is in the middle of something, a part waits. */
const busy = (part) => {
  const focused = document.activeElement;
  const typing = focused && part.contains(focused) && focused.matches("input, textarea, select");
  const selected = !getSelection().isCollapsed && part.contains(getSelection().anchorNode);
  return typing || selected || looksAt(part) || part.querySelector("details[data-menu][open]") !== null;
};

/** A way back to an element after its part was fetched again. */
const handle = (element) => {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const named = element.closest("[data-id]");
  const tag = element.tagName.toLowerCase();
  if (named) return `[data-id="${CSS.escape(named.dataset.id)}"]${named === element ? "" : ` ${tag}`}`;
  return element.getAttribute("href") ? `${tag}[href="${CSS.escape(element.getAttribute("href"))}"]` : null;
};

const swap = (part, html) => {
  const known = new Set([...part.querySelectorAll("[data-id]")].map((one) => one.dataset.id));
  const open = [...part.querySelectorAll("details[open][id]")].map((one) => one.id);
  const focused = part.contains(document.activeElement) ? handle(document.activeElement) : null;
  const scrolls = [...part.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
  const made = document.createRange().createContextualFragment(html);
  // What was opened stays as it is, with all that was loaded into it.
  for (const id of open) {
    const [before, after] = [document.getElementById(id), made.getElementById(id)];
    if (after && before.dataset.load !== undefined) after.replaceWith(before);
    else if (after) after.open = true;
  }
  part.replaceChildren(made);
  part.querySelectorAll(".scroll").forEach((one, at) => { one.scrollLeft = scrolls[at] || 0; });
  if (known.size || part.dataset.marks !== undefined) {
    for (const one of part.querySelectorAll("[data-id]")) {
      if (known.has(one.dataset.id)) continue;
      one.classList.add("fresh");
      if (one.dataset.counts !== undefined) fresh += 1;
    }
  }
  hoverCharts(part);
  bindForms(part);
  bindLoads(part);
  const target = focused && part.querySelector(focused);
  if (target) target.focus({ preventScroll: true });
  if (document.hidden && fresh) document.title = `(${fresh}) ${title}`;
};

class Part {
  constructor(element) {
    this.element = element;
    this.events = new Set(element.dataset.live.split(/\s+/));
    this.apart = Number(element.dataset.apart || LEAST_APART_MS);
    this.last = performance.now();
    this.timer = 0;
    this.etag = null;
  }

  ask() {
    if (this.timer) return;
    const wait = Math.max(WAIT_MS, this.last + this.apart - performance.now());
    this.timer = setTimeout(() => this.fetch(), wait);
  }

  async fetch() {
    this.timer = 0;
    if (busy(this.element)) { this.timer = setTimeout(() => this.fetch(), LEAST_APART_MS); return; }
    this.last = performance.now();
    try {
      const answer = await fetch(this.element.dataset.from, { headers: { Accept: "text/html" }, redirect: "manual" });
      if (answer.type === "opaqueredirect" || answer.status === 401) { location.reload(); return; }
      if (!answer.ok) return;
      const html = await answer.text();
      if (html === this.etag || busy(this.element)) return;
      this.etag = html;
      swap(this.element, html);
    } catch { /* the stream tells when the service is back */ }
  }
}

export const follow = (address) => {
  const parts = [...document.querySelectorAll("[data-live][data-from]")].map((element) => new Part(element));
  const ask = (event) => parts.forEach((part) => { if (part.events.has(event)) part.ask(); });
  const all = () => parts.forEach((part) => part.ask());

  let stream = null;
  let heard = false;
  let poll = 0;
  let lost = 0;
  const back = () => {
    clearTimeout(lost);
    clearInterval(poll);
    poll = lost = 0;
    tell("live", "live");
  };
  const open = () => {
    stream = new EventSource(address);
    stream.addEventListener("open", () => {
      if (heard) all();
      heard = true;
      back();
    });
    stream.addEventListener("reset", all);
    stream.addEventListener("goodbye", () => { stream.close(); setTimeout(all, LEAST_APART_MS); setTimeout(open, LOST_MS); });
    for (const event of EVENTS) stream.addEventListener(event, () => { back(); ask(event); });
    stream.addEventListener("error", () => {
      if (!lost) {
        lost = setTimeout(() => {
          tell("lost", "connection lost; trying again");
          if (!poll) poll = setInterval(all, POLL_MS);
        }, LOST_MS);
      }
      // An answer that is no stream ends it for good: begin anew.
      if (stream.readyState === EventSource.CLOSED) setTimeout(open, LOST_MS);
    });
  };
  open();

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    fresh = 0;
    document.title = title;
  });
  addEventListener("pagehide", () => stream.close());
  addEventListener("pageshow", (event) => { if (event.persisted) open(); });
};
