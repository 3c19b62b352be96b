// Colours: the system's, dark, light; the choice is remembered in this browser.
const NEXT = { auto: "dark", dark: "light", light: "auto" };

export const bindTheme = () => {
  const button = document.getElementById("theme");
  const root = document.documentElement;
  const chosen = () => root.dataset.theme || "auto";
  const name = () => {
    button.querySelector(".words").textContent = chosen();
    const told = `Colours: ${chosen()}; change to ${NEXT[chosen()]}`;
    button.setAttribute("aria-label", told);
    button.title = told;
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = NEXT[chosen()];
    if (next === "auto") delete root.dataset.theme; else root.dataset.theme = next;
    try { localStorage.setItem("oddflow-theme", next); } catch { /* a private window */ }
    name();
  });
  name();
};
