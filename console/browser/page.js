"use strict";
// Text on the desk may come from outside: no address in it is ever opened.
window.open = () => null;

document.addEventListener("DOMContentLoaded", () => {
  document.getElementById("again").addEventListener("click", () => window.location.reload());
  // Keys go to the desk at once, without a click.
  new MutationObserver(() => {
    const input = document.querySelector(".xterm-helper-textarea");
    if (document.body.classList.contains("-first-byte") && input) input.focus();
  }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
});
