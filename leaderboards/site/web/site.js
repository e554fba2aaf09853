// What only a leaderboard does: rows are shown or hidden by what their systems are.
(() => {
  "use strict";
  const filters = document.getElementById("filters");
  if (!filters) return;
  const selects = [...filters.querySelectorAll("select")];
  const name = document.getElementById("filter-name");
  const shown = document.getElementById("shown");
  const rows = [...document.querySelectorAll(".systems tbody tr")].map((row) => ({ row, name: row.querySelector("th").textContent.toLowerCase() }));
  const apply = () => {
    const wanted = selects.filter((one) => one.value).map((one) => [one.dataset.filter, one.value]);
    const part = name.value.trim().toLowerCase();
    let count = 0;
    for (const one of rows) {
      const kept = wanted.every(([key, value]) => one.row.dataset[key] === value) && one.name.includes(part);
      one.row.hidden = !kept;
      count += kept;
    }
    for (const table of document.querySelectorAll(".systems")) table.querySelector(".empty").hidden = !!table.querySelector("tbody tr:not([hidden])");
    shown.textContent = count === rows.length ? "" : `${count.toLocaleString("en")} of ${rows.length.toLocaleString("en")} systems are shown.`;
  };
  for (const select of selects) select.addEventListener("change", apply);
  name.addEventListener("input", apply);
  document.getElementById("clear").addEventListener("click", () => {
    for (const select of selects) select.value = "";
    name.value = "";
    apply();
  });
  filters.hidden = false;
  apply(); // a browser may have kept what was chosen before
})();
