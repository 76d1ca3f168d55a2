// What the pages do beyond HTML and htmx. Everything can be read without it.
"use strict";

(() => {
  const root = document.documentElement;
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches);

  const label = (button) => {
    button.textContent = dark() ? "Light" : "Dark";
    button.setAttribute("aria-label", dark() ? "Use light colours" : "Use dark colours");
  };

  const toggleTheme = (button) => {
    root.dataset.theme = dark() ? "light" : "dark";
    const year = 365 * 24 * 3600;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `ticket-theme=${root.dataset.theme}; Path=/; Max-Age=${year}; SameSite=Lax${secure}`;
    label(button);
  };

  const copy = async (button) => {
    const text = button.parentElement.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  };

  // Which tickets to compare is part of the address, so the links that keep it follow the boxes.
  const compare = () => {
    const chosen = [...document.querySelectorAll("input[name=tickets]:checked")];
    const button = document.querySelector("[data-compare]");
    if (button) button.disabled = chosen.length < 2;
  };

  const prepare = (part) => {
    for (const button of part.querySelectorAll("[data-theme-toggle]")) {
      button.hidden = false;
      label(button);
    }
    for (const button of part.querySelectorAll("[data-copy]")) button.hidden = false;
    compare();
  };

  // On a phone the filters are folded away; without scripts they stay open.
  if (matchMedia("(max-width: 40rem)").matches) {
    for (const filters of document.querySelectorAll("details.filters")) filters.open = false;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.matches("[data-theme-toggle]")) toggleTheme(button);
    if (button?.matches("[data-copy]")) copy(button);
  });
  document.addEventListener("change", compare);
  const reachable = (yes) => { document.getElementById("unreachable").hidden = yes; };
  document.addEventListener("htmx:sendError", () => reachable(false));
  document.addEventListener("htmx:afterOnLoad", () => reachable(true));
  document.addEventListener("htmx:afterSettle", (event) => prepare(event.detail.elt));
  prepare(document);
})();
