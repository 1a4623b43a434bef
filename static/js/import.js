/* The import page: drop files, watch the upload, show what a table becomes. hub.js looks how far a worker is. */
(function () {
  "use strict";

  function start() {
    const zone = document.getElementById("drop-zone");
    if (zone) listen(zone);
    const columns = document.getElementById("columns-form");
    if (columns) showFirstRows(columns, document.getElementById("first-rows"));
  }

  function listen(zone) {
    const field = zone.querySelector("input[type=file]");
    field.hasChangeListener = true; // the theme's own listener looks for its own markup around the field
    field.addEventListener("change", () => field.files.length && send(zone, field.files));
    ["dragenter", "dragover"].forEach((name) =>
      zone.addEventListener(name, (event) => {
        event.preventDefault();
        zone.classList.add("is-over");
      }),
    );
    zone.addEventListener("dragleave", (event) => {
      if (!zone.contains(event.relatedTarget)) zone.classList.remove("is-over");
    });
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("is-over");
      if (event.dataTransfer.files.length) send(zone, event.dataTransfer.files);
    });
  }

  function send(zone, files) {
    if (zone.dataset.sent) return;
    zone.dataset.sent = "1";
    const body = new FormData(zone);
    body.delete("files");
    Array.from(files).forEach((file) => body.append("files", file, file.name));
    const request = new XMLHttpRequest();
    request.open("POST", zone.action);
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", showProgress);
    request.addEventListener("load", () => finish(zone, request));
    request.addEventListener("error", () => fail(zone, "The upload broke off: the files are too large together, or the hub does not answer. Nothing was kept."));
    request.send(body);
  }

  function showProgress(event) {
    const bar = document.getElementById("upload-progress");
    bar.hidden = false;
    if (event.lengthComputable) bar.firstElementChild.style.width = (100 * event.loaded) / event.total + "%";
  }

  function finish(zone, request) {
    let answer = {};
    try {
      answer = JSON.parse(request.responseText);
    } catch (error) {
      answer = { error: "The hub answered " + request.status + "; please log in again or try later." };
    }
    if (answer.address) {
      window.location.assign(answer.address);
    } else {
      fail(zone, answer.error);
    }
  }

  function fail(zone, sentence) {
    delete zone.dataset.sent;
    zone.reset();
    document.getElementById("upload-progress").hidden = true;
    const place = document.getElementById("upload-error");
    place.textContent = sentence;
    place.hidden = false;
  }

  /* What the table's first rows become, as the form stands: at once, and after each choice. */
  function showFirstRows(form, place) {
    let asked = 0;
    async function ask() {
      const turn = ++asked;
      place.setAttribute("aria-busy", "true");
      const answer = await fetch(place.dataset.address, { method: "POST", body: new FormData(form) });
      const text = await answer.text();
      if (turn !== asked) return;
      place.removeAttribute("aria-busy");
      if (answer.ok) place.innerHTML = text;
    }
    form.addEventListener("change", ask);
    ask();
  }

  document.addEventListener("DOMContentLoaded", start);
})();
