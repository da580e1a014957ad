"use strict";
// The page is complete without this file: it adds the charts, the order of tables, the
// choice of a load and of a theme. Names come from strangers, so text is only ever set as
// text.
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  const css = name => getComputedStyle(root).getPropertyValue(name).trim();
  const make = (tag, attributes, ...children) => {
    const e = document.createElement(tag);
    for (const [k, v] of Object.entries(attributes || {})) e.setAttribute(k, v);
    e.append(...children);
    return e;
  };
  const plots = [];

  // Numbers, with three significant digits as elsewhere in the reports.
  const digits = x => {
    const a = Math.abs(x);
    if (a === 0) return "0";
    if (a >= 999.5) return Math.round(x).toLocaleString("en-US");
    return String(Number(x.toPrecision(3)));
  };
  const duration = ms => {
    if (ms === 0) return "0";
    const a = Math.abs(ms);
    if (a < 0.9995e-3) return digits(ms * 1e6) + "ns";
    if (a < 0.9995) return digits(ms * 1e3) + "µs";
    if (a < 999.5) return digits(ms) + "ms";
    return a < 99950 ? digits(ms / 1e3) + "s" : clock(ms / 1e3);
  };
  const clock = s => {
    const two = n => String(n).padStart(2, "0");
    const tenths = Math.round(s * 100) / 100, whole = Math.floor(tenths);
    if (tenths < 60) return tenths + "s";
    const rest = two(whole % 60) + (tenths > whole ? String(Math.round((tenths - whole) * 100) / 100).slice(1) : "");
    const m = Math.floor(whole / 60);
    return m < 60 ? m + ":" + rest : Math.floor(m / 60) + ":" + two(m % 60) + ":" + rest;
  };
  const percentile = x => {
    const nines = Math.max(0, Math.ceil(Math.log10(x) - 1e-9) - 1);
    return (100 * (1 - 1 / x)).toFixed(Math.min(nines, 6)).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "") + "%";
  };
  const format = (unit, v) => {
    if (v == null) return "";
    switch (unit) {
      case "ms": return duration(v);
      case "s": return clock(v);
      case "/s": return digits(v) + "/s";
      case "share": return digits(v * 100) + "%";
      case "quantile": return percentile(v);
    }
    return digits(v);
  };

  // Colours.
  const color = n => css("--c" + (n % 8));
  const tone = t => css({ good: "--good", warn: "--warn", bad: "--bad" }[t] || "--dim");
  const isDark = () => css("color-scheme") === "dark" || getComputedStyle(root).colorScheme === "dark";
  const ramps = { light: ["#e4efd0", "#7fcdbb", "#2c7fb8", "#0b2a63"], dark: ["#16305c", "#2c7fb8", "#7fcdbb", "#ffffcc"] };
  const heatColor = share => {
    const stops = ramps[isDark() ? "dark" : "light"];
    const at = share * (stops.length - 1), i = Math.min(Math.floor(at), stops.length - 2), f = at - i;
    const part = (c, k) => parseInt(c.slice(1 + 2 * k, 3 + 2 * k), 16);
    return "rgb(" + [0, 1, 2].map(k => Math.round(part(stops[i], k) * (1 - f) + part(stops[i + 1], k) * f)).join(",") + ")";
  };

  // What is drawn besides the series. Coordinates are those of the canvas.
  const ratio = () => window.devicePixelRatio || 1;
  const font = size => Math.round(size * ratio()) + "px system-ui, sans-serif";
  const fit = (ctx, text, width) => {
    if (ctx.measureText(text).width <= width) return text;
    const runes = Array.from(text);
    while (runes.length > 1 && ctx.measureText(runes.join("") + "…").width > width) runes.pop();
    return runes.length > 1 ? runes.join("") + "…" : "";
  };
  const clipped = (u, draw) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    draw(ctx, bbox);
    ctx.restore();
  };
  const hatch = (ctx, left, top, width, height) => {
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    ctx.strokeStyle = css("--dim");
    ctx.globalAlpha = 0.35;
    ctx.lineWidth = ratio();
    ctx.beginPath();
    const step = 9 * ratio();
    for (let x = left - height; x < left + width; x += step) {
      ctx.moveTo(x, top + height);
      ctx.lineTo(x + height, top);
    }
    ctx.stroke();
    ctx.restore();
  };
  const drawZones = (u, zones) => clipped(u, (ctx, bbox) => {
    for (const z of zones) {
      const from = u.valToPos(z.from, "x", true), to = u.valToPos(z.to, "x", true);
      if (z.shaded) {
        ctx.fillStyle = z.tone ? tone(z.tone) : css("--text");
        ctx.globalAlpha = z.tone ? 0.12 : 0.045;
        ctx.fillRect(from, bbox.top, to - from, bbox.height);
        ctx.globalAlpha = 1;
      }
      if (z.hatched) hatch(ctx, from, bbox.top, to - from, bbox.height);
    }
  });
  const drawHeat = (u, chart) => clipped(u, ctx => {
    const { edges, columns } = chart.heat;
    const most = Math.log(1 + heatMost(chart.heat));
    const ys = edges.map(e => Math.round(u.valToPos(e, "y", true)));
    const xs = chart.data.map(x => Math.round(u.valToPos(x, "x", true)));
    columns.forEach((cells, i) => {
      for (let k = 0; k < cells.length; k += 2) {
        const row = cells[k];
        ctx.fillStyle = heatColor(Math.log(1 + cells[k + 1]) / most);
        ctx.fillRect(xs[i], ys[row + 1], Math.max(1, xs[i + 1] - xs[i]), Math.max(1, ys[row] - ys[row + 1]));
      }
    });
  });
  const heatMost = heat => heat.columns.reduce((most, cells) => cells.reduce((m, n, k) => k % 2 && n > m ? n : m, most), 1);
  const drawLabels = (u, chart) => clipped(u, (ctx, bbox) => {
    const pad = 4 * ratio();
    ctx.font = font(11);
    ctx.textBaseline = "top";
    for (const z of chart.zones || []) {
      const from = Math.max(u.valToPos(z.from, "x", true), bbox.left);
      const to = Math.min(u.valToPos(z.to, "x", true), bbox.left + bbox.width);
      ctx.textAlign = "left";
      halo(ctx, fit(ctx, z.label, to - from - 2 * pad), from + pad, bbox.top + pad, z.tone ? tone(z.tone) : css("--dim"));
    }
    (chart.marks || []).forEach((m, i) => drawMark(u, ctx, bbox, m, i));
  });
  const halo = (ctx, text, x, y, fill) => {
    ctx.lineWidth = 3 * ratio();
    ctx.strokeStyle = css("--card");
    ctx.setLineDash([]);
    ctx.lineJoin = "round";
    ctx.strokeText(text, x, y);
    ctx.fillStyle = fill;
    ctx.fillText(text, x, y);
  };
  const drawMark = (u, ctx, bbox, m, i) => {
    const r = ratio(), right = bbox.left + bbox.width, bottom = bbox.top + bbox.height;
    const at = Math.round(u.valToPos(m.at, m.on_y ? "y" : "x", true)) + 0.5;
    if (m.on_y ? at < bbox.top || at > bottom : at < bbox.left || at > right) return;
    ctx.strokeStyle = tone(m.tone);
    ctx.lineWidth = (m.bold ? 2.5 : 1.2) * r;
    ctx.setLineDash(m.bold ? [] : [5 * r, 4 * r]);
    ctx.beginPath();
    ctx.moveTo(m.on_y ? bbox.left : at, m.on_y ? at : bbox.top);
    ctx.lineTo(m.on_y ? right : at, m.on_y ? at : bottom);
    ctx.stroke();
    ctx.textBaseline = m.on_y && at > bbox.top + 18 * r ? "bottom" : "top";
    const text = fit(ctx, m.label, bbox.width / 2), width = ctx.measureText(text).width;
    const left = !m.on_y && at + 4 * r + width > right;
    ctx.textAlign = m.on_y || left ? "right" : "left";
    if (m.on_y) halo(ctx, text, right - 4 * r, at - 2 * r, tone(m.tone));
    else halo(ctx, text, left ? at - 4 * r : at + 4 * r, bbox.top + (20 + 14 * (i % 3)) * r, tone(m.tone));
  };

  // Series.
  const shape = (path, kind, x, y, s) => {
    switch (kind) {
      case "square": path.rect(x - s, y - s, 2 * s, 2 * s); return;
      case "triangle": path.moveTo(x, y - 1.2 * s); path.lineTo(x + 1.2 * s, y + s); path.lineTo(x - 1.2 * s, y + s); path.closePath(); return;
      case "diamond": path.moveTo(x, y - 1.4 * s); path.lineTo(x + 1.4 * s, y); path.lineTo(x, y + 1.4 * s); path.lineTo(x - 1.4 * s, y); path.closePath(); return;
      case "cross": path.moveTo(x - s, y - s); path.lineTo(x + s, y + s); path.moveTo(x + s, y - s); path.lineTo(x - s, y + s); return;
    }
    path.moveTo(x + s, y);
    path.arc(x, y, s, 0, 2 * Math.PI);
  };
  const pointPaths = kind => (u, index, from, to) => {
    const path = new Path2D(), xs = u.data[0], ys = u.data[index];
    for (let i = from; i <= to; i++) {
      if (ys[i] == null || xs[i] < u.scales.x.min || xs[i] > u.scales.x.max) continue;
      shape(path, kind, u.valToPos(xs[i], "x", true), u.valToPos(ys[i], "y", true), 4 * ratio());
    }
    return { stroke: path, fill: kind === "cross" ? null : path };
  };
  // A point without neighbours makes no line, so it is drawn as a point.
  const alone = (u, index) => {
    const ys = u.data[index], out = [];
    if (u.series[index].spanGaps && ys.length > 1) return out;
    for (let i = 0; i < ys.length; i++) if (ys[i] != null && ys[i - 1] == null && ys[i + 1] == null) out.push(i);
    return out;
  };
  const seriesOf = (s, joined, edge) => {
    const stroke = () => color(s.color);
    const out = { label: s.name, show: !s.hidden, stroke, width: s.quiet && edge ? 0 : 1.8, dash: s.dash, spanGaps: joined };
    if (s.fill) out.fill = () => color(s.color) + "22";
    if (s.step) out.paths = uPlot.paths.stepped({ align: 1 });
    if (s.points) {
      out.paths = () => null;
      out.points = { show: true, stroke, fill: stroke, width: 1.6, paths: pointPaths(s.marker) };
    } else {
      out.points = s.quiet ? { show: false } : { show: true, size: 5, fill: stroke, stroke, filter: alone };
    }
    return out;
  };
  // Series with x values of their own share one axis. A value stands on it as often as a
  // series has it, so that all points at the same place stay.
  const join = chart => {
    const times = new Map(), first = new Map(), xs = [];
    for (const s of chart.series) {
      const own = new Map();
      for (const x of s.x || chart.data) own.set(x, (own.get(x) || 0) + 1);
      for (const [x, n] of own) times.set(x, Math.max(n, times.get(x) || 0));
    }
    for (const x of [...times.keys()].sort((a, b) => a - b)) {
      first.set(x, xs.length);
      for (let i = 0; i < times.get(x); i++) xs.push(x);
    }
    return [xs, ...chart.series.map(s => {
      const ys = new Array(xs.length).fill(undefined), used = new Map();
      (s.x || chart.data).forEach((x, i) => {
        const n = used.get(x) || 0;
        used.set(x, n + 1);
        ys[first.get(x) + n] = s.y[i];
      });
      return ys;
    })];
  };
  const dataOf = chart => {
    if (chart.heat) return [chart.data.slice(0, -1), chart.data.slice(0, -1).map(() => null)];
    if (!chart.series.some(s => s.x)) return [chart.data, ...chart.series.map(s => s.y)];
    return join(chart);
  };

  // Scales and axes.
  const rangeX = chart => {
    const all = dataOf(chart)[0], axis = chart.x;
    const first = axis.min ?? all[0] ?? 0, last = axis.max ?? (chart.heat ? chart.data.at(-1) : all.at(-1)) ?? 1;
    return (u, lo, hi) => {
      if (lo == null || (lo === all[0] && hi === all.at(-1))) [lo, hi] = [first, last];
      if (hi > lo) return [lo, hi];
      return axis.log ? [lo / 2, lo * 2] : [lo - 0.5, lo + 0.5];
    };
  };
  const rangeY = chart => (u, lo, hi) => {
    const axis = chart.y;
    if (chart.heat) return [chart.heat.edges[0], chart.heat.edges.at(-1)];
    for (const m of chart.marks || []) if (m.on_y && hi != null && m.at <= hi * 3) hi = Math.max(hi, m.at);
    if (axis.log) {
      if (lo == null || !(hi > 0)) return [axis.min ?? 1, axis.max ?? 10];
      return [axis.min ?? lo / 1.3, axis.max ?? Math.max(hi * 1.35, lo * 2.5)];
    }
    const top = axis.max ?? (hi > 0 ? hi * 1.12 : 1), bottom = axis.min ?? Math.min(0, (lo ?? 0) * 1.12);
    return [bottom, top > bottom ? top : bottom + 1];
  };
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  // Log axes: the powers of ten, with 2 and 5 between them where there are few.
  const logSplits = (u, index, lo, hi) => {
    const { width, height } = u.bbox, decades = Math.max(Math.log10(hi / lo), 0.1), out = [];
    const wide = index === 0 ? width / ratio() / decades < 190 : height / ratio() / decades < 62;
    for (let p = Math.floor(Math.log10(lo)); p <= Math.log10(hi); p++) {
      for (const k of wide ? [1] : [1, 2, 5]) {
        const v = k * 10 ** p;
        if (v >= lo * 0.999 && v <= hi * 1.001) out.push(Number(v.toPrecision(3)));
      }
    }
    return out;
  };
  const axisOf = (axis, isX) => {
    const out = {
      label: axis.label, stroke: () => css("--dim"), font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif",
      labelSize: 20, size: isX ? 32 : 60, gap: 4, values: (u, all) => all.map(v => format(axis.unit, v)),
      grid: { stroke: () => css("--grid"), width: 1 }, ticks: { stroke: () => css("--grid"), width: 1, size: 5 },
    };
    if (axis.unit === "s") out.incrs = steps;
    if (axis.log) {
      out.splits = logSplits;
      out.filter = (u, all) => all;
    }
    if (isX) out.space = 64;
    return out;
  };

  // Legend: a button per series, with its value under the cursor.
  const swatch = s => {
    const ns = "http://www.w3.org/2000/svg", svg = document.createElementNS(ns, "svg");
    for (const [k, v] of [["width", 26], ["height", 10], ["aria-hidden", "true"]]) svg.setAttribute(k, v);
    const set = (tag, attributes) => {
      const e = document.createElementNS(ns, tag);
      for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
      e.style.stroke = "var(--c" + (s.color % 8) + ")";
      svg.append(e);
      return e;
    };
    if (!s.points) set("line", { x1: 0, x2: 26, y1: 5, y2: 5, "stroke-width": 2.4, "stroke-dasharray": (s.dash || []).join(" ") });
    else {
      const d = { square: "M9 1h8v8h-8z", triangle: "M13 0l5 9h-10z", diamond: "M13 0l5 5-5 5-5-5z", cross: "M9 1l8 8M17 1l-8 8" }[s.marker] || "M9 5a4 4 0 1 0 8 0a4 4 0 1 0-8 0";
      set("path", { d, "stroke-width": 1.6 }).style.fill = s.marker === "cross" ? "none" : "var(--c" + (s.color % 8) + ")";
    }
    return svg;
  };
  const legendOf = (chart, holder) => {
    const at = make("span", { class: "at" });
    const legend = make("div", { class: "legend", role: "group", "aria-label": "Series of " + chart.title });
    const values = [];
    if (chart.heat) {
      const ramp = make("span", { class: "ramp" });
      holder.paint = () => { ramp.style.background = "linear-gradient(90deg," + [0, 1 / 3, 2 / 3, 1].map(heatColor).join(",") + ")"; };
      holder.paint();
      legend.append("1 ", ramp, " " + digits(heatMost(chart.heat)) + " " + chart.heat.what + " in a cell ", at);
      return { legend, at, values };
    }
    chart.series.forEach((s, i) => {
      if (s.quiet) return;
      const value = make("span", { class: "value" }), button = make("button", { type: "button", "aria-pressed": String(!s.hidden) }, swatch(s), s.name, value);
      button.addEventListener("click", () => {
        const show = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(show));
        holder.plot.setSeries(i + 1, { show });
      });
      values[i] = value;
      legend.append(button);
    });
    legend.append(at);
    return { legend, at, values };
  };
  const heatAt = (chart, u, i) => {
    const y = u.posToVal(u.cursor.top, "y"), row = chart.heat.edges.findIndex((e, k) => y >= e && y < chart.heat.edges[k + 1]);
    const cells = chart.heat.columns[i] || [];
    let n = 0;
    for (let k = 0; k < cells.length; k += 2) if (cells[k] === row) n = cells[k + 1];
    if (row < 0) return "";
    return ": " + digits(n) + " " + chart.heat.what + " of " + format(chart.y.unit, chart.heat.edges[row]) + " to " + format(chart.y.unit, chart.heat.edges[row + 1]);
  };
  const readOut = (chart, u, parts) => {
    const i = u.cursor.idx, on = i != null && u.cursor.left >= 0;
    parts.at.textContent = on ? format(chart.x.unit, u.data[0][i]) + (chart.heat ? heatAt(chart, u, i) : "") : "";
    parts.values.forEach((e, k) => { e.textContent = on && u.data[k + 1][i] != null ? format(chart.y.unit, u.data[k + 1][i]) : ""; });
  };

  // Keyboard: arrows move the cursor, + and − zoom, Escape shows everything.
  const keys = (div, u) => {
    div.tabIndex = 0;
    div.addEventListener("keydown", e => {
      const xs = u.data[0], { min, max } = u.scales.x;
      const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[e.key];
      const middle = xs[u.cursor.idx ?? Math.floor(xs.length / 2)];
      if (step) {
        const i = Math.max(0, Math.min(xs.length - 1, (u.cursor.idx ?? 0) + step));
        u.setCursor({ left: u.valToPos(xs[i], "x"), top: Math.max(u.cursor.top, 10) }, true, true);
      } else if (e.key === "+") u.setScale("x", { min: middle - (middle - min) / 2, max: middle + (max - middle) / 2 });
      else if (e.key === "-" || e.key === "Escape") u.setScale("x", { min: xs[0], max: xs.at(-1) });
      else return;
      e.preventDefault();
    });
  };

  const build = chart => {
    const figure = document.getElementById(chart.id);
    const div = figure && figure.querySelector(".plot");
    if (!div) return;
    const holder = { div, height: chart.height || 260 };
    const parts = legendOf(chart, holder), joined = chart.series ? chart.series.some(s => s.x) : false;
    const cursor = { drag: { x: true, y: false }, points: { show: !chart.heat }, y: Boolean(chart.heat) };
    if (chart.sync) cursor.sync = { key: chart.sync, scales: ["x", null] };
    const plot = new uPlot({
      width: Math.max(div.clientWidth, 200), height: holder.height, legend: { show: false }, cursor,
      padding: [10, 12, 0, 0],
      scales: {
        x: { time: false, distr: chart.x.log ? 3 : 1, range: rangeX(chart) },
        y: { distr: chart.y.log ? 3 : 1, range: rangeY(chart) },
      },
      axes: [axisOf(chart.x, true), axisOf(chart.y, false)],
      series: [{}, ...(chart.heat ? [{ stroke: "transparent" }] : chart.series.map((s, i) => seriesOf(s, joined, (chart.bands || []).some(b => b.upper === i || b.lower === i))))],
      bands: (chart.bands || []).map(b => ({ series: [b.upper + 1, b.lower + 1], fill: () => color(b.color) + "30" })),
      hooks: {
        drawClear: [u => { drawZones(u, chart.zones || []); if (chart.heat) drawHeat(u, chart); }],
        draw: [u => drawLabels(u, chart)],
        setCursor: [u => readOut(chart, u, parts)],
      },
    }, dataOf(chart), div);
    holder.plot = plot;
    keys(div, plot);
    div.after(parts.legend);
    plots.push(holder);
  };
  const resize = width => {
    for (const p of plots) {
      const w = width || p.div.clientWidth;
      if (w > 0 && w !== p.plot.width) p.plot.setSize({ width: w, height: p.height });
    }
  };
  const repaint = () => {
    for (const p of plots) {
      p.plot.redraw(false, true);
      if (p.paint) p.paint();
    }
  };
  const charts = JSON.parse(document.getElementById("charts").textContent) || [];
  charts.forEach(build);
  let waiting = 0;
  new ResizeObserver(() => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => resize());
  }).observe(document.getElementById("content"));

  // Theme.
  const button = document.getElementById("theme"), themes = ["auto", "light", "dark"];
  const setTheme = name => {
    if (name === "auto") root.removeAttribute("data-theme");
    else root.setAttribute("data-theme", name);
    button.textContent = "Theme: " + name;
    repaint();
  };
  let theme = 0;
  button.addEventListener("click", () => { theme = (theme + 1) % 3; setTheme(themes[theme]); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  const opened = [];
  addEventListener("beforeprint", () => {
    root.setAttribute("data-theme", "light");
    for (const d of document.querySelectorAll("details.folded:not([open])")) {
      d.open = true;
      opened.push(d);
    }
    resize(680);
    repaint();
  });
  addEventListener("afterprint", () => {
    for (const d of opened.splice(0)) d.open = false;
    setTheme(themes[theme]);
    resize();
  });

  // The choice of a load.
  const choice = document.getElementById("group");
  if (choice) choice.addEventListener("change", () => {
    for (const e of document.querySelectorAll("[data-group]")) e.hidden = choice.value !== "" && e.dataset.group !== choice.value;
    resize();
  });

  // Tables that can be sorted.
  const keyOf = (row, i) => {
    const c = row.cells[i];
    return c.dataset.sort !== undefined ? Number(c.dataset.sort) : c.textContent;
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a !== typeof b) return typeof a === "number" ? 1 : -1; // what has no figure comes first
    return a.localeCompare(b, "en", { numeric: true });
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = Array.from(table.tHead.rows[0].cells);
    heads.forEach((head, i) => {
      const b = make("button", { type: "button" }, head.textContent);
      head.replaceChildren(b);
      b.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : head.classList.contains("n");
        for (const h of heads) h.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0], rows = Array.from(body.rows);
        rows.sort((x, y) => (down ? -1 : 1) * compare(keyOf(x, i), keyOf(y, i)));
        body.append(...rows);
      });
    });
  }

  // Contents: where the reader is.
  const links = new Map(Array.from(document.querySelectorAll(".contents a"), a => [a.hash.slice(1), a]));
  const seen = new IntersectionObserver(all => {
    for (const e of all) {
      const link = links.get(e.target.id);
      if (!e.isIntersecting || !link) continue;
      for (const a of links.values()) a.removeAttribute("aria-current");
      link.setAttribute("aria-current", "location");
    }
  }, { rootMargin: "-10% 0px -80% 0px" });
  for (const s of document.querySelectorAll("main > section")) seen.observe(s);
})();
