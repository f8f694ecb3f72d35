// Glue between htmx, the one <dialog> and the toasts. Everything else is plain HTML.

const FOCUS = ["[aria-invalid=true]", "input[autofocus]", "[aria-selected=true]", "[autofocus]"];

let behind = ""; // the address of the page behind the dialog
let opener = ""; // id of what opened it, which gets the focus back
let pushed = false; // whether opening it added an entry to the history
let returning = false; // our own history.back() is under way

const dialog = () => document.getElementById("dialog");
const here = () => location.pathname + location.search;

function show() {
  const box = dialog();
  const [wrong, ...others] = FOCUS.map((selector) => box.querySelector(selector));
  if (!box.matches(":modal")) {
    box.removeAttribute("open"); // it came open from the server, for browsers without scripts
    box.showModal();
    if (!box.querySelector("[autofocus]")) document.getElementById("dialog-title").focus();
  } else if (wrong || !document.getElementById("dialog-content").contains(document.activeElement)) {
    (wrong ?? others.find(Boolean))?.focus();
  }
}

/** A page that was loaded with its dialog's address shows it at once. */
function adopt() {
  if (!dialog()?.open) return;
  ({ behind } = dialog().dataset);
  pushed = false;
  show();
}

function closed() {
  for (const note of dialog().querySelectorAll(".toast")) toasts().append(note);
  document.getElementById("dialog-content").replaceChildren();
  if (here() !== behind) {
    returning = pushed;
    if (pushed) history.back();
    else history.replaceState(history.state, "", behind);
  }
  document.getElementById(opener)?.focus();
}

// A modal dialog makes the rest of the page silent, so it has a region of its own.
function toasts() {
  return (dialog().open ? dialog() : document).querySelector(":scope > .toasts, body > .toasts");
}

function toast(text, level) {
  const note = document.createElement("p");
  note.className = `toast ${level}`;
  note.textContent = text;
  toasts().append(note);
  expire(note);
}

const expire = (note) => setTimeout(() => note.remove(), note.matches(".error") ? 12_000 : 6_000);

document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (detail.target !== document.getElementById("dialog-content") || dialog().open) return;
  behind = here();
  opener = detail.elt.id;
  pushed = true;
});

// Not afterSwap: htmx moves the focus by itself until then.
document.addEventListener("htmx:afterSettle", ({ detail }) => {
  if (detail.target?.id === "dialog-content" && detail.target.childElementCount) show();
});

document.addEventListener("htmx:responseError", ({ detail }) => {
  const id = detail.xhr.getResponseHeader("X-Request-Id");
  toast(`That did not work (${detail.xhr.status}).${id ? ` Request ${id}` : ""}`, "error");
});

document.addEventListener("htmx:sendError", () => toast("The server cannot be reached.", "error"));
document.addEventListener("htmx:historyRestore", adopt);
document.addEventListener("dialog:close", () => dialog().close());
document.addEventListener("toast", ({ detail }) => toast(detail.text, detail.level));
document.addEventListener("close", ({ target }) => target === dialog() && closed(), true);

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-close]")) return;
  event.preventDefault();
  dialog().close();
});

// Before htmx hears of it: going back to the page behind the dialog only needs the dialog closed.
window.addEventListener("popstate", (event) => {
  if (returning) {
    returning = false;
    event.stopImmediatePropagation();
  } else if (dialog().open && here() === behind) {
    event.stopImmediatePropagation();
    dialog().close();
  }
});

adopt();
document.querySelectorAll(".toast").forEach(expire);
