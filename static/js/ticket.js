/* The ticket: what the order would be, asked for anew after each change and every other second. */
(function () {
  "use strict";

  const EVERY_MS = 2000;
  const TYPING_MS = 250;
  const AWAY_MS = 5000;

  function start() {
    const form = document.getElementById("ticket");
    if (!form) return;
    const place = document.getElementById("ticket-now");
    let asked = 0;
    let timer = 0;

    async function ask() {
      const turn = ++asked;
      clearTimeout(timer);
      let wait = EVERY_MS;
      if (!document.hidden) {
        try {
          const answer = await fetch(form.dataset.now, { method: "POST", body: new FormData(form) });
          if (turn !== asked) return;
          if (answer.redirected || answer.status === 403) {
            window.hub.isOver();
            return;
          }
          if (answer.ok) {
            show(place, await answer.text());
            window.hub.isNow();
          } else wait = AWAY_MS;
        } catch (error) {
          wait = AWAY_MS; /* The hub is away for a moment. */
        }
        if (wait === AWAY_MS) window.hub.isAway();
      }
      if (turn === asked) timer = setTimeout(ask, wait);
    }

    form.addEventListener("input", () => {
      asked += 1;
      clearTimeout(timer);
      timer = setTimeout(ask, TYPING_MS);
      fitKind(form);
    });
    form.addEventListener("submit", () => {
      asked += 1;
      clearTimeout(timer);
    });
    window.addEventListener("pageshow", () => fitKind(form));
    fitKind(form);
    timer = setTimeout(ask, EVERY_MS);
  }

  /* Only the prices that this kind of order has. */
  function fitKind(form) {
    const kind = form.elements.kind.value;
    form.querySelectorAll("[data-kinds]").forEach((field) => {
      field.hidden = !field.dataset.kinds.split(" ").includes(kind);
    });
    const until = form.elements.expires_at;
    if (until && until.closest(".field")) until.closest(".field").hidden = form.elements.duration.value !== "gtd";
  }

  /* Only what changed is replaced; a figure that changed is flashed once. */
  function show(place, text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    fresh.querySelectorAll("[data-part]").forEach((part) => {
      const old = place.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!old || old.innerHTML === part.innerHTML) return;
      const isOpen = old.querySelector("details[open]") !== null;
      const before = Array.from(old.querySelectorAll("dd.figure-value"), (figure) => figure.textContent);
      old.innerHTML = part.innerHTML;
      old.querySelectorAll("details").forEach((details) => (details.open = isOpen));
      old.querySelectorAll("dd.figure-value").forEach((figure, n) => {
        if (before[n] !== figure.textContent) figure.classList.add("is-changed");
      });
    });
    const quote = fresh.querySelector("[data-part=quote]");
    document.querySelectorAll("#ticket [data-price]").forEach((price) => {
      price.textContent = (quote && quote.dataset[price.dataset.price]) || "–";
    });
  }

  document.addEventListener("DOMContentLoaded", start);
})();
