// Forms: filters send what is filled in and nothing else; copying; buttons that are pressed once.

const copy = async (code) => {
  try { await navigator.clipboard.writeText(code.textContent); return true; } catch { /* not allowed here */ }
  const range = document.createRange();
  range.selectNodeContents(code);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
  return document.execCommand("copy");
};

export const bindForms = (part) => {
  for (const form of part.querySelectorAll("form[method='get']:not([data-bound])")) {
    form.dataset.bound = "";
    form.addEventListener("formdata", (event) => {
      for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
    });
    for (const choice of form.querySelectorAll("select[data-submit]")) {
      choice.addEventListener("change", () => form.requestSubmit());
    }
  }
  for (const form of part.querySelectorAll("form[method='post']:not([data-bound])")) {
    form.dataset.bound = "";
    form.addEventListener("submit", (event) => {
      const asked = event.submitter && event.submitter.dataset.confirm;
      if (asked && !confirm(asked)) { event.preventDefault(); return; }
      if (form.dataset.sent !== undefined) { event.preventDefault(); return; }
      form.dataset.sent = "";
    });
  }
  for (const each of part.querySelectorAll("[data-copy][hidden]")) {
    each.hidden = false;
    const name = each.textContent;
    each.addEventListener("click", async () => {
      each.textContent = (await copy(each.previousElementSibling)) ? "Copied" : "Selected";
      setTimeout(() => { each.textContent = name; }, 1600);
    });
  }
};

// A page that comes back from the browser's memory may send its forms again.
addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of document.querySelectorAll("[data-sent]")) delete form.dataset.sent;
});
