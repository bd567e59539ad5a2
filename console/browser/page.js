"use strict";
// Text on the desk may come from outside: no address in it is ever opened.
window.open = () => null;

// The token: behind the # of the address that was printed, or typed. It is kept for this tab alone.
const KEPT = "tickdesk";
let token = location.hash.slice(1) || sessionStorage.getItem(KEPT) || "";
if (location.hash) history.replaceState(null, "", location.pathname + location.search);
window.addEventListener("hashchange", () => location.reload());

function told() {
  const letters = btoa(String.fromCharCode(...new TextEncoder().encode(token)));
  return "token." + letters.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// The terminal opens its WebSocket by itself: the token goes along.
window.WebSocket = class extends WebSocket {
  constructor(url) {
    super(url, ["tickdesk", told()]);
  }
};

function showTerminal() {
  const place = document.getElementById("terminal");
  place.dataset.sessionWebsocketUrl = location.origin.replace(/^http/, "ws") + "/ws";
  const script = document.createElement("script");
  script.src = "/static/js/textual.js";
  script.addEventListener("load", () => window.onload()); // it begins when a page is loaded; this one is
  document.head.append(script);
}

async function enter() {
  const asked = document.getElementById("asked");
  const said = document.getElementById("said");
  try {
    const asking = { method: "POST", headers: { Authorization: `Bearer ${told()}` } };
    const answer = token ? await fetch("/ask", asking) : null;
    if (answer && answer.ok) {
      sessionStorage.setItem(KEPT, token);
      asked.hidden = true;
      showTerminal();
      return;
    }
    said.textContent = answer ? await answer.text() : "";
  } catch {
    said.textContent = "tickdesk serve does not answer: does it run?";
  }
  asked.hidden = false;
  document.getElementById("token").focus();
}

document.title = `tickdesk ${location.host}`; // of several desks, which one

window.addEventListener("load", () => {
  document.getElementById("again").addEventListener("click", () => location.reload());
  document.getElementById("asked").addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = document.getElementById("token");
    token = typed.value.trim();
    typed.value = "";
    enter();
  });
  // Keys go to the desk at once, without a click; at its end to the button.
  new MutationObserver(() => {
    const input = document.querySelector(".xterm-helper-textarea");
    if (document.body.classList.contains("-closed")) document.getElementById("again").focus();
    else if (document.body.classList.contains("-first-byte") && input) input.focus();
  }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  enter();
});
