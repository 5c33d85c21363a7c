// What pages do beside being pages; every page works without it, and it without a library. Nothing here makes text of
// others into markup: what comes from the server is parsed as a document that never runs, and moved over.
"use strict";

(() => {
  const root = document.documentElement;
  const find = (selector, inside = document) => inside.querySelector(selector);
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const tell = (text) => {
    const told = find("#told");
    told.textContent = "";
    setTimeout(() => { told.textContent = text; }, 50);
  };

  function make(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  function icon(name) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    made.setAttribute("class", "icon");
    made.setAttribute("width", "16");
    made.setAttribute("height", "16");
    made.setAttribute("aria-hidden", "true");
    use.setAttribute("href", `${document.body.dataset.sprite}#${name}`);
    made.append(use);
    return made;
  }

  const closing = () => make("button", {type: "button", class: "copy close", "aria-label": "Close"}, icon("close"));

  // A part of a page, by the id of an element in it: from the fragment, or from the whole page that came instead.
  async function part(url, id, signal) {
    const answer = await fetch(url, {headers: {"HX-Request": "true", "HX-Target": id}, signal});
    const text = await answer.text();
    return {answer, part: new DOMParser().parseFromString(text, "text/html").getElementById(id)};
  }

  const kept = {
    read(name) {
      try { return JSON.parse(localStorage.getItem(name)) || []; } catch { return []; }
    },
    write(name, value) {
      try { localStorage.setItem(name, JSON.stringify(value)); } catch { /* a browser may keep nothing */ }
    },
  };

  // Copying. The clipboard is there on https and on loopback only; elsewhere the old way, and if that fails too the
  // text is selected, and it is said what to press.
  async function copy(button) {
    const text = button.dataset.copy;
    const done = await copied(text, button);
    if (!done) return;
    tell("Copied");
    const shown = find("use", button);
    if (!shown || button.dataset.was) return;
    button.dataset.was = shown.getAttribute("href");
    shown.setAttribute("href", `${document.body.dataset.sprite}#check`);
    setTimeout(() => {
      shown.setAttribute("href", button.dataset.was);
      delete button.dataset.was;
    }, 1500);
  }

  async function copied(text, button) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch { /* not offered here */ }
    // Inside the open dialog: what is outside it cannot be selected.
    const place = button.closest("dialog") || document.body;
    const field = make("textarea", {class: "unseen", readonly: "", "aria-hidden": "true", tabindex: "-1"});
    field.value = text;
    place.append(field);
    field.select();
    let done = false;
    try { done = document.execCommand("copy"); } catch { /* refused */ }
    field.remove();
    button.focus();
    if (!done) select(text, button);
    return done;
  }

  function select(text, button) {
    let shown = find("pre", button.parentElement);
    if (!shown || shown.textContent !== text) {
      shown = make("p", {class: "mono", tabindex: "-1"}, text);
      toast(make("div", {class: "toast"}, shown), 0);
    }
    const range = document.createRange();
    range.selectNodeContents(shown);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    tell(/Mac|iP/.test(navigator.platform) ? "Selected: press Cmd-C" : "Selected: press Ctrl-C");
  }

  // Toasts go after 8 seconds, counted while neither the mouse nor the focus is on them.
  function toast(shown, seconds = 8) {
    const place = find("#toasts");
    if (shown.parentElement !== place) place.append(shown);
    if (!find(".close", shown)) shown.append(closing());
    find(".close", shown).addEventListener("click", () => shown.remove());
    if (!seconds) return;
    let left = seconds * 1000, since = 0, timer = 0;
    const run = () => {
      clearTimeout(timer);
      since = Date.now();
      timer = setTimeout(() => shown.remove(), left);
    };
    const hold = () => {
      clearTimeout(timer);
      left = Math.max(1000, left - (Date.now() - since));
    };
    const rest = () => { if (!shown.matches(":hover, :focus-within")) run(); };
    for (const name of ["mouseenter", "focusin"]) shown.addEventListener(name, hold);
    for (const name of ["mouseleave", "focusout"]) shown.addEventListener(name, () => setTimeout(rest));
    run();
  }

  // Times: how long ago, counted on; and in the browser's zone where the profile names none.
  const STEPS = [[60, "s"], [60, "min"], [24, "h"], [30, "d"], [12, "mo"], [Infinity, "y"]];

  function since(at, now) {
    let distance = Math.abs(now - at) / 1000;
    if (distance < 1) return "now";
    for (const [step, unit] of STEPS) {
      if (distance < step) return at <= now ? `${Math.floor(distance)} ${unit} ago` : `in ${Math.floor(distance)} ${unit}`;
      distance /= step;
    }
    return "";
  }

  let written = null;
  function local(at) {
    written = written || new Intl.DateTimeFormat("en-GB", {
      year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
    });
    const parts = Object.fromEntries(written.formatToParts(at).map((each) => [each.type, each.value]));
    return `${parts.year}-${parts.month}-${parts.day} ${parts.hour}:${parts.minute} ${parts.timeZoneName}`;
  }

  // The server's clock counts: the page says what it was when it was made.
  const behind = root.dataset.now ? Date.parse(root.dataset.now) - Date.now() : 0;

  // What was just drawn is right, and must not move: it counts on from the first tick.
  function times(inside = document, counted = false) {
    const now = Date.now() + behind;
    for (const time of all("time[datetime]", inside)) {
      const at = Date.parse(time.dateTime), relative = find(".rel", time), absolute = find(".abs", time);
      if (!relative || !absolute || Number.isNaN(at)) continue;
      const text = since(at, now);
      if (counted && relative.textContent !== text) relative.textContent = text;
      if (!root.dataset.zone && !time.dataset.local) {
        time.dataset.local = "1";
        absolute.textContent = time.title = local(at);
      }
    }
  }

  // Polling: never in a tab that nobody sees, at most a request in two seconds for the whole page, more rarely while it
  // fails, and no more once the part comes without `data-poll`.
  const SLOWEST = 60;
  let asked = 0;

  function poll(shown, wait = 0) {
    const usual = Number(shown.dataset.poll);
    if (!(usual > 0) || shown.dataset.polled) return;
    shown.dataset.polled = "1";
    const seconds = Math.max(2, wait || usual);
    const turn = async () => {
      if (!shown.isConnected) return;
      if (document.hidden) {
        document.addEventListener("visibilitychange", turn, {once: true});
        return;
      }
      const early = asked + 2000 - Date.now();
      if (early > 0) {
        setTimeout(turn, early);
        return;
      }
      asked = Date.now();
      let fresh = null;
      try {
        const got = await part(shown.dataset.src || location.href, shown.id);
        if (got.answer.redirected && new URL(got.answer.url).pathname === "/sign-in") return;
        fresh = got.answer.ok ? got.part : null;
      } catch { /* the registry is away: more rarely from now on */ }
      if (!shown.isConnected) return;
      delete shown.dataset.polled;
      if (!fresh) poll(shown, Math.min(SLOWEST, seconds * 2));
      else if (busy(shown)) poll(shown);
      else replace(shown, fresh);
    };
    setTimeout(turn, seconds * 1000);
  }

  // Whether somebody is at work inside: typing, picking rows, in a menu.
  const busy = (shown) => find("input:focus, select:focus, textarea:focus, input:checked, details[open]", shown) !== null;

  function replace(shown, fresh) {
    const before = shown.contains(document.activeElement) ? document.activeElement : null;
    shown.replaceWith(document.adoptNode(fresh));
    enhance(fresh);
    if (!before) return;
    const same = before.id ? `#${CSS.escape(before.id)}` : `a[href="${CSS.escape(before.getAttribute("href") || "")}"]`;
    const again = find(same, fresh);
    if (again) again.focus({preventScroll: true});
  }

  // Dialogs: the part of a page that is `#dialog`, over the page that links to it.
  async function open(link) {
    const sheet = find("#sheet"), body = find("#sheet-body");
    let got;
    try { got = await part(link.href, "dialog"); } catch { /* as a page then, which says what is wrong */ }
    if (!got || !got.part) {
      location.assign(link.href);
      return;
    }
    got.part.removeAttribute("id");
    const heading = find("h1, h2", got.part);
    if (heading) heading.id = "sheet-title";
    body.replaceChildren(document.adoptNode(got.part));
    show(sheet, link);
    enhance(body);
  }

  function show(dialog, from = document.activeElement) {
    if (!find(":scope > .close", dialog)) {
      const close = closing();
      close.addEventListener("click", () => dialog.close());
      dialog.append(close);
      dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    }
    dialog.addEventListener("close", () => { if (from && from.isConnected) from.focus(); }, {once: true});
    dialog.showModal();
    const first = find("[autofocus], [data-focus], main input, input:not([type=hidden]), button:not(.close)", dialog);
    if (first) first.focus();
  }

  // Rows that are picked: the bar says how many, and its buttons wait for one.
  function count(form) {
    const picks = all('input[type="checkbox"][name="pick"]', form);
    const picked = picks.filter((each) => each.checked).length, every = find('input[name="all"]:checked', form);
    for (const shown of all("[data-picked]", form)) shown.textContent = every ? "All selected" : picked ? `${picked} selected` : "Nothing selected";
    for (const button of all(".selection button:not([data-any])", form)) button.disabled = !picked && !every;
    const whole = find("[data-pick-all]", form);
    if (whole) {
      whole.checked = picked > 0 && picked === picks.length;
      whole.indeterminate = picked > 0 && picked < picks.length;
    }
  }

  const picking = (element) => element.closest("form, .table") || document;

  // Tabs: one list of `role=tab`, each with the id of its panel in `aria-controls`.
  function choose(tab, focus) {
    for (const each of all('[role="tab"]', tab.closest('[role="tablist"]'))) {
      const chosen = each === tab;
      each.setAttribute("aria-selected", String(chosen));
      each.tabIndex = chosen ? 0 : -1;
      const panel = document.getElementById(each.getAttribute("aria-controls"));
      if (panel) panel.hidden = !chosen;
    }
    if (focus) tab.focus();
  }

  function turn(tab, key) {
    const tabs = all('[role="tab"]', tab.closest('[role="tablist"]')), at = tabs.indexOf(tab);
    const to = {ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1}[key];
    if (to === undefined) return false;
    choose(tabs[(to + tabs.length) % tabs.length], true);
    return true;
  }

  // The command palette: where one was, what is there, what can be done.
  const MOST = 20;
  let palette = null, looking = null, waiting = 0;

  function recents() {
    return kept.read("recents").map(([text, href]) => ({text, href, name: "history"}));
  }

  function remember() {
    if (location.pathname === "/sign-in") kept.write("recents", []);
    if (!/^\/[rn]\/./.test(location.pathname) || location.search) return;
    const text = document.title.replace(/ · [^·]*$/, "");
    const others = kept.read("recents").filter((each) => each[1] !== location.pathname);
    kept.write("recents", [[text, location.pathname], ...others].slice(0, 8));
  }

  function actions() {
    const places = all("nav.tabs a, nav.side a, .menu.mine a, a[data-action]");
    return places.map((link) => ({text: link.textContent.trim(), href: link.href, name: "right"}));
  }

  function row({text, href, name}) {
    return make("a", {role: "option", href, tabindex: "-1", "aria-selected": "false"}, icon(name), make("bdi", {}, text));
  }

  function group(title, rows) {
    return make("div", {role: "group", "aria-label": title}, make("p", {class: "meta", "aria-hidden": "true"}, title), ...rows);
  }

  function openPalette() {
    if (!palette) {
      const field = make("input", {
        id: "palette-field", type: "text", role: "combobox", "aria-label": "Search, or go to", "aria-expanded": "true",
        "aria-controls": "palette-list", "aria-autocomplete": "list", autocomplete: "off", autocapitalize: "none",
        spellcheck: "false", maxlength: "256", placeholder: "Repository, tag, digest, user, job …",
      });
      const list = make("div", {id: "palette-list", role: "listbox", "aria-label": "Results"});
      palette = make("dialog", {id: "palette", "aria-label": "Go to"}, field, list);
      document.body.append(palette);
      field.addEventListener("input", () => {
        fill(field.value, []);
        clearTimeout(waiting);
        waiting = setTimeout(() => look(field.value), 150);
      });
      field.addEventListener("keydown", (event) => steer(event, field));
      list.addEventListener("mousemove", (event) => {
        const over = event.target.closest('[role="option"]');
        if (over) mark(over, false);
      });
    }
    if (palette.open) return;
    const field = find("input", palette);
    field.value = "";
    fill("", []);
    show(palette);
    field.focus();
  }

  function fill(text, things) {
    const list = find("#palette-list"), words = text.trim().toLowerCase();
    const fits = (each) => each.text.toLowerCase().includes(words);
    const unique = (rows) => rows.filter((each, at) => rows.findIndex((other) => other.href === each.href) === at);
    const groups = [];
    let room = MOST;
    const add = (title, rows) => {
      const shown = rows.slice(0, room);
      room -= shown.length;
      if (shown.length) groups.push(group(title, shown));
    };
    add("Recent", recents().filter(fits).slice(0, words ? 3 : 8).map(row));
    add("Found", things);
    if (words) add("Search", [row({text: `Search for ${text.trim()}`, href: `/search?q=${encodeURIComponent(text.trim())}`, name: "search"})]);
    add("Go to", unique(actions()).filter(fits).map(row));
    list.replaceChildren(...groups);
    all('[role="option"]', list).forEach((each, at) => { each.id = `palette-${at}`; });
    mark(find('[role="option"]', list));
  }

  async function look(text) {
    if (looking) looking.abort();
    if (text.trim().length < 2) return;
    looking = new AbortController();
    try {
      const got = await part(`/search/suggest?q=${encodeURIComponent(text.trim())}`, "found", looking.signal);
      if (!got.answer.ok || !got.part || find("#palette-field").value !== text) return;
      const things = all("a", got.part).map((each) => document.adoptNode(each));
      for (const each of things) {
        for (const [name, value] of [["role", "option"], ["tabindex", "-1"], ["aria-selected", "false"]]) each.setAttribute(name, value);
      }
      fill(text, things);
      tell(things.length === 1 ? "1 found" : `${things.length} found`);
    } catch { /* another letter was typed, or the registry is away */ }
  }

  function mark(option, scroll = true) {
    const field = find("#palette-field");
    for (const each of all('#palette-list [aria-selected="true"]')) each.setAttribute("aria-selected", "false");
    if (!option) {
      field.removeAttribute("aria-activedescendant");
      return;
    }
    option.setAttribute("aria-selected", "true");
    field.setAttribute("aria-activedescendant", option.id);
    if (scroll) option.scrollIntoView({block: "nearest"});
  }

  function steer(event, field) {
    const options = all('#palette-list [role="option"]');
    const at = options.findIndex((each) => each.id === field.getAttribute("aria-activedescendant"));
    const to = {ArrowDown: at + 1, ArrowUp: at - 1}[event.key];
    if (event.key === "Escape") {
      event.preventDefault(); // or it would only empty the field
      palette.close();
    } else if (to !== undefined && options.length) {
      event.preventDefault();
      mark(options[(to + options.length) % options.length]);
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      if (options[at]) options[at].click();
    }
  }

  // Keys. Single ones can be turned off in the profile.
  const GO = {h: "/", r: "/n", s: "/storage", j: "/jobs"};
  const KEYS = [
    ["/", "Search"], ["Ctrl K", "Go anywhere"], ["f", "Filter the list"], ["g h", "Home"], ["g r", "Repositories"],
    ["g s", "Storage"], ["g j", "Jobs"], ["j k", "Next row, row before"], ["x", "Pick the row"], ["c", "Copy"],
    ["t", "Times as dates"], ["?", "These keys"],
  ];
  let going = 0;

  function help() {
    const rows = KEYS.map(([keys, text]) => {
      const shown = keys.split(" ").flatMap((key, at) => (at ? [" ", make("kbd", {}, key)] : [make("kbd", {}, key)]));
      return make("tr", {}, make("th", {scope: "row"}, ...shown), make("td", {}, text));
    });
    const note = make("p", {class: "note"}, "Single keys can be turned off on your account page.");
    find("#sheet-body").replaceChildren(
      make("h2", {id: "sheet-title", tabindex: "-1", "data-focus": ""}, "Keys"),
      make("table", {class: "keys"}, make("tbody", {}, ...rows)), note,
    );
    show(find("#sheet"));
  }

  function step(by) {
    const rows = all("main tbody tr").filter((each) => find("a, button, input", each) && each.offsetParent);
    if (!rows.length) return;
    const now = rows.findIndex((each) => each.contains(document.activeElement));
    const next = rows[now < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, now + by))];
    const target = find("th a, .name a, a", next) || find("a, button, input", next);
    target.focus();
    next.scrollIntoView({block: "nearest"});
  }

  function pick() {
    const here = document.activeElement.closest("tr"), box = here && find('input[name="pick"]', here);
    if (box) box.click();
  }

  function copyHere() {
    const here = document.activeElement.closest("tr");
    const button = (here && find("[data-copy]", here)) || find("main [data-copy]");
    if (button) copy(button);
  }

  function toggleTimes() {
    const absolute = root.dataset.times !== "absolute";
    if (absolute) root.dataset.times = "absolute";
    else delete root.dataset.times;
    tell(absolute ? "Times as dates" : "Times as how long ago");
  }

  const SINGLE = {
    "/": () => (find("#find") || document.body).focus(),
    "?": help, j: () => step(1), k: () => step(-1), x: pick, c: copyHere, t: toggleTimes,
    f: () => { const field = find("main [data-filter], main .filters input, main input[type=search]"); if (field) field.focus(); },
    g: () => { going = Date.now(); },
  };

  document.addEventListener("keydown", (event) => {
    const on = event.target;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k" && find("#find")) {
      event.preventDefault();
      openPalette();
      return;
    }
    if (event.key === "Escape") {
      const menu = on.closest("details.menu[open]") || find("details.menu[open]");
      if (menu) {
        menu.open = false;
        find("summary", menu).focus();
      }
    }
    if (on.matches('[role="tab"]') && turn(on, event.key)) event.preventDefault();
    if (root.dataset.keys === "off" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (on.matches('input:not([type="checkbox"]), textarea, select, [contenteditable]') || find("dialog[open]")) return;
    const to = Date.now() - going < 1500 ? GO[event.key] : undefined;
    going = 0;
    if (to) {
      event.preventDefault();
      location.assign(to);
    } else if (Object.hasOwn(SINGLE, event.key)) {
      event.preventDefault();
      SINGLE[event.key]();
    }
  });

  document.addEventListener("click", (event) => {
    const on = event.target instanceof Element ? event.target : document.body;
    for (const menu of all("details.menu[open]")) if (!menu.contains(on)) menu.open = false;
    const button = on.closest("[data-copy]");
    if (button) copy(button);
    const close = on.closest("dialog [data-close]");
    if (close) {
      event.preventDefault();
      close.closest("dialog").close();
    }
    const tab = on.closest('[role="tab"]');
    if (tab) choose(tab, true);
    const link = on.closest("a[data-dialog]");
    if (link && event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.defaultPrevented) {
      event.preventDefault();
      open(link);
    }
  });

  let last = null;
  document.addEventListener("click", (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement) || box.name !== "pick") return;
    const boxes = all('input[name="pick"]', picking(box)), from = boxes.indexOf(last), to = boxes.indexOf(box);
    if (event.shiftKey && from >= 0) {
      for (const each of boxes.slice(Math.min(from, to), Math.max(from, to) + 1)) each.checked = box.checked;
    }
    last = box;
    count(picking(box));
  });

  document.addEventListener("change", (event) => {
    const on = event.target;
    if (on.matches('input[name="all"]')) count(picking(on));
    if (on.matches("[data-pick-all]")) {
      for (const each of all('input[name="pick"]', picking(on))) each.checked = on.checked;
      count(picking(on));
    }
    if (on.matches("select[data-auto], input[data-auto]")) on.form.requestSubmit();
  });

  document.addEventListener("input", (event) => {
    const wanted = event.target.dataset.match;
    if (wanted !== undefined) matching(event.target);
  });

  function matching(field) {
    const button = find('button[type="submit"]', field.form);
    if (button) button.disabled = field.value.trim() !== field.dataset.match;
  }

  // A form that changes something is sent once; the server would notice as well.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.getAttribute("action") === "/sign-out") kept.write("recents", []);
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    const again = () => { delete form.dataset.sent; };
    setTimeout(again, 8000);
    addEventListener("pageshow", again, {once: true});
  });

  function enhance(inside) {
    times(inside);
    for (const each of all("[data-poll]", inside)) poll(each);
    if (inside instanceof Element && inside.dataset.poll) poll(inside);
    for (const each of all(".selection", inside)) count(picking(each));
    for (const each of all("[data-match]", inside)) matching(each);
    for (const each of all('[role="tab"][aria-selected="true"]', inside)) choose(each, false);
  }

  // The code of an invitation stands behind the `#` of its link: it goes into the field and out of the address; whoever
  // signs in first finds it again in this tab.
  function invited() {
    if (location.pathname !== "/invitation") return;
    const field = find("#invitation-code");
    try {
      if (location.hash.startsWith("#hfi_")) {
        sessionStorage.setItem("invitation", location.hash.slice(1));
        history.replaceState(null, "", location.pathname);
      }
      if (!field) return;
      field.value = field.value || sessionStorage.getItem("invitation") || "";
      sessionStorage.removeItem("invitation");
    } catch { /* a browser may keep nothing: the code is pasted */ }
  }

  root.classList.add("scripted");
  enhance(document);
  invited();
  remember();
  for (const each of all("#toasts > .toast")) toast(each);
  const wrong = find("main [data-focus]");
  if (wrong) wrong.focus();
  setInterval(() => { if (!document.hidden) times(document, true); }, 20000);
  document.addEventListener("htmx:afterSwap", (event) => enhance(event.target));
})();
