// What every page does: theme, sorting of tables, legends and tooltips of figures, moving to a section.
(() => {
  "use strict";
  const root = document.documentElement;
  const remembered = (value) => {
    try {
      if (value !== undefined) localStorage.setItem("sightscale-theme", value);
      return localStorage.getItem("sightscale-theme");
    } catch (error) {
      return null; // a browser that keeps nothing for files still shows the page
    }
  };
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  const toggle = document.getElementById("theme");
  const name = () => {
    toggle.textContent = dark() ? "Light" : "Dark";
    toggle.setAttribute("aria-label", dark() ? "Use light colours" : "Use dark colours");
  };
  if (["dark", "light"].includes(remembered())) root.dataset.theme = remembered();
  if (toggle) {
    name();
    toggle.hidden = false;
    toggle.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      remembered(root.dataset.theme);
      name();
    });
  }

  for (const table of document.querySelectorAll("table")) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = head.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending" || (!head.hasAttribute("aria-sort") && !head.classList.contains("text"));
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const text = head.classList.contains("text");
        const key = (row) => row.cells[column].dataset.sort;
        const rows = [...body.rows].map((row, at) => ({ row, at, key: key(row) }));
        rows.sort((one, two) => {
          if (!one.key !== !two.key) return one.key ? -1 : 1; // what is missing stays last
          const order = text ? (one.key || "").localeCompare(two.key || "") : Number(one.key) - Number(two.key);
          return (down ? -order : order) || one.at - two.at;
        });
        body.append(...rows.map((one) => one.row));
      });
    });
  }

  for (const figure of document.querySelectorAll("figure[data-series]")) {
    for (const button of figure.querySelectorAll(".legend button")) {
      button.addEventListener("click", () => {
        const shown = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(shown));
        for (const mark of figure.querySelectorAll(`[data-series="${Number(button.dataset.number)}"]`)) mark.classList.toggle("off", !shown);
      });
    }
  }

  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  document.addEventListener("pointermove", (event) => {
    const mark = event.target.closest ? event.target.closest(".mark") : null;
    tip.hidden = !mark;
    if (!mark) return;
    tip.textContent = mark.dataset.tip;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(innerWidth - box.width - 8, event.clientX + 14))}px`;
    tip.style.top = `${event.clientY + box.height + 24 > innerHeight ? event.clientY - box.height - 10 : event.clientY + 16}px`;
  });
  document.addEventListener("click", (event) => {
    const mark = event.target.closest ? event.target.closest(".mark[data-link]") : null;
    if (mark) location.hash = mark.dataset.link;
    const link = event.target.closest ? event.target.closest("nav a, .skip") : null;
    const section = link ? document.getElementById(link.getAttribute("href").slice(1)) : null;
    if (!section) return;
    event.preventDefault(); // the address keeps what the sample browser shows
    section.scrollIntoView();
    section.focus({ preventScroll: true });
  });
})();
