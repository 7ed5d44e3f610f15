/*
 * The script of the page of tlsward report --html: a link to what is folded unfolds it.
 * Without it the page is complete, and most browsers do as much by themselves.
 *
 * There is no "less than" in it, and no ampersand: HTML and XML then read it alike.
 *
 * SPDX-License-Identifier: ISC
 */
"use strict";
(function () {
  function unfold() {
    var target = document.getElementById(location.hash.slice(1));
    var around = target === null ? null : target.closest("details");
    if (around === null) { return; }
    around.open = true;
    target.scrollIntoView();
  }
  window.addEventListener("hashchange", unfold);
  unfold();
}());
