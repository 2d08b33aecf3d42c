// The jobs list by keys, and all rows of it ticked at once. Everything here clicks what stands on the page anyway.
import { announce, keys } from "./app.js";

const find = (selector, root = document) => root.querySelector(selector);
const rows = [...document.querySelectorAll("[data-jobs] > .row")];
const ticks = [...document.querySelectorAll("[data-jobs] input[name=id]")];
const form = find("#change");
const ticked = () => ticks.filter((tick) => tick.checked);

// The row that the focus is in is the one that keys are about.
const here = () => rows.indexOf(document.activeElement?.closest("[data-jobs] > .row"));

function move(by) {
  const row = rows[here() < 0 ? (by > 0 ? 0 : rows.length - 1) : here() + by];
  if (!row) return;
  find("h2 a", row).focus();
  row.scrollIntoView({ block: "nearest" });
}

// onRow runs what is about one row, and leaves the key to others while there is none.
const onRow = (run) => () => here() < 0 ? false : run(rows[here()]);

function count() {
  const n = ticked().length;
  if (everything) {
    everything.checked = n > 0 && n === ticks.length;
    everything.indeterminate = n > 0 && n < ticks.length;
  }
  if (n > 0) find("#which").value = "ticked";
  announce(n === 1 ? "1 job chosen" : `${n} jobs chosen`);
}

// change does something to what is ticked, or else to the row with the focus.
function change(what) {
  if (!form) return false;
  if (ticked().length === 0) {
    if (here() < 0) return false;
    find("input[name=id]", rows[here()]).checked = true;
  }
  find("#which").value = "ticked";
  find(what, form).click();
}

// One box for all rows of the page, where there is a form for it.
let everything = null;
if (form && ticks.length > 0) {
  everything = find("#tick-all");
  everything.classList.remove("waiting");
  everything.addEventListener("change", () => {
    for (const tick of ticks) tick.checked = everything.checked;
    count();
  });
  find("[data-jobs]").addEventListener("change", count);
}

keys("Jobs", [
  { key: "j", says: "Next job", run: () => move(1) },
  { key: "k", says: "Job before", run: () => move(-1) },
  { key: "o", says: "Open the job", run: onRow((row) => find("h2 a", row).click()) },
  { key: "x", says: "Choose the job", run: onRow((row) => find("input[name=id]", row)?.click()) },
  { key: "s", says: "Shortlist it, or those chosen", run: () => change("[value=shortlisted]") },
  { key: "e", says: "Archive it, or those chosen", run: () => change("[value=archived]") },
  { key: "a", says: "Assign it, or those chosen", run: () => {
    if (!form || (ticked().length === 0 && here() < 0)) return false;
    if (ticked().length === 0) find("input[name=id]", rows[here()]).click();
    find("#assign-to").focus();
  } },
  { key: "/", says: "Search", run: () => find("#q").focus() },
]);
