// Sends a capture: by choosing or dropping it, with its progress, as the whole body of one request.
const size = (bytes) => {
  const units = ["B", "KB", "MB", "GB"];
  let power = 0;
  while (bytes >= 1000 && power < units.length - 1) { bytes /= 1000; power += 1; }
  return `${bytes.toFixed(power && bytes < 10 ? 1 : 0)} ${units[power]}`;
};

export const bindUpload = (form) => {
  form.hidden = false;
  const field = form.querySelector("#capture");
  const drop = form.querySelector("#drop");
  const words = drop.querySelector("span");
  const problem = form.querySelector("#send-problem");
  const sending = form.querySelector("#sending");
  const bar = form.querySelector("#progress");
  const sent = form.querySelector("#sent");
  const stop = form.querySelector("#stop");
  const send = form.querySelector("[type=submit]");
  const most = Number(form.dataset.mostBytes);

  const fail = (text) => { problem.textContent = text; problem.hidden = false; };
  const named = () => {
    const file = field.files[0];
    problem.hidden = true;
    words.textContent = file ? `${file.name}, ${size(file.size)}` : "or choose a file";
    drop.classList.toggle("chosen", Boolean(file));
    if (file && file.size > most) fail(`It is larger than ${size(most)}: send a part of it, or compress it.`);
  };
  field.addEventListener("change", named);
  for (const event of ["dragenter", "dragover"]) {
    drop.addEventListener(event, (given) => { given.preventDefault(); drop.classList.add("over"); });
  }
  for (const event of ["dragleave", "drop"]) drop.addEventListener(event, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (given) => {
    given.preventDefault();
    if (given.dataTransfer.files.length) { field.files = given.dataTransfer.files; named(); }
  });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const file = field.files[0];
    if (!file || file.size > most) return;
    const query = new URLSearchParams({ name: file.name, model: form.querySelector("#model").value });
    const request = new XMLHttpRequest();
    const over = () => { send.disabled = false; stop.hidden = true; sending.hidden = true; };
    request.open("POST", `/api/v1/uploads?${query}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-CSRF-Token", document.body.dataset.csrf);
    request.upload.addEventListener("progress", (told) => {
      bar.value = told.total ? told.loaded / told.total : 0;
      sent.textContent = `${size(told.loaded)} of ${size(told.total)}`;
    });
    request.addEventListener("load", () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* said below */ }
      if (request.status === 202) { location.assign(`/upload/${answer.id}`); return; }
      over();
      fail(answer.detail || `The service refused it (${request.status}).`);
    });
    request.addEventListener("error", () => { over(); fail("The connection broke; send it again."); });
    request.addEventListener("abort", () => { over(); fail("Stopped; nothing of it was kept."); });
    stop.onclick = () => request.abort();
    problem.hidden = true;
    sending.hidden = stop.hidden = false;
    send.disabled = true;
    request.send(file);
  });
};
