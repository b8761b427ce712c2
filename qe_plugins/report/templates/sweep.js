"use strict";
const drawn = JSON.parse(document.getElementById("drawn").textContent);

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

/* Figures with both signs get a diverging scale, others a ramp. */
function scale(values) {
  const known = values.flat().filter(v => v !== null);
  const least = Math.min(...known), most = Math.max(...known), wide = Math.max(Math.abs(least), Math.abs(most)) || 1;
  if (least < 0 && most > 0)
    return {zmin: -wide, zmax: wide, colorscale: [[0, colour("down")], [0.5, colour("card")], [1, colour("up")]]};
  const end = most <= 0 ? "down" : "up";
  const ramp = [[0, colour("card")], [1, colour(end)]];
  return {zmin: least, zmax: most === least ? least + 1 : most, colorscale: end === "up" ? ramp : [[0, colour("down")], [1, colour("card")]]};
}

const layout = margin => ({
  paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: colour("page"), margin,
  font: {family: "system-ui, sans-serif", size: 12, color: colour("ink")}, autosize: true, dragmode: false,
  hoverlabel: {bgcolor: colour("card"), bordercolor: colour("rule"), font: {color: colour("ink")}},
});
const config = {responsive: true, displayModeBar: false};

/* The middle of the known values as [value, text], the lower of two. */
function median(cells) {
  const known = cells.filter(([value]) => value !== null).sort(([a], [b]) => a - b);
  return known.length ? known[(known.length - 1) >> 1] : [null, cells.length ? cells[0][1] : ""];
}

function drawMap(at, rows, columns) {
  const down = drawn.axes[rows], across = drawn.axes[columns], figure = drawn.figures[at];
  const cells = down.values.map(() => across.values.map(() => []));
  for (const one of drawn.variants) cells[one.at[rows]][one.at[columns]].push([one.z[at], one.text[at]]);
  const middle = cells.map(row => row.map(median)), z = middle.map(row => row.map(cell => cell[0]));
  const axis = title => ({type: "category", title: {text: title}, automargin: true, fixedrange: true, showgrid: false, zeroline: false, linecolor: colour("rule")});
  Plotly.react("map", [{
    type: "heatmap", x: across.values, y: down.values, z, text: middle.map(row => row.map(cell => cell[1])),
    texttemplate: across.values.length * down.values.length <= 240 ? "%{text}" : "", customdata: cells.map(row => row.map(cell => cell.length)),
    hoverongaps: true, xgap: 2, ygap: 2, ...scale(z), colorbar: {thickness: 12, outlinewidth: 0},
    hovertemplate: down.key + " %{y}<br>" + across.key + " %{x}<br>" + figure.label + " %{text}<br>variants %{customdata}<extra></extra>",
  }], {...layout({l: 8, r: 8, t: 8, b: 8}), xaxis: axis(across.key), yaxis: {...axis(down.key), autorange: "reversed"}}, config);
}

const BANDS = 8;

/* Lines from axis to axis to the figure, without WebGL: a trace for each band of the figure, its lines separated by gaps. */
function drawAcross(at) {
  const known = drawn.variants.filter(one => one.z[at] !== null), z = known.map(one => one.z[at]), label = drawn.figures[at].label;
  const least = Math.min(...z), most = Math.max(...z), wide = Math.max(Math.abs(least), Math.abs(most)) || 1;
  const place = (value, low, high) => high > low ? (value - low) / (high - low) : 0.5;
  const traces = new Map();
  for (const one of known) {
    const value = one.z[at], strength = least < 0 && most > 0 ? Math.abs(value) / wide : most <= 0 ? 1 - place(value, least, most) : place(value, least, most);
    const band = Math.min(BANDS - 1, Math.floor(strength * BANDS)), name = (value < 0 ? "down" : "up") + band;
    if (!traces.has(name)) traces.set(name, {
      type: "scatter", mode: "lines", x: [], y: [], text: [], hovertemplate: "%{text}<extra></extra>", showlegend: false,
      opacity: 0.2 + 0.8 * band / (BANDS - 1), line: {color: colour(value < 0 ? "down" : "up"), width: 1.5},
    });
    const trace = traces.get(name), words = "#" + one.number + "<br>" + drawn.axes.map((axis, n) => axis.name + " " + axis.values[one.at[n]]).join("<br>") + "<br>" + label + " " + one.text[at];
    const heights = [...drawn.axes.map((axis, n) => place(one.at[n], 0, axis.values.length - 1)), place(value, least, most)];
    heights.forEach((height, n) => { trace.x.push(n); trace.y.push(height); trace.text.push(words); });
    trace.x.push(null); trace.y.push(null); trace.text.push("");
  }
  const note = (x, y, text) => ({x, y, text, showarrow: false, xanchor: "left", xshift: 4, bgcolor: colour("page"), opacity: 0.85, font: {size: 11}});
  const ends = [least, most].map(value => note(drawn.axes.length, place(value, least, most), known.find(one => one.z[at] === value)?.text[at] ?? ""));
  const marks = drawn.axes.flatMap((axis, n) => ticks(axis.values).map(([at, text]) => note(n, place(at, 0, axis.values.length - 1), text)));
  const names = [...drawn.axes.map(axis => axis.name), label];
  Plotly.react("across-all", [...traces.values()], {
    ...layout({l: 24, r: 64, t: 8, b: 32}), hovermode: "closest", annotations: [...marks, ...ends],
    xaxis: {tickvals: names.map((_, n) => n), ticktext: names, range: [-0.05, names.length - 0.9], fixedrange: true, showgrid: true, gridcolor: colour("rule"), zeroline: false},
    yaxis: {visible: false, range: [-0.06, 1.06], fixedrange: true},
  }, config);
}

/* At most twelve of an axis' values, as [place, text]. */
function ticks(values) {
  const every = Math.ceil(values.length / 12);
  return values.map((text, place) => [place, text]).filter((_, place) => place % every === 0);
}

function number(text) {
  const plain = text.replace(/[,%]/g, "");
  return plain !== "" && !isNaN(plain) ? Number(plain) : null;
}

function sort(table, at, head) {
  const up = head.getAttribute("aria-sort") !== "ascending";
  const rows = [...table.tBodies[0].rows].map(row => [row.cells[at]?.textContent.trim() ?? "", row]);
  const compare = ([a], [b]) => {
    const [m, n] = [number(a), number(b)];
    if (m !== null && n !== null) return up ? m - n : n - m;
    if ((m === null) !== (n === null)) return m === null ? 1 : -1;
    return up ? a.localeCompare(b) : b.localeCompare(a);
  };
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  table.tBodies[0].append(...rows.sort(compare).map(([, row]) => row));
}

for (const table of document.querySelectorAll("table.sortable"))
  [...table.tHead.rows[0].cells].forEach((head, at) => head.querySelector("button").addEventListener("click", () => sort(table, at, head)));

if (drawn) {
  const buttons = [...document.querySelectorAll("#figures button")], picks = ["down", "across"].map(id => document.getElementById(id));
  let shown = 0;
  const draw = () => {
    if (picks[0]) drawMap(shown, ...picks.map(pick => Number(pick.value)));
    drawAcross(shown);
  };
  for (const button of buttons) button.addEventListener("click", () => {
    shown = Number(button.dataset.figure);
    for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
    draw();
  });
  for (const pick of picks) pick?.addEventListener("change", draw);
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}
document.documentElement.dataset.drawn = "yes";
