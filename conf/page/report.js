/*
 * The script of the page of tlsward report --html: tables are sorted by their columns,
 * and on paper all is open. Without it the page is complete.
 *
 * A cell's attribute data-v is what it is sorted by, else its text. There is no "less
 * than" in it, and no ampersand: HTML and XML then read it alike.
 *
 * SPDX-License-Identifier: ISC
 */
"use strict";
(function () {
  function valueOf(row, column) {
    var cell = row.cells[column];
    var value = cell.getAttribute("data-v");
    return value === null ? cell.textContent.trim().toLowerCase() : Number(value);
  }
  function compare(a, b) {
    if (a > b) { return 1; }
    return b > a ? -1 : 0;
  }
  function sort(table, head, column) {
    var body = table.tBodies[0];
    var numeric = head.classList.contains("number");
    var now = head.getAttribute("aria-sort");
    var order = now === null ? (numeric ? "descending" : "ascending") :
        now === "ascending" ? "descending" : "ascending";
    var sign = order === "ascending" ? 1 : -1;
    var rows = Array.from(body.rows);
    rows.sort(function (a, b) {
      return sign * compare(valueOf(a, column), valueOf(b, column));
    });
    rows.forEach(function (row) { body.appendChild(row); });
    Array.from(head.parentNode.cells).forEach(function (cell) {
      cell.removeAttribute("aria-sort");
    });
    head.setAttribute("aria-sort", order);
  }
  function prepare(table) {
    if (2 > table.tBodies[0].rows.length) { return; }
    Array.from(table.tHead.rows[0].cells).forEach(function (head, column) {
      var button = document.createElement("button");
      button.type = "button";
      button.title = "Sort by this column";
      while (head.firstChild) { button.appendChild(head.firstChild); }
      head.appendChild(button);
      button.addEventListener("click", function () {
        sort(table, head, column);
      });
    });
  }
  document.querySelectorAll("table.sortable").forEach(prepare);
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (one) {
      one.open = true;
    });
  });
}());
