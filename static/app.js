// What every page has: messages, keys, menus, the switcher of organizations, and what is kept in this browser. Pages work
// without it. A page's own module imports what it needs from here:
//
//   import { announce, toast, keys, kept, guard } from "./app.js";

const find = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// make builds an element. What is given as text stays text.
function make(name, attributes = {}, ...content) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...content);
  return made;
}

// announce has a screen reader say text, as soon as it is done with what it says.
export function announce(text) {
  const live = find("#live");
  live.textContent = "";
  requestAnimationFrame(() => { live.textContent = text; });
}

// guard is what every request that changes something carries, as the forms of this page do: the organization that the page
// was drawn for, and the token of the session.
export function guard() {
  const form = find("form:has(> input[name=token])");
  return { tenant: form?.elements.tenant.value ?? "", token: form?.elements.token.value ?? "" };
}

// toast shows a message about a write; with undo, an address of this site, it takes the write back by a form.
export function toast(text, undo) {
  const made = make("div", { class: "toast" }, make("p", { class: "message" }, text));
  if (undo) made.append(post(undo, {}, "Undo"));
  all(".toast:not(.away)").forEach((t) => t.remove());
  find("#toasts").prepend(made);
  dismissable();
}

// post is a form of one button.
function post(action, fields, label) {
  const hidden = Object.entries({ ...guard(), ...fields }).map(([name, value]) => make("input", { type: "hidden", name, value }));
  return make("form", { method: "post", action }, ...hidden, make("button", { type: "submit" }, label));
}

function dismissable() {
  for (const t of all(".toast:not(.away, :has(> .dismiss))", find("#toasts"))) {
    const button = make("button", { type: "button", class: "dismiss", "aria-label": "Dismiss" }, "×");
    button.addEventListener("click", () => t.remove());
    t.append(button);
  }
}

// kept holds texts in this browser for the person and the organization that this page was drawn for. A page of another
// organization of theirs says that there is something, and where, and not what; only that organization opens it again, if they
// are still a member. What was kept for another person goes as soon as a page is open, and all of it at sign-out or after a week.
const { tenant, person } = document.body.dataset;
const shelf = `kept ${tenant} ${person} `;
const week = 7 * 24 * 3600_000;
export const kept = {
  get: (name) => read(shelf + name)?.text ?? null,
  set: (name, text, sent = false) => write(shelf + name, { text, sent, at: Date.now(), path: location.pathname + location.search }),
  drop: (name) => storage((s) => s.removeItem(shelf + name)),
};

const read = (key) => storage((s) => JSON.parse(s.getItem(key)));
const write = (key, entry) => storage((s) => { s.setItem(key, JSON.stringify(entry)); return true; }) ?? false; // whether there was room
const entries = () => (storage((s) => Object.keys(s)) ?? []).filter((key) => key.startsWith("kept ")).map((key) => {
  const [, of, by] = key.split(" ");
  return { at: 0, ...read(key), key, of, by };
});

// storage is null where the browser keeps nothing for us.
function storage(use) {
  try { return use(localStorage); } catch { return null; }
}

const forget = (which) => entries().filter(which).forEach(({ key }) => storage((s) => s.removeItem(key)));

if (person) forget((e) => e.by !== person || Date.now() - e.at > week);

// A form that is marked keeps what is typed into it until a page of the site says what became of it: a message, that it was
// taken; an error, that it was not.
function keepForm(form) {
  const name = `form ${form.dataset.keep}`, fields = all("textarea, input:not([type])", form);
  const keep = (sent) => fields.some((f) => f.value !== f.defaultValue) ? kept.set(name, fields.map((f) => f.value), sent) : kept.drop(name);
  form.addEventListener("input", () => keep(false));
  form.addEventListener("submit", () => keep(true));
  const typed = kept.get(name);
  if (!typed || fields.every((f, i) => f.value === (typed[i] ?? ""))) return;
  fields.forEach((f, i) => { f.value = typed[i] ?? ""; });
  const drop = make("button", { type: "button" }, "Throw it away");
  const said = make("p", { class: "soft", role: "status" }, "You wrote this before, and it was not saved. ", drop);
  drop.addEventListener("click", () => { form.reset(); kept.drop(name); said.remove(); fields[0].focus(); });
  form.append(said);
  const folded = form.closest("details");
  if (folded) folded.open = true;
}

// elsewhere says that a text of another organization waits there, with both ways out.
function elsewhere() {
  const waiting = new Map(entries().filter((e) => e.by === person && e.of !== tenant && e.path && !aside(e.key))
    .sort((a, b) => a.at - b.at).map((e) => [e.of, e]));
  for (const { of, path, key } of waiting.values()) {
    const name = find(`.switcher button[value="${CSS.escape(of)}"] .name`)?.textContent;
    const stay = make("button", { type: "button" }, "Stay here");
    const made = make("div", { class: "toast away" },
      make("p", {}, "Text that you wrote in ", make("strong", {}, name ?? "another organization"), " was not saved. It is kept in this browser."),
      name ? post("/organizations/switch", { tenant_id: of, return_to: path }, `Go back to ${name}`) : make("a", { href: "/organizations" }, "Your organizations"), stay);
    stay.addEventListener("click", () => { made.remove(); aside(key, true); });
    find("#toasts").append(made);
  }
}

// aside remembers for this tab what somebody does not want to be told again.
function aside(key, put) {
  try { return put ? sessionStorage.setItem(`aside ${key}`, "yes") : sessionStorage.getItem(`aside ${key}`); } catch { return null; }
}

// keys adds keys to this page and to its list of keys. Each row is {key, says, run}; run is called while nobody types, and
// leaves the key to those added before by returning false.
const tables = [];
export function keys(title, rows) { tables.unshift({ title, rows }); }

const quiet = "keys off"; // in localStorage: single keys do nothing, for those whose tools type letters (WCAG 2.1.4)
const typing = (e) => e.closest?.("textarea, select, [contenteditable], input:not([type=checkbox], [type=radio])");
let jump = 0; // until when a letter after g jumps

function pressed(e) {
  if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || e.isComposing || typing(e.target) || find("dialog[open]")) return;
  if (e.key === "Escape") return folded() || find("#toasts").replaceChildren();
  if (storage((s) => s.getItem(quiet))) return;
  if (e.timeStamp < jump) {
    jump = 0;
    const link = find(`a[data-go="${CSS.escape(e.key)}"]`);
    if (link) e.preventDefault(), link.click();
    return;
  }
  if (tables.some(({ rows }) => rows.some(({ key, run }) => key === e.key && run() !== false))) e.preventDefault();
}

keys("Everywhere", [
  { key: "?", says: "This list", run: listKeys },
  { key: "o", says: "Choose the organization", run: () => find(".switcher") ? unfold() : false },
  { key: "g", says: "Go, with one of these letters:", run: () => { jump = performance.now() + 1500; } },
]);

function listKeys() {
  const off = make("input", { type: "checkbox", id: "keys-off" });
  off.checked = Boolean(storage((s) => s.getItem(quiet)));
  off.addEventListener("change", () => storage((s) => off.checked ? s.setItem(quiet, "yes") : s.removeItem(quiet)));
  const row = (key, says) => make("div", {}, make("dt", {}, ...key.map((k) => make("kbd", {}, k))), make("dd", {}, says));
  const dialog = make("dialog", { class: "keys", "aria-labelledby": "keys-title" }, make("h2", { id: "keys-title" }, "Keys"));
  for (const { title, rows } of tables) {
    dialog.append(make("h3", {}, title), make("dl", {}, ...rows.filter((r) => r.says).map((r) => row([r.key], r.says))));
  }
  dialog.append(make("dl", {}, ...all("a[data-go]").map((a) => row(["g", a.dataset.go], a.textContent))),
    make("p", { class: "field check" }, off, make("label", { for: "keys-off" }, "Single keys do nothing")),
    make("form", { method: "dialog" }, make("button", { class: "primary" }, "Close")));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

// Menus are <details>: one at a time, folded by Escape and by a click elsewhere.
function folded() {
  const menu = find("details.menu[open]");
  if (!menu) return false;
  menu.open = false;
  find("summary", menu).focus();
  return true;
}

// The switcher: search as you type, arrows from row to row. Enter takes the first that was found, or without a search the one
// that was used before this one.
const switcher = find(".switcher");

function unfold() {
  switcher.open = true;
  const search = find("input[type=search]", switcher);
  if (!search || search === document.activeElement) return;
  search.value = "";
  search.focus();
  narrow("");
}

const shown = () => all("li:not([hidden]) button", switcher);

// invited asks what the person is invited to, once a page.
async function invited() {
  const link = find("[data-guests]", switcher), list = make("ul", { class: "guests" });
  if (!link) return;
  delete link.dataset.guests;
  try {
    const answer = await fetch("/organizations/invitations", { redirect: "manual" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const li of all("#invitations li:has(a)", page)) {
      list.append(make("li", {}, make("a", { href: find("a", li).href, rel: "noreferrer" }, `Accept: ${find("h2", li).textContent} `, document.importNode(find(".badge", li), true))));
    }
    if (list.firstChild) link.before(list);
  } catch { /* the link beside it says why */ }
}

function narrow(text) {
  const words = text.toLowerCase().split(/\s+/);
  for (const li of all("form li", switcher)) {
    const name = find(".name", li).textContent.toLowerCase();
    li.hidden = !words.every((w) => name.includes(w));
  }
  const n = shown().length;
  find(".none", switcher).hidden = n > 0;
  announce(n === 1 ? "1 organization" : `${n} organizations`);
}

function walk(e) {
  const search = find("input[type=search]", switcher);
  const stops = [search, ...shown(), ...all(".panel a", switcher)];
  const at = stops.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: at > 0 ? 1 : -1, End: at > 0 ? stops.length - 1 : -1 }[e.key];
  if (e.key === "Escape") folded();
  else if (e.key === "Enter" && at === 0) (stops.find((s) => !search.value && s.value && !s.ariaCurrent) ?? shown()[0])?.click();
  else if (at >= 0 && stops[to]) stops[to].focus();
  else return;
  e.preventDefault();
}

switcher?.addEventListener("toggle", () => { if (switcher.open) invited(); });
if (find("form ul", switcher ?? document.createElement("i"))) {
  const search = find("input[type=search]", switcher);
  search.closest("[hidden]").hidden = false;
  search.addEventListener("input", () => narrow(search.value));
  switcher.addEventListener("keydown", walk);
  switcher.addEventListener("toggle", () => { if (switcher.open && !find(".panel", switcher).contains(document.activeElement)) unfold(); });
}

document.addEventListener("keydown", pressed);
document.addEventListener("click", (e) => all("details.menu[open]").forEach((menu) => { menu.open = menu.contains(e.target); }));
document.addEventListener("submit", (e) => { if (e.target.matches('[action="/sign-out"]')) forget(() => true); });
document.addEventListener("htmx:afterSettle", dismissable);
document.addEventListener("htmx:sendError", () => toast("There was no answer: nothing was saved. Try again when you are connected."));
find("[data-keys]")?.addEventListener("click", listKeys);
if (find("[data-refused]")) entries().filter((e) => e.sent).forEach(({ key }) => write(key, { ...read(key), sent: false }));
else if (find("#toasts .message")) forget((e) => e.key.startsWith(shelf) && e.sent);
all("form[data-keep]").forEach(keepForm);
if (person) elsewhere();
all("[data-keys]").forEach((button) => { button.hidden = false; });
dismissable();
if (find("#toasts .message")) announce(find("#toasts .message").textContent);
