// The sample browser: filters, a paged list, one sample with every answer side by side, and an address for each view.
// Everything that a model or a data set said goes in as text, never as markup.
(() => {
  "use strict";
  const place = document.getElementById("browser");
  if (!place) return;
  const index = JSON.parse(document.getElementById("samples-index").textContent);
  const [ASKED, CORRECT, UNPARSED, REFUSED, FAILED, BLIND_RIGHT, FAULT, TRUNCATED] = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => 1 << n);
  const [TASK, DOC, CATEGORY, QUESTION, ANSWERS, FLAGS] = [0, 1, 2, 3, 4, 5];
  const SHOW = {
    wrong: (flag) => !(flag & CORRECT),
    right: (flag) => flag & CORRECT,
    "blind-right": (flag) => flag & BLIND_RIGHT,
    unparsed: (flag) => flag & UNPARSED,
    refused: (flag) => flag & REFUSED,
    truncated: (flag) => flag & TRUNCATED,
    failed: (flag) => flag & FAILED,
    fault: (flag) => flag & FAULT,
  };
  const PAGE = 25;
  const get = (id) => document.getElementById(id);
  const list = get("sample-list");
  const detail = get("sample");
  const controls = { run: get("filter-run"), task: get("filter-task"), category: get("filter-category"), q: get("filter-text") };
  const chips = [...document.querySelectorAll("[data-show]")];
  let state = {};
  let found = [];
  let page = 0;
  let current = -1;

  const make = (tag, className, text, parent) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  };
  const speak = (tag, className, text, parent) => {
    const made = make(tag, className, undefined, parent);
    make("bdi", "", text, made).dir = "auto";
    return made;
  };

  // Chunks: in this file, or in numbered files beside it that are read when they are needed.
  const chunks = new Map();
  const waiting = new Map();
  window.sightscaleSamples = (number, read) => waiting.get(number)(read);
  const chunk = (number) => {
    if (!chunks.has(number)) {
      chunks.set(number, new Promise((done, failed) => {
        const inside = get(`samples-${number}`);
        if (inside) {
          done(JSON.parse(inside.textContent));
          return;
        }
        waiting.set(number, done);
        const script = document.createElement("script");
        script.src = `${place.dataset.folder}/samples-${String(number).padStart(4, "0")}.js`;
        script.onerror = () => failed(new Error(`${place.dataset.folder} is not beside this page`));
        document.head.append(script);
      }));
    }
    return chunks.get(number);
  };
  const whole = async (number) => {
    const read = await chunk(Math.floor(number / index.chunk));
    return { sample: read.samples[number % index.chunk], pictures: read.pictures };
  };

  const run = () => Math.max(0, index.runs.findIndex((one) => one.id === state.run));
  const key = (row) => `${index.tasks[row[TASK]]}:${row[DOC]}`;
  const read = () => {
    const given = new URLSearchParams(location.hash.slice(1));
    const known = ["run", "task", "category", "q", "sample"].filter((name) => given.get(name));
    const shown = (given.get("show") || "").split(",").filter((name) => Object.hasOwn(SHOW, name));
    return { ...Object.fromEntries(known.map((name) => [name, given.get(name)])), show: shown };
  };
  const address = (changed) => {
    const next = { ...state, ...changed };
    const given = new URLSearchParams();
    for (const name of ["sample", "run", "task", "category", "q"]) if (next[name]) given.set(name, next[name]);
    if (next.show && next.show.length) given.set("show", next.show.join(","));
    return `#${given.toString().replaceAll("%3A", ":").replaceAll("%2C", ",")}`;
  };
  const go = (changed, push) => {
    const next = address(changed);
    history[push ? "pushState" : "replaceState"](null, "", next === "#" ? "#sample=" : next);
    follow();
  };

  const select = () => {
    const number = run();
    const words = (state.q || "").toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const tests = state.show.map((name) => SHOW[name]);
    const counts = Object.fromEntries(chips.map((chip) => [chip.dataset.show, 0]));
    found = [];
    index.rows.forEach((row, at) => {
      const flag = row[FLAGS][number];
      if (!(flag & ASKED)) return;
      if (state.task && index.tasks[row[TASK]] !== state.task) return;
      const category = index.categories[row[CATEGORY]];
      if (state.category && category !== state.category && !category.startsWith(`${state.category} / `)) return;
      if (words.length) {
        const text = `${key(row)} ${category} ${row[QUESTION]} ${row[ANSWERS].join(" ")}`.toLocaleLowerCase();
        if (!words.every((word) => text.includes(word))) return;
      }
      for (const name of Object.keys(counts)) if (SHOW[name](flag)) counts[name] += 1;
      if (tests.every((test) => test(flag))) found.push(at);
    });
    for (const chip of chips) chip.querySelector(".count").textContent = chip.disabled ? "" : counts[chip.dataset.show].toLocaleString("en");
  };

  const verdict = (flag) => {
    if (flag & FAILED) return ["failed", "odd"];
    if (flag & REFUSED) return ["refused", "odd"];
    if (flag & UNPARSED) return ["unparsed", "odd"];
    if (flag & TRUNCATED) return ["truncated", "odd"];
    return flag & CORRECT ? ["right", "right"] : ["wrong", "wrong"];
  };
  const picture = (uri, description) => {
    const image = make("img");
    image.loading = "lazy";
    image.decoding = "async";
    image.alt = description;
    if (uri.startsWith("data:image/webp;base64,")) image.src = uri;
    return image;
  };

  // Boxes lie in fractions of the picture: the target's, and the one that the run's first answer was read as.
  const parsed = (text) => {
    try {
      return JSON.parse(text);
    } catch (error) {
      return undefined; // most targets and answers are plain text
    }
  };
  const readBox = (text) => {
    const value = parsed(text);
    const box = Array.isArray(value) ? value : value && value.box;
    return Array.isArray(box) && box.length === 4 && box.every((side) => Number.isFinite(side) && side >= -1 && side <= 2) ? box : null;
  };
  const drawBoxes = (image, boxes) => {
    const named = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(named, "svg");
    svg.setAttribute("viewBox", "0 0 1 1");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    for (const [box, kind] of boxes) {
      for (const under of [true, false]) {
        const rect = document.createElementNS(named, "rect");
        const [left, top, right, bottom] = box;
        const place = { x: left, y: top, width: Math.max(0, right - left), height: Math.max(0, bottom - top) };
        for (const [name, value] of Object.entries(place)) rect.setAttribute(name, String(value));
        rect.setAttribute("class", under ? "under" : kind);
        svg.append(rect);
      }
    }
    const frame = make("div", "boxed");
    frame.append(image, svg);
    return frame;
  };

  const drawList = () => {
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    page = Math.min(page, pages - 1);
    const number = run();
    list.replaceChildren();
    for (const at of found.slice(page * PAGE, page * PAGE + PAGE)) {
      const row = index.rows[at];
      const button = make("button", "", undefined, make("li", "", undefined, list));
      button.type = "button";
      button.dataset.at = String(at);
      button.tabIndex = -1;
      if (at === current) button.setAttribute("aria-current", "true");
      const thumb = make("span", "thumb", undefined, button);
      const said = make("span", "", undefined, button);
      speak("span", "question", row[QUESTION] || key(row), said);
      speak("span", "answer", row[ANSWERS][number] || "(nothing)", said);
      const [word, kind] = verdict(row[FLAGS][number]);
      make("span", `badge ${kind}`, word, button);
      whole(at).then(({ sample, pictures }) => {
        const uri = sample.pictures.map((hash) => pictures[hash]).find(Boolean);
        if (!uri) return;
        const image = picture(uri, "");
        image.className = "thumb";
        thumb.replaceWith(image);
      }).catch((error) => { get("sample-count").textContent = error.message; });
    }
    const stop = list.querySelector('[aria-current="true"]') || list.querySelector("button");
    if (stop) {
      stop.tabIndex = 0;
      const [box, frame] = [stop.getBoundingClientRect(), list.getBoundingClientRect()];
      if (box.top < frame.top || box.bottom > frame.bottom) list.scrollTop += box.top - frame.top - 8;
    }
    get("pages").textContent = found.length ? `${(page * PAGE + 1).toLocaleString("en")}–${Math.min(found.length, page * PAGE + PAGE).toLocaleString("en")} of ${found.length.toLocaleString("en")}` : "none";
    get("page-before").disabled = page === 0;
    get("page-after").disabled = page >= pages - 1;
    get("sample-count").textContent = `${found.length.toLocaleString("en")} of ${index.rows.length.toLocaleString("en")} questions shown.`;
  };

  const fold = (title, text, open, parent) => {
    if (!text) return;
    const made = make("details", "", undefined, parent);
    made.open = open;
    make("summary", "", title, made);
    speak("pre", "", text, made);
  };
  const drawAnswer = (said, options, parent) => {
    const card = make("article", "said", undefined, parent);
    const header = make("header", "", undefined, card);
    const blind = said.condition !== "sighted";
    const who = index.runs.length > 1 ? `${index.runs[said.run].label} · ` : "";
    speak("span", "who", `${who}${blind ? `blind: ${said.condition}` : "sighted"}`, header);
    const read = said.outcome === "answered" || said.outcome === "likeliest";
    const right = said.score > 0.5;
    make("span", `badge ${read ? (right ? "right" : "wrong") : "odd"}`, read ? (right ? "right" : "wrong") : said.outcome, header);
    const shown = [];
    const option = options.find(([letter]) => letter === said.prediction);
    if (said.prediction) shown.push(`read as ${said.prediction}${option ? ` (${option[1].slice(0, 60)})` : ""}`);
    if (said.iou !== undefined) shown.push(`IoU ${said.iou.toFixed(2)}`);
    if (said.tokens) shown.push(`${said.tokens.toLocaleString("en")} tokens`);
    if (said.seconds) shown.push(`${said.seconds.toFixed(2)} s`);
    if (said.why) shown.push(`read by ${said.why}`);
    if (said.finish) shown.push(`ended by ${said.finish}`);
    if (shown.length) speak("p", "small", shown.join(" · "), card);
    speak("pre", "", said.response || "(nothing)", card);
    fold("Why it failed", said.error, true, card);
    fold("Focus", said.focus, false, card);
    fold("Description it reasoned from", said.description, true, card);
    fold("Thinking", said.thinking, false, card);
    fold("Prompt", said.prompt, false, card);
  };
  const drawDetail = async (at, focus) => {
    const { sample, pictures } = await whole(at);
    if (at !== current) return;
    const spot = found.indexOf(at);
    detail.replaceChildren();
    const top = make("div", "top", undefined, detail);
    const button = (text, act, className) => {
      const made = make("button", `button ${className || ""}`, text, top);
      made.type = "button";
      made.addEventListener("click", act);
      return made;
    };
    button("← List", close, "back");
    speak("span", "place", [...new Set([`${sample.task}:${sample.doc}`, sample.category, sample.order])].filter(Boolean).join(" · "), top);
    const link = make("a", "", "Link", top);
    link.href = address({ sample: key(index.rows[at]) });
    link.setAttribute("aria-label", "Link to this sample");
    button("Previous", () => open(found[spot - 1]), "before").disabled = spot <= 0;
    button("Next", () => open(found[spot + 1]), "after").disabled = spot < 0 || spot >= found.length - 1;
    const heading = speak("h3", "", sample.question || `Question ${sample.item}`, detail);
    heading.tabIndex = -1;
    heading.id = "sample-heading";
    const frame = make("div", "pictures", undefined, detail);
    sample.pictures.forEach((hash, number) => {
      const figure = make("figure", "", undefined, frame);
      const many = sample.pictures.length > 1;
      if (pictures[hash]) {
        const image = picture(pictures[hash], many ? `Picture ${number + 1} of the question` : "The question's picture");
        image.addEventListener("load", () => image.classList.toggle("tiny", image.naturalWidth <= 128));
        const first = sample.answers.find((one) => one.run === run());
        const boxes = [[readBox(sample.target), "target"], [first && readBox(first.prediction), "answer"]].filter(([box]) => box);
        figure.append(boxes.length && !many ? drawBoxes(image, boxes) : image);
        if (boxes.length && !many) make("figcaption", "", "Dashed: the target. Solid: what the first answer was read as.", figure);
      } else make("div", "nothing", "This picture is not in the report: its pixels could not be read again.", figure);
      if (many) make("figcaption", "", `Picture ${number + 1}`, figure);
    });
    const letters = new Set(sample.options.map(([letter]) => letter));
    const shares = parsed(sample.target);
    const shared = shares && typeof shares === "object" && letters.size > 0 && [...letters].every((letter) => Number.isFinite(shares[letter]));
    const best = shared ? [...letters].reduce((one, two) => (shares[two] > shares[one] ? two : one)) : sample.target;
    if (sample.options.length) {
      const options = make("ul", "options", undefined, detail);
      options.setAttribute("aria-label", "Options");
      for (const [letter, text] of sample.options) {
        const item = make("li", letter === best ? "target" : "", undefined, options);
        speak("span", "letter", letter, item);
        speak("span", "", text, item);
        if (shared) make("span", letter === best ? "badge right" : "soft", `${Math.round(100 * shares[letter])} % of people`, item);
        else if (letter === best) make("span", "badge right", "correct", item);
      }
    }
    if (!letters.has(sample.target) && !shared) {
      make("h4", "", "Correct answer", detail);
      speak("pre", "", sample.target || "(not recorded)", detail);
    }
    make("h4", "", "Answers", detail);
    const answers = make("div", "answers", undefined, detail);
    const order = [...sample.answers.filter((one) => one.run === run()), ...sample.answers.filter((one) => one.run !== run())];
    for (const said of order) drawAnswer(said, sample.options, answers);
    fold("What the picture truly shows, as the data says", sample.truth, false, detail);
    fold("Prompt", sample.prompt, false, detail);
    if (focus) heading.focus({ preventScroll: innerWidth > 736 });
    detail.scrollTop = 0;
  };

  const open = (at) => {
    if (at === undefined) return;
    const spot = found.indexOf(at);
    if (spot >= 0) page = Math.floor(spot / PAGE);
    wanted = true;
    go({ sample: key(index.rows[at]) }, true);
  };
  const close = () => {
    const before = current;
    go({ sample: "" }, true);
    const button = list.querySelector(`[data-at="${before}"]`);
    if (button) button.focus();
  };
  let wanted = false; // whether the reader asked for the sample just now, and not an address

  const follow = () => {
    const before = current;
    const first = JSON.stringify({ ...state, sample: "" });
    state = read();
    if (JSON.stringify({ ...state, sample: "" }) !== first) page = 0;
    for (const chip of chips) chip.setAttribute("aria-pressed", String(state.show.includes(chip.dataset.show)));
    if (controls.run) controls.run.value = index.runs[run()].id;
    controls.task.value = state.task || "";
    controls.category.value = state.category || "";
    if (document.activeElement !== controls.q) controls.q.value = state.q || "";
    select();
    const number = run();
    const same = index.rows.map((row, at) => at).filter((at) => key(index.rows[at]) === state.sample);
    current = same.find((at) => index.rows[at][FLAGS][number] & ASKED) ?? same[0] ?? -1;
    const spot = found.indexOf(current);
    if (current >= 0 && current !== before && spot >= 0) page = Math.floor(spot / PAGE);
    drawList();
    place.classList.toggle("opened", current >= 0);
    if (current >= 0) {
      drawDetail(current, wanted).catch((error) => { detail.textContent = error.message; });
    } else {
      detail.replaceChildren();
      const text = state.sample ? `No question ${state.sample} is in this report.` : "Choose a question to see its picture and every answer to it.";
      speak("p", "soft", text, detail);
    }
    wanted = false;
  };

  for (const [name, control] of Object.entries(controls)) {
    if (!control) continue;
    let later = 0;
    control.addEventListener(name === "q" ? "input" : "change", () => {
      clearTimeout(later);
      later = setTimeout(() => go({ [name]: control.value, ...(name === "task" ? { category: "" } : {}) }, false), name === "q" ? 120 : 0);
    });
  }
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      const name = chip.dataset.show;
      go({ show: state.show.includes(name) ? state.show.filter((one) => one !== name) : [...state.show, name] }, false);
    });
  }
  get("clear").addEventListener("click", () => go({ task: "", category: "", q: "", show: [] }, false));
  const turn = (by, last) => {
    page += by;
    drawList();
    const buttons = list.querySelectorAll("button");
    const target = buttons[last ? buttons.length - 1 : 0];
    if (target) target.focus();
  };
  get("page-before").addEventListener("click", () => turn(-1, false));
  get("page-after").addEventListener("click", () => turn(1, false));
  list.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) open(Number(button.dataset.at));
  });
  list.addEventListener("keydown", (event) => {
    const buttons = [...list.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    if (to >= buttons.length && !get("page-after").disabled) turn(1, false);
    else if (to < 0 && page > 0) turn(-1, true);
    else {
      const target = buttons[Math.max(0, Math.min(buttons.length - 1, to))];
      for (const button of buttons) button.tabIndex = button === target ? 0 : -1;
      target.focus();
    }
  });
  detail.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: ".before", ArrowRight: ".after" }[event.key];
    if (event.key === "Escape" && current >= 0) close();
    else if (step && !event.altKey && !event.ctrlKey && !event.metaKey) {
      const button = detail.querySelector(step);
      if (button && !button.disabled) button.click();
    }
  });
  let from = location.hash;
  addEventListener("hashchange", () => {
    const linked = location.hash !== from;
    from = location.hash;
    follow();
    if (linked && location.hash.includes("=") && !get("samples").contains(document.activeElement)) get("samples").scrollIntoView();
  });
  addEventListener("popstate", () => { from = location.hash; follow(); });
  follow();
  if (state.sample) get("samples").scrollIntoView({ behavior: "instant" });
})();
