// Small comforts of forms. Each finds its work by a data attribute, also in what htmx brings later.

const byId = (id) => document.getElementById(id);

/** Show or hide what a password field holds. */
function reveal(button) {
  const field = byId(button.dataset.reveal);
  const shown = field.type === "password";
  field.type = shown ? "text" : "password";
  button.textContent = shown ? "Hide" : "Show";
  button.setAttribute("aria-pressed", shown);
}

async function copy(button) {
  const source = byId(button.dataset.copy) ?? visible(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = label), 2000);
  } catch {
    // Over plain http:// a browser gives no clipboard: select it, so that Ctrl+C does the rest.
    getSelection().selectAllChildren(source);
  }
}

const visible = (selector) =>
  [...document.querySelectorAll(selector)].find((element) => element.checkVisibility());

function addRow(button) {
  const row = byId(button.dataset.add).content.cloneNode(true);
  const field = row.querySelector("input");
  button.before(row);
  field.focus();
}

/** A key that looks unusual gets a hint, never a refusal. */
function looks(field) {
  try {
    const usual = new RegExp(field.dataset.looks);
    byId(field.dataset.hint).hidden = !field.value || usual.test(field.value.trim());
  } catch {
    field.removeAttribute("data-looks"); // a pattern that this browser does not read
  }
}

/** A stored key belongs to one server: say so before it is wiped. */
function origin(field) {
  const same = (url) => URL.parse(url)?.origin === field.dataset.origin;
  byId(field.dataset.warning).hidden = same(field.value || field.placeholder);
}

// A form that comes back with errors comes without its secrets: they are put back here, not by the server.
let typed = [];
const secrets = (box) => [...box.querySelectorAll('[type=password], [data-reveal] ~ input')];

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  typed = detail.xhr?.status === 422 ? secrets(detail.target).map((field) => field.value) : [];
});

document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (typed.length) secrets(detail.target).forEach((field, i) => (field.value = typed[i] ?? ""));
  typed = [];
});

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (button?.dataset.reveal) reveal(button);
  if (button?.dataset.copy) copy(button);
  if (button?.dataset.add) addRow(button);
  if (button?.hasAttribute("data-remove")) button.closest("[data-row]").remove();
  for (const menu of document.querySelectorAll(".menu[open]"))
    if (!menu.contains(target)) menu.open = false;
});

document.addEventListener("input", ({ target }) => {
  if (target.dataset?.looks) looks(target);
  if (target.dataset?.origin) origin(target);
});

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (key === "Escape") target.closest(".menu[open]")?.removeAttribute("open");
  if (target.getAttribute("role") !== "tab" || !["ArrowLeft", "ArrowRight"].includes(key)) return;
  const tabs = [...target.parentElement.querySelectorAll("a[role=tab]")];
  const step = key === "ArrowRight" ? 1 : -1;
  tabs[(tabs.indexOf(target) + step + tabs.length) % tabs.length].focus();
});
