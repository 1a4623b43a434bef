/* The frame's keys: "/" searches, "g" and a letter goes, Esc closes, arrows and Enter walk a table.
   Parts marked data-refresh are asked for anew while a worker is busy. */
(function () {
  "use strict";

  const GO_WAITS_MS = 1500;
  const REFRESH_MS = 1000;
  let goUntil = 0;

  /* Above what follows by itself: that it is old, and why; nothing takes that away again. */
  function tellOld(why) {
    let note = document.getElementById("is-old");
    if (!why) {
      if (note) note.remove();
      return;
    }
    if (!note) {
      note = document.createElement("p");
      note.id = "is-old";
      note.className = "notice notice-warning is-old";
      note.setAttribute("role", "status");
      document.querySelector("[data-live], #ticket").before(note);
    }
    note.textContent = `What stands here is old: ${why}`;
  }
  window.hub = {
    isNow: () => tellOld(""),
    isAway: () => tellOld("the hub does not answer. It is asked again."),
    isOver: () => tellOld("it is not followed any more. Reload the page."),
  };

  function isTyping(target) {
    return target.closest("input, textarea, select, [contenteditable='true']") !== null;
  }

  function goKeys() {
    const data = document.getElementById("go-keys");
    return data ? JSON.parse(data.textContent) || {} : {};
  }

  function search() {
    const own = document.getElementById("searchbar");
    if (own) {
      own.focus();
    } else {
      window.dispatchEvent(new CustomEvent("opencommand"));
    }
  }

  function onKey(event) {
    if (event.key === "Escape") {
      closeOpened();
      return;
    }
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) {
      return;
    }
    if (Date.now() < goUntil) {
      goUntil = 0;
      const found = goKeys()[event.key];
      if (found) {
        event.preventDefault();
        window.location.assign(found.address);
      }
    } else if (event.key === "g") {
      goUntil = Date.now() + GO_WAITS_MS;
    } else if (event.key === "/") {
      event.preventDefault();
      search();
    } else if (event.key === "?") {
      showKeys();
    }
  }

  function closeOpened() {
    document.querySelectorAll("details.menu[open]").forEach((one) => one.removeAttribute("open"));
    const keys = document.getElementById("hub-keys");
    if (keys) keys.close();
  }

  function showKeys() {
    let dialog = document.getElementById("hub-keys");
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.id = "hub-keys";
      dialog.setAttribute("aria-label", "Keys");
      const list = document.createElement("dl");
      const rows = [["/", "Search"], ["?", "This list"], ["Esc", "Close"], ["↑ ↓ Enter", "Walk a table"]];
      Object.entries(goKeys()).forEach(([key, to]) => rows.push(["g " + key, to.label]));
      rows.forEach(([key, label]) => {
        const term = document.createElement("dt");
        const keyBox = document.createElement("kbd");
        keyBox.textContent = key;
        term.append(keyBox);
        const text = document.createElement("dd");
        text.textContent = label;
        list.append(term, text);
      });
      dialog.append(list);
      dialog.addEventListener("click", () => dialog.close());
      document.body.append(dialog);
    }
    dialog.showModal();
  }

  /* The theme's own click-only elements (theme switch, user menu): reachable by Tab, Enter and Space. */
  function reachByKeyboard(root) {
    root.querySelectorAll("span[x-on\\:click], div[x-on\\:click], a[x-on\\:click]:not([href])").forEach((element) => {
      if (element.hasAttribute("tabindex") || element.querySelector("button, a[href], input")) return;
      element.tabIndex = 0;
      element.setAttribute("role", "button");
      const icon = element.querySelector(".material-symbols-outlined");
      if (icon && !element.getAttribute("aria-label") && element.textContent.trim() === icon.textContent.trim()) {
        element.setAttribute("aria-label", icon.textContent.trim().replaceAll("_", " "));
      }
      element.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          element.click();
        }
      });
    });
  }

  /* The theme's boxes that say what they are for only while they are empty. */
  function nameBoxes(root) {
    root.querySelectorAll("input[placeholder]:not([aria-label]):not([aria-labelledby])").forEach((box) => {
      if (box.labels.length === 0) box.setAttribute("aria-label", box.placeholder);
    });
  }

  /* Arrows move the focus between the rows of a table, Enter follows the row's first link. */
  function walkTable(event) {
    const row = event.target.closest("table.data-table tbody tr[tabindex]");
    if (!row || event.target !== row) return;
    const to = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling }[event.key];
    if (to) {
      event.preventDefault();
      to.focus();
    } else if (event.key === "Enter") {
      const link = row.querySelector("a[href]");
      if (link) link.click();
      else row.classList.toggle("is-open");
    }
  }

  /* A form marked data-confirm is sent by who says yes to its question; before anybody else hears of it. */
  function askFirst(event) {
    const question = event.target.dataset.confirm;
    if (!question || window.confirm(question)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  /* Controls marked data-submit send their form at once; a form sent is not sent twice. */
  function onChange(event) {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  }

  function onSubmit(event) {
    const form = event.target;
    form.querySelectorAll("[data-drop-empty]").forEach((field) => {
      if (!field.value) field.disabled = true;
    });
    if (form.method !== "post" || !form.closest(".page")) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    form.querySelectorAll("button[type=submit]").forEach((button) => button.setAttribute("aria-disabled", "true"));
  }

  /* On a phone a row is a card; a tap shows the values it leaves out. */
  function openCard(event) {
    const row = event.target.closest("table.data-table tbody tr");
    if (row && !event.target.closest("a, button, input")) row.classList.toggle("is-open");
  }

  function onClick(event) {
    openCard(event);
    if (event.target.closest("[data-print]")) window.print();
    document.querySelectorAll("details.menu[open]").forEach((one) => {
      if (!one.contains(event.target)) one.removeAttribute("open");
    });
  }

  /* The part anew every second while a worker is busy; the whole page once it is done, or gone. */
  function refreshLater(part) {
    setTimeout(async () => {
      let busy = true;
      try {
        const answer = await fetch(part.dataset.refresh);
        if (answer.status === 404) busy = false;
        if (answer.ok && !answer.redirected) {
          busy = answer.headers.get("X-Busy") === "1";
          if (busy) part.innerHTML = await answer.text();
        }
      } catch (error) {
        /* The hub is away for a moment: ask again. */
      }
      if (busy) refreshLater(part);
      else window.location.reload();
    }, REFRESH_MS);
  }

  function watchWorkers() {
    document.querySelectorAll("[data-refresh]").forEach((part) => {
      if (part.querySelector("progress")) refreshLater(part);
    });
  }

  document.addEventListener("keydown", onKey);
  document.addEventListener("keydown", walkTable);
  document.addEventListener("change", onChange);
  document.addEventListener("submit", askFirst, true);
  document.addEventListener("submit", onSubmit);
  document.addEventListener("click", onClick);
  document.addEventListener("DOMContentLoaded", () => {
    reachByKeyboard(document);
    nameBoxes(document);
  });
  document.addEventListener("DOMContentLoaded", watchWorkers);
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("[data-drop-empty]").forEach((field) => (field.disabled = false));
    document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
  });
})();
