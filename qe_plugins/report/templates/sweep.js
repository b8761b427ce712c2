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

function drawMap(at) {
  const {x, y, across, down, figures} = drawn, figure = figures[at], div = document.getElementById("map");
  const axis = title => ({type: "category", title: {text: title}, automargin: true, fixedrange: true, showgrid: false, zeroline: false, linecolor: colour("rule")});
  Plotly.react(div, [{
    type: "heatmap", x, y, z: figure.z, text: figure.text, texttemplate: x.length * y.length <= 240 ? "%{text}" : "",
    hoverongaps: true, xgap: 2, ygap: 2, ...scale(figure.z), colorbar: {thickness: 12, outlinewidth: 0},
    hovertemplate: down + " %{y}<br>" + across + " %{x}<br>" + figure.label + " %{text}<extra></extra>",
  }], {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: colour("page"), margin: {l: 8, r: 8, t: 8, b: 8},
    font: {family: "system-ui, sans-serif", size: 12, color: colour("ink")}, autosize: true, dragmode: false,
    xaxis: axis(across), yaxis: {...axis(down), autorange: "reversed"},
    hoverlabel: {bgcolor: colour("card"), bordercolor: colour("rule"), font: {color: colour("ink")}},
  }, {responsive: true, displayModeBar: false});
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
  const buttons = [...document.querySelectorAll(".pick button")];
  let shown = 0;
  for (const button of buttons) button.addEventListener("click", () => {
    shown = Number(button.dataset.figure);
    for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
    drawMap(shown);
  });
  drawMap(0);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawMap(shown));
}
document.documentElement.dataset.drawn = "yes";
