/* Parts marked data-live (seconds, and an id) are kept as the page would now be: asked for anew, and only
   what changed is replaced. A part in which the focus, a selection or an opened detail stands is left alone. */
(function () {
  "use strict";

  const AWAY_MS = 5000;

  function parts() {
    return Array.from(document.querySelectorAll("[data-live][id]"));
  }

  function later(more) {
    const seconds = parts().map((part) => Number(part.dataset.live)).filter((number) => number > 0);
    if (seconds.length) setTimeout(look, Math.min(...seconds) * 1000 + (more || 0));
  }

  async function look() {
    let more = 0;
    if (!document.hidden) {
      try {
        const answer = await fetch(window.location.href);
        if (answer.redirected || answer.status === 404) return;
        if (answer.ok) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
        else more = AWAY_MS;
      } catch (error) {
        more = AWAY_MS; /* The hub is away for a moment: ask again. */
      }
    }
    later(more);
  }

  function swap(fresh) {
    parts().forEach((part) => {
      const now = fresh.getElementById(part.id);
      if (!now || part.innerHTML === now.innerHTML) {
        if (now) part.dataset.live = now.dataset.live || "0";
        return;
      }
      if (isInUse(part)) return;
      const before = Array.from(part.querySelectorAll("td, dd"), (cell) => cell.textContent);
      part.innerHTML = now.innerHTML;
      part.dataset.live = now.dataset.live || "0";
      part.querySelectorAll("td, dd").forEach((cell, n) => {
        if (before[n] !== cell.textContent) cell.classList.add("is-changed");
      });
    });
  }

  function isInUse(part) {
    const selection = window.getSelection();
    const isSelected = selection && !selection.isCollapsed && part.contains(selection.anchorNode);
    return part.contains(document.activeElement) || isSelected || part.querySelector("details[open], tr.is-open") !== null;
  }

  document.addEventListener("DOMContentLoaded", () => later(0));
})();
