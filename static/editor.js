// The proposal editor saves while somebody types, and says so. Without this module the form is saved by its button; nothing
// here can be done that the form cannot.

import { announce, kept } from "./app.js";

const pause = 1500; // of typing, before it is saved, in ms
const beat = 20_000; // between two signs of being here
const idle = 120_000; // without a touch nobody is here, and the session may end
const again = 5_000; // before the next try over a lost network

class ProposalEditor extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.status = this.querySelector(".state [role=status]");
    this.ago = this.querySelector(".state .ago");
    this.refused = this.querySelector(".refused");
    this.key = `proposal ${this.dataset.proposal}`;
    this.saved = document.querySelector(".problem.summary") ? null : this.text(); // what the server has
    this.savedAt = Date.parse(this.dataset.saved);
    this.touched = Date.now();
    this.ends = new AbortController();
    this.listen();
    this.querySelectorAll("[data-copy]").forEach((button) => this.copied(button));
    this.offer();
    this.say(this.saved === null ? "Not saved" : "Saved");
    this.here();
    this.timers = [setInterval(() => this.tick(), 1000), setInterval(() => this.here(), beat)];
  }

  disconnectedCallback() {
    this.ends.abort();
    this.timers.forEach(clearInterval);
    clearTimeout(this.waiting);
  }

  listen() {
    const on = (target, name, does, capture) => target.addEventListener(name, does, { signal: this.ends.signal, capture });
    on(this.form, "input", (e) => this.typed(e.target));
    on(document, "submit", (e) => this.submitted(e), true);
    on(window, "online", () => this.save());
    on(document, "visibilitychange", () => document.hidden ? this.save() : this.here());
    on(window, "beforeunload", (e) => { if (this.dirty() && !this.leaving && !kept.get(this.key)) e.preventDefault(); });
    for (const name of ["keydown", "pointerdown", "focus"]) on(window, name, () => { this.touched = Date.now(); });
    on(window, "keydown", (e) => {
      if (e.key !== "s" || !(e.ctrlKey || e.metaKey)) return;
      e.preventDefault();
      this.save();
    });
  }

  // Each text is copied by itself, into the form that it is for on Upwork.
  copied(button) {
    if (!navigator.clipboard) return; // a site without https
    button.classList.remove("waiting");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(this.form.elements[button.dataset.copy].value);
        announce("Copied");
        this.say("Copied");
      } catch {
        this.say("The browser does not let this page copy");
      }
    }, { signal: this.ends.signal });
  }

  // What is typed, in the order of the form.
  values() { return [...new FormData(this.form)].filter(([name]) => !["tenant", "token", "version"].includes(name)); }
  text() { return JSON.stringify(this.values()); }
  dirty() { return this.text() !== this.saved; }
  get version() { return Number(this.form.elements.version.value); }

  // Every form about this proposal is about the version that was saved last.
  set version(n) {
    for (const form of document.forms) {
      if (this.owns(form) && form.elements.version) form.elements.version.value = n;
    }
  }
  owns(form) { return form.getAttribute("action")?.startsWith(this.form.getAttribute("action")); }

  typed(field) {
    this.touched = Date.now();
    count(field);
    if (!this.stopped) this.say("Not saved yet");
    this.keep();
    this.later(pause);
  }

  later(ms) {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.save(), ms);
  }

  say(words) {
    if (this.status.textContent !== words) this.status.textContent = words;
    this.tick();
  }

  // How long ago it was is not announced: it would be every second.
  tick() {
    const s = Math.max(0, Math.round((Date.now() - this.savedAt) / 1000));
    this.ago.textContent = this.status.textContent !== "Saved" ? "" : s < 60 ? ` ${s} s ago` : s < 3600 ? ` ${Math.floor(s / 60)} min ago` : "";
  }

  // save sends what was typed, one after the other, and tells whether all of it was taken.
  async save() {
    clearTimeout(this.waiting);
    while (this.sending) await this.sending;
    if (this.stopped || this.leaving) return false;
    if (!this.pending && !this.dirty()) return true;
    this.sending = this.send();
    const taken = await this.sending;
    this.sending = null;
    return taken && this.dirty() ? this.save() : taken;
  }

  // What got no answer is sent again as it was: it may have been taken.
  async send() {
    this.pending ??= { body: new URLSearchParams(new FormData(this.form)), text: this.text() };
    const { body, text } = this.pending;
    this.say("Saving…");
    let answer, page;
    try {
      answer = await fetch(this.form.action + "/autosave", { method: "POST", body, keepalive: body.toString().length < 60_000 });
      page = await answer.text();
    } catch {
      return this.lost("Offline, kept in this browser");
    }
    if (answer.status >= 500 || answer.status === 429) return this.lost("The site is busy, kept in this browser");
    this.pending = null;
    const version = new URL(answer.url).searchParams.get("version");
    if (!version) return this.refuse(answer.status, new DOMParser().parseFromString(page, "text/html"));
    this.version = version;
    this.saved = text;
    this.savedAt = Date.now();
    this.refused.replaceChildren();
    if (!this.dirty()) {
      this.forget();
      this.say("Saved");
    }
    return true;
  }

  lost(words) {
    this.say(words);
    this.keep();
    this.later(again);
    return false;
  }

  // refuse shows what the answer says, with its ways out. The text stays where it is.
  refuse(status, page) {
    if (status === 422) {
      this.say("Not saved");
      this.show([paragraph(page.querySelector("#content .problem:not(.summary), #content p")?.textContent)]);
      return false;
    }
    this.stopped = true;
    if (page.querySelector("form.merge")) {
      this.say("Somebody else changed this");
      this.show([paragraph("What you typed is still here. Compare it with what was saved and choose what stays."), this.compare()]);
      return false;
    }
    this.say("Not saved");
    const heading = page.querySelector("#content h1")?.textContent ?? "This was not saved";
    this.show([paragraph(heading, "strong"), ...page.querySelectorAll("#content > p:not(.soft, .message), #content > .bar")]);
    this.keep();
    this.refused.querySelector("form")?.addEventListener("submit", (e) => this.comeBack(e));
    return false;
  }

  show(parts) { this.refused.replaceChildren(...parts.map((p) => document.importNode(p, true))); }

  compare() {
    const button = document.createElement("button");
    button.type = "submit";
    button.className = "primary";
    button.textContent = "Compare and choose";
    button.setAttribute("form", this.form.id);
    return button;
  }

  // comeBack switches to the organization that this was written in, without leaving the page, and saves.
  async comeBack(e) {
    e.preventDefault();
    try {
      await fetch(e.target.action, { method: "POST", body: new URLSearchParams(new FormData(e.target)), redirect: "manual" });
    } catch {
      return this.say("Offline");
    }
    this.stopped = false;
    this.refused.replaceChildren();
    this.save();
  }

  // submitted lets a form about this proposal go when what was typed before has been saved.
  async submitted(e) {
    const form = e.target;
    if (e.defaultPrevented || !this.owns(form)) return;
    if (!this.sending && (form === this.form || !this.dirty())) {
      this.leaving = form.method === "post";
      return;
    }
    e.preventDefault();
    if (await this.save() || form === this.form) form.requestSubmit(e.submitter);
  }

  // here says that somebody has this open, and hears who else has.
  async here() {
    if (document.hidden || this.stopped || Date.now() - this.touched > idle) return;
    const { tenant, token } = this.form.elements;
    let stand;
    try {
      const answer = await fetch(this.form.action + "/here", { method: "POST", body: new URLSearchParams({ tenant: tenant.value, token: token.value }) });
      stand = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".here[data-version]");
    } catch {
      return; // saving says that the network is lost
    }
    if (!stand) return;
    const line = this.querySelector(":scope > .here");
    if (line.textContent !== stand.textContent) line.textContent = stand.textContent;
    if (Number(stand.dataset.version) > this.version && !this.sending && !this.dirty()) this.outdated();
  }

  outdated() {
    this.stopped = true;
    this.say("Somebody else changed this");
    const link = document.createElement("a");
    link.href = location.pathname;
    link.textContent = "Load what was saved";
    const p = paragraph("This page shows an older version. ");
    p.append(link);
    this.show([p]);
  }

  // The copy in this browser is there only until it is saved.
  keep() {
    if (!this.offered && this.dirty()) kept.set(this.key, JSON.stringify({ version: this.version, values: this.values(), at: Date.now() }));
  }
  forget() { if (!this.offered) kept.drop(this.key); }

  // offer shows that there is a copy that was never saved.
  offer() {
    const copy = JSON.parse(kept.get(this.key) ?? "null");
    if (!copy || JSON.stringify(copy.values) === this.text()) return this.forget();
    this.offered = true;
    const panel = this.querySelector(".kept");
    const time = panel.querySelector("time");
    time.textContent = new Date(copy.at).toLocaleString();
    time.dateTime = new Date(copy.at).toISOString();
    panel.hidden = false;
    const decided = (take) => {
      this.offered = false;
      panel.hidden = true;
      if (!take) return this.forget();
      for (const [name, value] of copy.values) if (this.form.elements[name]) this.form.elements[name].value = value;
      this.form.querySelectorAll("textarea").forEach(count);
      this.version = copy.version; // what was saved since is a conflict
      this.keep();
      this.save();
      this.form.elements.letter.focus();
    };
    panel.querySelector("[data-take]").addEventListener("click", () => decided(true), { once: true });
    panel.querySelector("[data-drop]").addEventListener("click", () => decided(false), { once: true });
  }
}

function paragraph(words, tag) {
  const p = document.createElement("p");
  if (!tag) p.textContent = words;
  else p.append(Object.assign(document.createElement(tag), { textContent: words }));
  return p;
}

// count counts as Upwork does, in UTF-16 units, and shows what a client sees first.
function count(field) {
  const counter = document.getElementById("count-" + field.name);
  if (!counter) return;
  const most = Number(counter.dataset.most);
  counter.textContent = `${grouped(field.value.length)} of ${grouped(most)} characters`;
  counter.classList.toggle("warn", field.value.length > most - 100);
  const first = field.parentElement.querySelector(".first span");
  if (first) first.textContent = preview(field.value);
}

function grouped(n) { return n.toLocaleString("en-US"); }

function preview(letter) {
  const line = letter.split(/\s+/).filter(Boolean).join(" ");
  if (line.length <= 200) return line;
  const cut = line.lastIndexOf(" ", 200);
  return line.slice(0, cut > 170 ? cut : 200) + "…";
}

customElements.define("proposal-editor", ProposalEditor);
