// Ages, the connection, keys. The page works without it; with it, it is live.
"use strict";
(() => {
  const GREY_AFTER = 5500;  // ms without a word from the server; it beats every 2 s
  const body = document.body;
  const clock = {server: Number(body.dataset.now), wall: Date.now(), steady: performance.now()};
  let heard = {wall: Date.now(), steady: performance.now()};

  // The larger of two elapsed times: a sleeping machine stops one clock, not both.
  const since = from => Math.max(Date.now() - from.wall, performance.now() - from.steady);
  const now = () => clock.server + since(clock);
  const two = n => String(n).padStart(2, "0");
  const at = ms => {
    const d = new Date(ms);
    return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())} UTC`;
  };
  const span = ms => {
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s < 100) return `${s} s`;
    if (s < 6000) return `${Math.floor(s / 60)} min ${two(s % 60)} s`;
    if (s < 172800) return `${Math.floor(s / 3600)} h ${two(Math.floor(s / 60) % 60)} min`;
    return `${Math.floor(s / 86400)} d`;
  };
  const say = (element, text) => { if (element.textContent !== text) element.textContent = text; };

  function count() {
    const quiet = since(heard) > GREY_AFTER;
    if ((body.dataset.connected === "no") !== quiet) connected(!quiet);
    for (const one of document.querySelectorAll("[data-at]")) {
      const age = now() - Number(one.dataset.at);
      const old = quiet || age > Number(one.dataset.limit || 60) * 1000;
      one.classList.toggle("stale", old);
      if (one.classList.contains("age")) {
        say(one, old ? `as of ${at(Number(one.dataset.at))}` : `${span(age)} ago`);
      } else if (old) {
        one.title = `as of ${at(Number(one.dataset.at))}`;
      } else one.removeAttribute("title");
    }
    for (const one of document.querySelectorAll("[data-since]")) say(one, span(now() - Number(one.dataset.since)));
    for (const one of document.querySelectorAll("[data-until]")) {
      const left = Number(one.dataset.until) - now();
      say(one, left > 0 ? `in ${span(left)}` : "now");
    }
  }

  function connected(yes) {
    body.dataset.connected = yes ? "yes" : "no";
    const lost = document.getElementById("strip-lost");
    if (lost) {
      lost.hidden = yes;
      say(document.getElementById("lost-since"), at(now() - since(heard)));
    }
  }

  function hear(server) {
    heard = {wall: Date.now(), steady: performance.now()};
    if (server) Object.assign(clock, {server, wall: Date.now(), steady: performance.now()});
    if (body.dataset.connected !== "yes") connected(true);
  }

  const stream = document.getElementById("stream");
  if (stream) {
    stream.addEventListener("beat", event => hear(Number(event.detail && event.detail.data) || 0));
    stream.addEventListener("reload", () => setTimeout(() => location.reload(), 1000));
    for (const name of ["htmx:sse:before:message", "htmx:sse:after:connection"]) {
      document.addEventListener(name, () => hear(0));
    }
    setInterval(count, 500);
    document.addEventListener("htmx:after:swap", count);
    count();
  }

  // Back from a hidden tab: what the stream missed comes by its cursor; the page fetches itself once.
  let hidden = 0;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { hidden = Date.now(); return; }
    count();
    if (hidden && Date.now() - hidden > 5000 && window.htmx && !editing()) {
      htmx.ajax("GET", location.pathname + location.search, {target: "#main", select: "#main", swap: "outerMorph"});
    }
    hidden = 0;
  });

  const editing = () => /^(INPUT|TEXTAREA|SELECT)$/.test((document.activeElement || {}).tagName || "");
  const dialog = document.getElementById("keys");
  const opener = document.getElementById("keys-open");
  const show = () => { if (dialog && !dialog.open) dialog.showModal(); };
  if (opener) { opener.hidden = false; opener.addEventListener("click", show); }

  let row = -1;
  function move(by) {
    const rows = [...document.querySelectorAll("main [data-row]")];
    if (!rows.length) return;
    rows.forEach(one => one.classList.remove("at"));
    row = Math.min(Math.max(row + by, 0), rows.length - 1);
    rows[row].classList.add("at");
    rows[row].scrollIntoView({block: "nearest"});
    const link = rows[row].querySelector("a, button");
    if (link) link.focus({preventScroll: true});
  }

  let before = "";
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (editing()) {
      if (event.key === "Escape") document.activeElement.blur();
      return;
    }
    if (dialog && dialog.open) return;
    const key = event.key, first = before;
    before = key === "g" && first !== "g" ? "g" : "";
    const go = element => { if (element) { event.preventDefault(); element.focus(); element.scrollIntoView({block: "nearest"}); } };
    if (first === "g") {
      const link = [...document.querySelectorAll("nav [data-key]")].find(one => one.dataset.key === key);
      if (link) { event.preventDefault(); link.click(); }
    } else if (key === "?") { event.preventDefault(); show(); }
    else if (key === "j") move(1);
    else if (key === "k") move(-1);
    else if (key === "/") go(document.querySelector("main input[type=search]"));
    else if (key === "c") {
      const box = document.querySelector("#capture");
      if (box) go(box); else if ("acts" in body.dataset) location.href = "/#capture";
    }
    else if (key === "n") go(document.querySelector("main [data-needs] a, main [data-needs] button"));
    else if (key === "H" && event.shiftKey && !event.repeat) {
      const form = document.getElementById("halt-form");
      if (form) { event.preventDefault(); form.requestSubmit(); }
    }
  });
  if (location.hash === "#capture") { const box = document.querySelector("#capture"); if (box) box.focus(); }

  // A second press of one form is no second action; the server keeps to that without script too.
  document.addEventListener("submit", event => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 3000);
  });
  window.addEventListener("pageshow", () => document.querySelectorAll("form").forEach(one => delete one.dataset.sent));
})();
