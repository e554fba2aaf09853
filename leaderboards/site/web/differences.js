// Any two entries held against each other, paired by question.
(() => {
  "use strict";
  const source = document.getElementById("answers");
  if (!source) return;
  const groups = JSON.parse(source.textContent);
  const [first, second, side] = ["first", "second", "side"].map((id) => document.getElementById(id));
  const signs = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const known = groups.flatMap((group, number) => group.entries.map((entry) => ({ group, number, entry })));
  const option = (one) => {
    const made = document.createElement("option");
    made.value = one.entry.id;
    made.textContent = one.entry.name;
    return made;
  };
  const find = (id) => known.find((one) => one.entry.id === id);
  const fill = (select, among) => select.replaceChildren(...among.map(option));
  const scores = (entry, name) => [...entry[name]].map((sign) => (sign === "." ? NaN : entry.values[signs.indexOf(sign)]));
  // The difference of weighted means, its standard error with one pseudo-question each way, as ranks have it.
  const differ = (group, rows, strata, shares, one, two) => {
    const used = rows.map((row, at) => [row, strata[at]]).filter(([row]) => one[row] === one[row] && two[row] === two[row]);
    const counts = shares.map(() => 0), sums = shares.map(() => 0), ones = shares.map(() => 0);
    for (const [row, of] of used) {
      counts[of] += 1;
      sums[of] += two[row] - one[row];
      ones[of] += one[row];
    }
    const mean = (totals) => shares.reduce((sum, share, of) => sum + (counts[of] ? (share * totals[of]) / counts[of] : 0), 0);
    const moves = new Map();
    for (const [row, of] of used) {
      const move = (shares[of] / counts[of]) * (two[row] - one[row] - sums[of] / counts[of]);
      moves.set(group.picture[row], (moves.get(group.picture[row]) || 0) + move);
    }
    const pictures = moves.size;
    const squares = [...moves.values()].reduce((sum, move) => sum + move * move, 0) * (pictures / Math.max(1, pictures - 1));
    const error = Math.sqrt(squares + 2 / Math.max(1, used.length) ** 2);
    const difference = mean(sums);
    const only = [0, 1].map((which) => used.filter(([row]) => (which ? two[row] > one[row] : one[row] > two[row])).map(([row]) => row));
    return { n: used.length, one: mean(ones), two: mean(ones) + difference, difference, low: difference - 1.96 * error, high: difference + 1.96 * error, only };
  };
  const per = (value) => (100 * value).toFixed(1);
  const points = (value) => `${value < 0 ? "−" : "+"}${Math.abs(100 * value).toFixed(1)}`;
  const cell = (text, label, ends, sort) => {
    const made = document.createElement("td");
    made.setAttribute("role", "cell");
    made.dataset.label = label;
    made.dataset.sort = String(sort);
    const inner = document.createElement("span");
    inner.textContent = text;
    if (ends) {
      const under = document.createElement("span");
      under.className = "ends";
      under.textContent = ends;
      inner.append(" ", under);
    }
    made.append(inner);
    return made;
  };
  const show = () => {
    const a = find(first.value), b = find(second.value);
    const one = scores(a.entry, side.value), two = scores(b.entry, side.value), group = a.group;
    const all = group.tasks.map((name, task) => {
      const rows = group.task.flatMap((of, row) => (of === task ? [row] : []));
      return { name, told: differ(group, rows, rows.map(() => 0), [1], one, two) };
    });
    // An average is one only where both were asked all of it.
    const averages = group.averages.map((average) => ({ name: average.name, whole: average.rows.length, told: differ(group, average.rows, average.strata, average.shares, one, two) })).filter((line) => line.told.n === line.whole);
    const body = document.querySelector("#by-task tbody");
    body.replaceChildren(...[...averages, ...all].filter((line) => line.told.n).map(({ name, told }) => {
      const row = document.createElement("tr");
      row.setAttribute("role", "row");
      const head = document.createElement("th");
      head.scope = "row";
      head.setAttribute("role", "rowheader");
      head.className = "text";
      head.dataset.sort = name;
      head.textContent = name;
      row.append(
        head,
        cell(told.n.toLocaleString("en"), "Questions", "", told.n),
        cell(per(told.one), "First", "", told.one),
        cell(per(told.two), "Second", "", told.two),
        cell(points(told.difference), "Difference", `[${points(told.low)}, ${points(told.high)}]`, told.difference),
        cell(told.only[0].length.toLocaleString("en"), "Only first right", "", told.only[0].length),
        cell(told.only[1].length.toLocaleString("en"), "Only second right", "", told.only[1].length),
      );
      return row;
    }));
    const main = averages[0] || all.find((line) => line.told.n);
    if (!main) {
      document.getElementById("verdict").textContent = "These two were asked none of the same questions this way.";
      document.getElementById("questions").replaceChildren();
      return;
    }
    const sure = main.told.low > 0 || main.told.high < 0;
    const better = main.told.difference > 0 ? b.entry.name : a.entry.name;
    document.getElementById("verdict").textContent = a === b ? "Choose two different entries." : sure
      ? `${better} is ahead by ${per(Math.abs(main.told.difference))} points on ${main.name}; the interval leaves no doubt at 95 %.`
      : `On ${main.name} they can't be told apart: ${points(main.told.difference)} points [${points(main.told.low)}, ${points(main.told.high)}].`;
    document.getElementById("questions").replaceChildren(...all.flatMap(({ name, told }) => [0, 1].flatMap((which) => {
      const rows = told.only[which];
      if (!rows.length) return [];
      const line = document.createElement("p");
      const who = document.createElement("b");
      who.textContent = `${name}, only ${which ? "second" : "first"} right: `;
      line.append(who, rows.slice(0, 40).map((row) => group.document[row]).join(", ") + (rows.length > 40 ? ` and ${rows.length - 40} more` : ""));
      return [line];
    })));
    location.replace(`#${encodeURIComponent(first.value)}/${encodeURIComponent(second.value)}`);
  };
  const share = (one, two) => [...one.sighted].some((sign, at) => sign !== "." && two.sighted[at] !== ".");
  const others = () => {
    const kept = second.value, chosen = find(first.value);
    fill(second, chosen.group.entries.filter((entry) => share(chosen.entry, entry)).map((entry) => ({ entry })));
    const there = [...second.options].map((one) => one.value);
    second.value = there.includes(kept) ? kept : there.find((id) => id !== first.value);
  };
  fill(first, known);
  const [wanted, against] = location.hash.slice(1).split("/").map(decodeURIComponent);
  if (find(wanted)) first.value = wanted;
  others();
  if (against && [...second.options].some((one) => one.value === against)) second.value = against;
  first.addEventListener("change", () => { others(); show(); });
  second.addEventListener("change", show);
  side.addEventListener("change", show);
  document.getElementById("pair").hidden = false;
  show();
})();
