/* Parts marked data-live (seconds, and an id) are kept as the page would now be: asked for anew, and only
   what changed is changed, in its place. What a person opened, chose, typed or holds the focus of stands, and
   what is marked data-once, which is told but once. A page that a form answered with says by data-live-from
   where it stands. */
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

  function address() {
    const said = document.querySelector("[data-live-from]");
    return said ? said.dataset.liveFrom : window.location.href;
  }

  async function look() {
    let more = 0;
    if (!document.hidden) {
      try {
        const answer = await fetch(address());
        if (answer.redirected || answer.status === 403 || answer.status === 404) {
          window.hub.isOver();
          return;
        }
        if (answer.ok) {
          swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
          window.hub.isNow();
        } else more = AWAY_MS;
      } catch (error) {
        more = AWAY_MS; /* The hub is away for a moment: ask again. */
      }
      if (more) window.hub.isAway();
    }
    later(more);
  }

  function swap(fresh) {
    const focused = document.activeElement;
    parts().forEach((part) => {
      const now = fresh.getElementById(part.id);
      if (now) renew(part, now);
    });
    if (focused.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
  }

  function renew(node, now) {
    if (node.nodeType !== Node.ELEMENT_NODE) {
      if (node.nodeValue !== now.nodeValue) node.nodeValue = now.nodeValue;
      return;
    }
    if (node.matches("form[data-sent], [data-once]")) return; /* A form that is sent has its answer on the way. */
    const before = node.matches("td, dd") ? node.textContent : null;
    renewAttributes(node, now);
    renewChildren(node, now);
    if (before !== null && before !== node.textContent) flash(node);
  }

  function renewAttributes(node, now) {
    const isOpened = node.classList.contains("is-open");
    Array.from(node.attributes).forEach(({ name }) => {
      if (!now.hasAttribute(name) && !isPersons(node, name)) node.removeAttribute(name);
    });
    Array.from(now.attributes).forEach(({ name, value }) => {
      if (node.getAttribute(name) !== value && !isPersons(node, name)) node.setAttribute(name, value);
    });
    if (isOpened) node.classList.add("is-open");
  }

  function isPersons(node, name) {
    return name === "open" && node.matches("details");
  }

  function renewChildren(node, now) {
    const wanted = named(now.childNodes);
    const kept = new Map();
    named(node.childNodes).forEach((child, name) => {
      if (wanted.has(name)) kept.set(name, child);
      else child.remove();
    });
    let here = node.firstChild;
    wanted.forEach((fresh, name) => {
      const child = kept.get(name);
      if (child && child === here) here = child.nextSibling;
      else node.insertBefore(child || document.importNode(fresh, true), here);
      if (child) renew(child, fresh);
    });
  }

  /* Nodes by what tells each from its sisters: its id, where a row leads to; else the how many-th of its kind. */
  function named(nodes) {
    const found = new Map();
    const counts = new Map();
    nodes.forEach((node) => {
      const link = node.nodeName === "TR" ? node.querySelector("a[href]") : null;
      const kind = [node.nodeName, node.id || (link ? link.getAttribute("href") : "")].join(" ");
      const n = (counts.get(kind) || 0) + 1;
      counts.set(kind, n);
      found.set([kind, n].join(" "), node);
    });
    return found;
  }

  function flash(cell) {
    cell.classList.remove("is-changed");
    void cell.offsetWidth; /* Else the browser would not begin anew what it has just shown. */
    cell.classList.add("is-changed");
  }

  document.addEventListener("DOMContentLoaded", () => later(0));
})();
