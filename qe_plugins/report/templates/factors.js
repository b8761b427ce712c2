"use strict";
const drawn = JSON.parse(document.getElementById("drawn").textContent);

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

function draw() {
  const look = {chance: ["muted", 5, 0.45], survivor: ["veto", 8, 0.95], "family-wise": ["up", 10, 1]};
  const traces = drawn.groups.filter(group => group.x.length).map(group => {
    const [shade, size, opacity] = look[group.name];
    return {
      type: "scatter", mode: "markers", name: group.name, x: group.x, y: group.y, text: group.text,
      marker: {size, opacity, color: colour(shade)},
      hovertemplate: "%{text}<br>explore %{x}, confirm %{y}<extra></extra>",
    };
  });
  const widest = Math.max(4, drawn.critical + 0.5, ...drawn.groups.flatMap(g => [...g.x, ...g.y]).map(Math.abs)) * 1.05;
  const line = {width: 1, dash: "dot", color: colour("veto")}, c = drawn.critical;
  const corner = (x, y) => [
    {type: "line", x0: x * c, x1: x * widest, y0: y * c, y1: y * c, line},
    {type: "line", x0: x * c, x1: x * c, y0: y * c, y1: y * widest, line},
  ];
  const cloud = {
    type: "circle", x0: -drawn.cloud, x1: drawn.cloud, y0: -drawn.cloud, y1: drawn.cloud, layer: "below",
    line: {width: 1, color: colour("rule")}, fillcolor: colour("muted"), opacity: 0.12,
  };
  const place = document.getElementById("scatter");
  const axis = title => ({title: {text: title}, range: [-widest, widest], gridcolor: colour("rule"), zerolinecolor: colour("muted"), fixedrange: true});
  Plotly.react(place, traces, {
    width: place.clientWidth, height: place.clientHeight,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: colour("page"), margin: {l: 52, r: 12, t: 8, b: 44},
    font: {family: "system-ui, sans-serif", size: 12, color: colour("ink")}, dragmode: false,
    xaxis: axis("t, explore half"), yaxis: axis("t, confirm half"), shapes: [cloud, ...corner(1, 1), ...corner(-1, -1)],
    legend: {orientation: "h", y: 1.06, x: 0}, hoverlabel: {bgcolor: colour("card"), bordercolor: colour("rule"), font: {color: colour("ink")}},
  }, {displayModeBar: false});
}

draw();
new ResizeObserver(draw).observe(document.getElementById("scatter"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
