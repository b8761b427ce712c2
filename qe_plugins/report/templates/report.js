"use strict";
const drawn = JSON.parse(document.getElementById("drawn").textContent);
const MOST_MARKS = 250;
const money = new Intl.NumberFormat("en-US", {minimumFractionDigits: 2, maximumFractionDigits: 2});
const PAPER_WIDTH = 650, PAPER_HALF = 296;  // pixels inside a section over the page, and over half of it
const small = () => window.innerWidth < 600;

/* A page is laid out for paper only after its charts are drawn, so paper has a fixed width. */
function printing() {
  return document.documentElement.classList.contains("paper");
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

function axis(extra) {
  return {gridcolor: colour("rule"), linecolor: colour("rule"), zerolinecolor: colour("rule"), automargin: true, ...extra};
}

function time(extra) {
  return axis({type: "date", showgrid: false, nticks: small() ? 4 : 10, ...extra});
}

function layout(div, extra) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: {family: "system-ui, sans-serif", size: 12, color: colour("muted")},
    margin: {l: 8, r: 8, t: 8, b: 8}, showlegend: false,
    autosize: !printing(), ...(printing() ? {width: div.closest(".two") ? PAPER_HALF : PAPER_WIDTH, height: div.clientHeight} : {}),
    hoverlabel: {bgcolor: colour("card"), bordercolor: colour("rule"), font: {color: colour("ink")}},
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom", ...extra,
  };
}

const options = {responsive: true, displayModeBar: false};

function drawEquity(div) {
  const {x, equity, drawdown} = drawn.equity;
  Plotly.react(div, [
    {x: drawn.benchmark.x, y: drawn.benchmark.equity, mode: "lines", line: {color: colour("muted"), width: 1.2, dash: "dot"}, name: "benchmark",
     hovertemplate: "%{x|%Y-%m-%d}<br>benchmark %{y:,.2f} " + drawn.currency + "<extra></extra>"},
    {x, y: equity, mode: "lines", line: {color: colour("line"), width: 1.8, shape: "hv"}, name: "equity",
     hovertemplate: "%{x|%Y-%m-%d %H:%M}<br>%{y:,.2f} " + drawn.currency + "<extra></extra>"},
    {x, y: drawdown, yaxis: "y2", mode: "lines", line: {color: colour("down"), width: 1, shape: "hv"}, fill: "tozeroy",
     fillcolor: colour("down") + "2e", name: "drawdown",
     hovertemplate: "%{x|%Y-%m-%d %H:%M}<br>%{y:.2f}%<extra></extra>"},
  ], layout(div, {
    xaxis: time({anchor: "y2"}),
    yaxis: axis({domain: [0.34, 1], tickformat: ",", fixedrange: true, nticks: 6}),
    yaxis2: axis({domain: [0, 0.27], ticksuffix: "%", fixedrange: true, rangemode: "tozero", nticks: 4}),
  }), options);
}

function drawMargin(div) {
  const {x, share, margin} = drawn.margin;
  Plotly.react(div, [{
    x, y: share, customdata: margin, mode: "lines", line: {color: colour("line"), width: 1.4, shape: "hv"},
    fill: "tozeroy", fillcolor: colour("band"),
    hovertemplate: "%{x|%Y-%m-%d %H:%M}<br>%{customdata:,.2f} " + drawn.currency + ", %{y:.2f}% of equity<extra></extra>",
  }], layout(div, {
    xaxis: time({fixedrange: true, nticks: 4}),
    yaxis: axis({ticksuffix: "%", fixedrange: true, rangemode: "tozero", nticks: 5}), dragmode: false,
  }), options);
}

function drawHours(div) {
  const {hour, pnl} = drawn.hours;
  Plotly.react(div, [{
    type: "bar", x: hour, y: pnl, marker: {color: pnl.map(v => colour(v < 0 ? "down" : "up"))},
    hovertemplate: "%{x}:00 to %{x}:59<br>%{y:,.2f} " + drawn.currency + "<extra></extra>",
  }], layout(div, {
    xaxis: axis({type: "category", showgrid: false, fixedrange: true, tickangle: 0, nticks: small() ? 8 : 24}),
    yaxis: axis({tickformat: ",", fixedrange: true}), bargap: 0.25, dragmode: false,
  }), options);
}

function drawSizes(div) {
  const {size, pnl} = drawn.capacity;
  Plotly.react(div, [{
    x: size, y: pnl, mode: "lines", line: {color: colour("line"), width: 1.8},
    hovertemplate: "%{x:,.1f} contracts<br>%{y:,.2f} " + drawn.currency + "<extra></extra>",
  }], layout(div, {
    xaxis: axis({title: {text: "contracts a trade"}, tickformat: ",", showgrid: false, fixedrange: true, rangemode: "tozero"}),
    yaxis: axis({tickformat: ",", fixedrange: true}), dragmode: false,
  }), options);
}

/* Every n-th of the trades or vetoes in view, at most MOST_MARKS; the hint below the chart names the number. */
function inView(starts, ends, range) {
  const rows = [];
  for (let i = 0; i < starts.length; i++)
    if (!range || ((ends[i] ?? starts[i]) >= range[0] && starts[i] <= range[1])) rows.push(i);
  const step = Math.ceil(rows.length / MOST_MARKS) || 1;
  return {of: rows.length, step, rows: rows.filter((_, n) => n % step === 0)};
}

function escaped(text) {
  const span = document.createElement("span");
  span.textContent = text;
  return span.innerHTML;
}

function markers(x, y, text, symbol, name, size) {
  return {x, y, text, mode: "markers", name, hovertemplate: "%{text}<extra></extra>",
          marker: {symbol, color: colour(name), size, line: {color: colour("card"), width: 1}}};
}

function tradeMarks(trades, rows) {
  const paths = {up: {x: [], y: []}, down: {x: [], y: []}};
  for (const i of rows.filter(i => trades.closed[i] !== null)) {
    const path = paths[trades.pnl[i] < 0 ? "down" : "up"];
    path.x.push(trades.opened[i], trades.closed[i], null);
    path.y.push(trades.entry[i], trades.exit[i], null);
  }
  const size = rows.length > 80 ? 7 : 10;
  const marks = Object.entries(paths).map(([name, path]) =>
    ({...path, mode: "lines", line: {color: colour(name), width: 1.4, dash: "dot"}, hoverinfo: "skip"}));
  const label = i => `${trades.side[i]} ${trades.quantity[i]}, ${escaped(trades.strategy[i])}`;
  for (const [side, symbol, name] of [["LONG", "triangle-up", "up"], ["SHORT", "triangle-down", "down"]]) {
    const own = rows.filter(i => trades.side[i] === side);
    marks.push(markers(own.map(i => trades.opened[i]), own.map(i => trades.entry[i]),
      own.map(i => `enter ${label(i)}<br>at ${trades.entry[i]}`), symbol, name, size));
  }
  const done = rows.filter(i => trades.closed[i] !== null);
  marks.push(markers(done.map(i => trades.closed[i]), done.map(i => trades.exit[i]),
    done.map(i => `exit ${label(i)}<br>at ${trades.exit[i]}, ${money.format(trades.pnl[i])} ${drawn.currency}`),
    "circle", "ink", size * 0.6));
  return marks;
}

function vetoMarks(vetoes, rows) {
  return markers(rows.map(i => vetoes.x[i]), rows.map(i => vetoes.y[i]),
    rows.map(i => `veto of ${vetoes.side[i]} by ${escaped(vetoes.plugin[i])}<br>${escaped(vetoes.reason[i])}`),
    "x", "veto", rows.length > 80 ? 6 : 8);
}

function rollMarks(rolls) {
  const labels = rolls.x.map((_, i) => `roll: ${rolls.side[i] === "BUY" ? "bought" : "sold"} ${rolls.quantity[i]} `
    + `${escaped(rolls.contract[i])}<br>at ${rolls.y[i]}, ${escaped(rolls.strategy[i])}<br>${escaped(rolls.reason[i])}`);
  return markers(rolls.x, rolls.y, labels, "diamond", "veto", 10);
}

/* A line must not run through a weekend: cut it where the market was closed. */
function segments(line) {
  const step = (line.x.at(-1) - line.x[0]) / line.x.length, gap = Math.max(12 * 3600e3, 4 * step), cuts = [0];
  line.x.forEach((x, i) => { if (i && x - line.x[i - 1] > gap) cuts.push(i); });
  return cuts.map((cut, n) => [cut, cuts[n + 1] ?? line.x.length]);
}

function band(line) {
  const x = [], y = [];
  for (const [from, to] of segments(line)) {
    const xs = line.x.slice(from, to), low = line.low.slice(from, to);
    x.push(...xs, ...xs.toReversed(), null);
    y.push(...line.high.slice(from, to), ...low.toReversed(), null);
  }
  return {x, y, mode: "lines", line: {width: 0}, fill: "toself", fillcolor: colour("band"), hoverinfo: "skip"};
}

function closes(line, name) {
  const parts = segments(line);
  return {x: parts.flatMap(([from, to]) => [...line.x.slice(from, to), null]),
          y: parts.flatMap(([from, to]) => [...line.close.slice(from, to), null]),
          mode: "lines", line: {color: colour(name), width: 1.2},
          hovertemplate: `${escaped(line.name)}<br>%{x|%Y-%m-%d %H:%M}<br>%{y}<extra></extra>`};
}

function priceLines(lines) {
  return lines.flatMap((line, n) => [band(line), closes(line, n % 2 ? "line-2" : "line")]);
}

/* Where positions were rolled, that is where the contract changes; else where its line begins. */
function contractChanges(lines, rolls) {
  const moments = rolls.x.length ? [...new Set(rolls.x)] : lines.slice(1).map(line => line.x[0]);
  return moments.map(x => ({type: "line", x0: x, x1: x, yref: "paper", y0: 0, y1: 1,
    line: {color: colour(rolls.x.length ? "veto" : "muted"), width: 1, dash: "dot"}}));
}

function contractNames(lines) {
  return lines.length > (small() ? 3 : 12) ? [] : lines.map((line, n) => ({
    x: line.x[0], y: 1, yref: "paper", yanchor: "top", xanchor: "left", showarrow: false,
    text: escaped(line.name.split(".")[0]), font: {color: colour(n % 2 ? "line-2" : "line"), size: 12},
    bgcolor: colour("card"), borderpad: 2,
  }));
}

function heights(lines, range) {
  let low = Infinity, high = -Infinity;
  for (const line of lines)
    line.x.forEach((x, i) => {
      if (range && (x < range[0] || x > range[1])) return;
      low = Math.min(low, line.low[i]);
      high = Math.max(high, line.high[i]);
    });
  const room = (high - low) * 0.06 || 1;
  return low < high + room ? [low - room, high + room] : undefined;
}

function counted(what, seen) {
  const number = seen.of.toLocaleString("en-US"), named = seen.of === 1 ? what[0] : what[1];
  if (seen.step === 1) return `${number} ${named} in view.`;
  return `One in ${seen.step} of ${number} ${named} in view: zoom in to see all.`;
}

function drawPrices(div, range) {
  const chart = drawn.prices[div.dataset.chart], {lines, trades, vetoes, rolls} = chart;
  const seen = inView(trades.opened, trades.closed, range), refused = inView(vetoes.x, vetoes.x, range);
  const candles = candlesInView(div, chart, range);
  if (!printing()) div.shown = range;
  div.parentElement.querySelector(".seen").textContent = `${counted(["trade", "trades"], seen)} ${counted(["veto", "vetoes"], refused)}`
    + (candles ? ` Candles of ${widthInWords(candles.width)}.` : "");
  const behind = candles ? (candles.around ? lines.map(line => lineBetween(line, candles)) : []) : priceLines(lines);
  const levels = candles ? tradeLevels(trades, seen.rows, range) : [];
  const sticks = candles ? candles.series.map(drawnCandles) : [];
  return Plotly.react(div, [...behind, ...sticks, ...levels, ...tradeMarks(trades, seen.rows), vetoMarks(vetoes, refused.rows), rollMarks(rolls)],
    layout(div, {
      hovermode: "closest",
      xaxis: time({range, autorange: !range, rangeslider: {visible: false}}),
      yaxis: axis({tickformat: ",", fixedrange: true, range: candles ? candleHeights(candles, levels) : heights(lines, range)}),
      shapes: contractChanges(lines, rolls), annotations: contractNames(lines),
    }), options);
}

function zoomed(div, change) {
  if (change["xaxis.autorange"]) return drawPrices(div, undefined);
  if (!("xaxis.range[0]" in change)) return undefined;
  return drawPrices(div, ["xaxis.range[0]", "xaxis.range[1]"].map(key => moment(change[key])));
}

function moment(end) {
  return typeof end === "number" ? end : Date.parse(end.replace(" ", "T") + "Z");
}

function sortBy(header) {
  const body = header.closest("table").tBodies[0], column = header.cellIndex;
  const down = header.getAttribute("aria-sort") === "ascending";
  for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  const value = row => row.cells[column].textContent.trim();
  const number = text => Number(text.replaceAll(",", ""));
  const order = header.classList.contains("text")
    ? (a, b) => value(a).localeCompare(value(b)) : (a, b) => number(value(a)) - number(value(b));
  body.append(...[...body.rows].sort((a, b) => down ? order(b, a) : order(a, b)));
}
