"use strict";
(() => {
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);

  // The table of what did not succeed.

  function searchable(table, input, found) {
    const rows = [...table.tBodies[0].rows].map((row) => ({ row, text: row.textContent.toLowerCase() }));
    const show = () => {
      const wanted = input.value.trim().toLowerCase();
      let shown = 0;
      for (const { row, text } of rows) {
        row.hidden = !text.includes(wanted);
        shown += row.hidden ? 0 : 1;
      }
      found.textContent = wanted ? filled(table.dataset.shown, shown, rows.length) : "";
    };
    input.addEventListener("input", show);
    show();
  }

  const number = (value) => value.toLocaleString(root.lang);

  function filled(text, shown, all) {
    return text.replace("{shown}", number(shown)).replace("{all}", number(all));
  }

  if (byId("failures")) searchable(byId("failures"), byId("search"), byId("found"));

  if (!byId("data")) {
    root.dataset.state = "ready";
    return;
  }

  // The figures. All colours that are not data come from the style sheet, so that they follow light and dark.

  const { words, figures, clusters, began } = JSON.parse(byId("data").textContent);
  const config = {
    displaylogo: false,
    showTips: false,
    responsive: true,
    modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]],
  };
  const linked = { displayModeBar: false, showTips: false, responsive: true, doubleClick: false };

  function colors(layout) {
    const style = getComputedStyle(root);
    const color = (name) => style.getPropertyValue(name).trim();
    const wanted = {
      "font.color": color("--text"),
      "hoverlabel.bgcolor": color("--surface"),
      "hoverlabel.bordercolor": color("--line"),
      "hoverlabel.font.color": color("--text"),
      "modebar.bgcolor": "rgba(0,0,0,0)",
      "modebar.color": color("--muted"),
      "modebar.activecolor": color("--text"),
    };
    for (const axis of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
      for (const part of ["gridcolor", "linecolor", "tickcolor"]) wanted[`${axis}.${part}`] = color("--line");
      wanted[`${axis}.tickfont.color`] = color("--muted");
      wanted[`${axis}.zeroline`] = false;
      wanted[`${axis}.title.font.color`] = color("--muted");
    }
    return wanted;
  }

  function painted(layout) {
    const copy = structuredClone(layout);
    copy.font = { family: getComputedStyle(document.body).fontFamily, size: 12 };
    copy.hoverlabel = { align: "left" };
    for (const [path, value] of Object.entries(colors(copy))) {
      const keys = path.split(".");
      const last = keys.pop();
      let place = copy;
      for (const key of keys) place = place[key] = typeof place[key] === "object" ? place[key] : {};
      place[last] = value;
    }
    return copy;
  }

  const drawn = new Map();

  async function draw(id, figure, how = config) {
    const place = byId(id);
    await Plotly.react(place, figure.data, painted(figure.layout), how);
    drawn.set(place, figure.layout);
    return place;
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const [place, layout] of drawn) Plotly.relayout(place, colors(layout));
  });

  // The bars of the clusters that were in flight in the stretch of time that is shown.

  const MOST = 100;
  const ROW = 14;
  const [QUEUED, RUNNING, BAD, LOST, UNSEEN] = [0, 1, 2, 3, 4];
  const count = clusters.id.length;
  const whole = figures.bars.layout.xaxis.range;
  const haystack = clusters.name.map((name, index) => `${clusters.id[index]} ${name}`.toLowerCase());
  let stretch = whole;

  // Plotly reads some markup in its texts.
  const plain = (text) => text.replace(/\s+/g, " ").replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  function fitting(text, columns) {
    let room = columns;
    let fits = "";
    for (const character of text.replace(/\s+/g, " ")) {
      room -= character.codePointAt(0) > 0x10ff ? 2 : 1;
      if (room < 1) return `${fits}…`;
      fits += character;
    }
    return fits;
  }

  function duration(milliseconds) {
    const seconds = milliseconds / 1000;
    const fill = (text, ...parts) => parts.reduce((whole, part, place) => whole.replace(`{${place}}`, part), text);
    const two = (value) => String(value).padStart(2, "0");
    if (seconds < 10) return fill(words.seconds, String(Math.round(10 * seconds) / 10));
    const all = Math.round(seconds);
    if (all < 60) return fill(words.seconds, all);
    if (all < 3600) return fill(words.minutes, Math.floor(all / 60), two(all % 60));
    const minutes = Math.round(seconds / 60);
    return fill(words.hours, Math.floor(minutes / 60), two(minutes % 60));
  }

  function inStretch() {
    const wanted = byId("find").value.trim().toLowerCase();
    const only = byId("only-failures").checked;
    const [from, to] = stretch.map((time) => time - began);
    const fits = [];
    for (let index = 0; index < count; index += 1) {
      if (clusters.seen[index] < from || clusters.submitted[index] > to) continue;
      if (only && clusters.ok[index]) continue;
      if (wanted && !haystack[index].includes(wanted)) continue;
      fits.push(index);
    }
    return fits;
  }

  function longest(fits) {
    if (fits.length <= MOST) return fits;
    const took = (index) => clusters.seen[index] - clusters.submitted[index];
    return [...fits].sort((one, other) => took(other) - took(one)).slice(0, MOST).sort((one, other) => one - other);
  }

  function hover(index) {
    const { submitted, running, ended, seen } = clusters;
    const name = fitting(clusters.name[index], 80);
    const lines = [`<b>${plain(name)}</b> (${clusters.id[index]})`, plain(clusters.statuses[clusters.status[index]])];
    if (clusters.open[index]) {
      lines.push(`${clusters.ok[index] ? words.attached : words.open}: ≤ ${duration(seen[index] - submitted[index])}`);
    } else {
      lines.push(`${words.queued}: ${duration(running[index] - submitted[index])}`);
      lines.push(`${words.running}: ${duration(ended[index] - running[index])}`);
      lines.push(`${words.unseen}: ${duration(seen[index] - ended[index])}`);
    }
    return lines.join("<br>");
  }

  function barsOf(indices, margin) {
    const figure = structuredClone(figures.bars);
    for (const trace of figure.data) Object.assign(trace, { x: [], y: [], base: [], customdata: [] });
    const names = [];
    indices.forEach((index, row) => {
      const text = hover(index);
      const bar = (trace, from, to) => {
        if (to <= from) return;
        const { x, y, base, customdata } = figure.data[trace];
        x.push(to - from);
        y.push(row);
        base.push(began + from);
        customdata.push(text);
      };
      bar(QUEUED, clusters.submitted[index], clusters.running[index]);
      bar(clusters.ok[index] ? RUNNING : clusters.open[index] ? LOST : BAD, clusters.running[index], clusters.ended[index]);
      bar(UNSEEN, clusters.ended[index], clusters.seen[index]);
      names.push(plain(fitting(clusters.name[index], Math.floor((margin - 16) / 6.2))));
    });
    const { layout } = figure;
    layout.margin.l = margin;
    layout.margin.t = 40;
    layout.margin.b = 12;
    layout.height = ROW * Math.max(3, indices.length) + 52;
    layout.xaxis.range = stretch;
    layout.yaxis.range = [Math.max(3, indices.length) - 0.5, -0.5];
    layout.yaxis.autorange = false;
    Object.assign(layout.yaxis, { tickmode: "array", tickvals: names.map((_, row) => row), ticktext: names, tickfont: { size: 10.5 } });
    return figure;
  }

  function margin() {
    return Math.round(Math.min(210, 0.28 * byId("in-flight").clientWidth));
  }

  async function drawBars() {
    const fits = inStretch();
    const shown = longest(fits);
    const text = !fits.length ? words.none_shown : shown.length < fits.length ? words.some_shown : words.all_shown;
    byId("shown").textContent = filled(text, shown.length, fits.length);
    await draw("bars", barsOf(shown, margin()), linked);
  }

  // Plotly tells the ends of a date axis as numbers or as texts in UTC.
  function moment(time) {
    if (typeof time === "number") return time;
    const text = time.replace(" ", "T");
    return Date.parse(`${text.includes("T") ? text : `${text}T00:00`}Z`);
  }

  // The figure above always shows the whole time, and what lies outside the stretch in a shade.
  function shades() {
    const outside = (x0, x1) => ({ type: "rect", yref: "paper", x0, x1, y0: 0, y1: 1, line: { width: 0 }, fillcolor: "rgba(128,136,148,0.45)" });
    return [outside(whole[0], stretch[0]), outside(stretch[1], whole[1])].filter(({ x0, x1 }) => x1 > x0);
  }

  let showing = false;

  async function show(from, to) {
    showing = true;
    stretch = [Math.max(whole[0], from), Math.min(whole[1], to)];
    if (stretch[1] - stretch[0] < 1) stretch = whole;
    // Plotly changes the ranges that it was given.
    await Plotly.relayout(byId("in-flight"), { "xaxis.range": [...whole], "xaxis.autorange": false, shapes: shades() });
    await drawBars();
    showing = false;
  }

  function follow(place) {
    place.on("plotly_relayout", (change) => {
      const ends = change["xaxis.range"] ?? [change["xaxis.range[0]"], change["xaxis.range[1]"]];
      if (!showing && ends[0] !== undefined) show(...ends.map(moment));
    });
    place.on("plotly_doubleclick", () => show(...whole));
  }

  async function start() {
    figures.in_flight.layout.margin.l = margin();
    await draw("in-flight", figures.in_flight, linked);
    const first = longest(inStretch());
    if (first.length < count) {
      // Where the longest are begun first most are close together. The stretch of the first half shows how they ran.
      const ends = first.map((index) => clusters.seen[index]).sort((one, other) => one - other);
      const from = clusters.submitted[first[0]];
      await show(began + from, began + from + 1.1 * (ends[Math.floor(0.5 * ends.length)] - from));
    } else {
      await drawBars();
    }
    [byId("in-flight"), byId("bars")].forEach(follow);
    byId("find").addEventListener("input", drawBars);
    byId("only-failures").addEventListener("change", drawBars);
    for (const id of ["durations", "throughput"]) if (figures[id]) await draw(id, figures[id]);
    root.dataset.state = "ready";
  }

  start().catch((problem) => {
    root.dataset.state = "failed";
    throw problem;
  });
})();
