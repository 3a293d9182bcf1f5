"use strict";
(() => {
  // The search fields over the tables. All else of the page needs no script.

  const root = document.documentElement;
  const number = (value) => value.toLocaleString(root.lang);

  function searchable(input) {
    const table = document.getElementById(input.dataset.table);
    const found = input.closest("p").querySelector("[aria-live]");
    const rows = [...table.tBodies[0].rows].map((row) => ({ row, text: row.textContent.toLowerCase() }));
    const show = () => {
      const wanted = input.value.trim().toLowerCase();
      let shown = 0;
      for (const { row, text } of rows) {
        row.hidden = !text.includes(wanted);
        shown += row.hidden ? 0 : 1;
      }
      const filled = () => table.dataset.shown.replace("{shown}", number(shown)).replace("{all}", number(rows.length));
      found.textContent = wanted ? filled() : "";
    };
    input.addEventListener("input", show);
    show();
  }

  document.querySelectorAll("input[data-table]").forEach(searchable);
  root.dataset.state = "ready";
})();
