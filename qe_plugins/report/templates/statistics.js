/* Charts of returns and trades as samples; then all charts of the page are drawn. */
function drawRolling(div) {
  const {day, sharpe, volatility} = drawn.rolling;
  const line = (y, name, unit, yaxis) => ({x: day, y, yaxis, mode: "lines", line: {color: colour(name), width: 1.4},
    hovertemplate: `%{x|%Y-%m-%d}<br>%{y:.2f}${unit}<extra></extra>`});
  Plotly.react(div, [line(sharpe, "line", "", "y"), line(volatility, "veto", "%", "y2")], layout(div, {
    xaxis: time({anchor: "y2", fixedrange: true, nticks: 4}),
    yaxis: axis({domain: [0.45, 1], fixedrange: true, nticks: 4}),
    yaxis2: axis({domain: [0, 0.35], ticksuffix: "%", fixedrange: true, rangemode: "tozero", nticks: 3}), dragmode: false,
  }), options);
}

function drawDistribution(div) {
  const {middle, width, sessions} = drawn.distribution;
  const at = drawn.distribution.value_at_risk === null ? [] : [{type: "line", x0: drawn.distribution.value_at_risk, x1: drawn.distribution.value_at_risk,
    yref: "paper", y0: 0, y1: 1, line: {color: colour("veto"), width: 1.4, dash: "dot"}}];
  Plotly.react(div, [{
    type: "bar", x: middle, y: sessions, width, marker: {color: middle.map(v => colour(v < 0 ? "down" : "up"))},
    hovertemplate: "%{x:.3f}%<br>%{y} sessions<extra></extra>",
  }], layout(div, {
    xaxis: axis({ticksuffix: "%", showgrid: false, fixedrange: true}), yaxis: axis({fixedrange: true, nticks: 5}),
    shapes: at, bargap: 0.05, dragmode: false,
  }), options);
}

function drawExcursions(div) {
  const {trade, mae, mfe, pnl} = drawn.excursions;
  Plotly.react(div, [{
    x: mae, y: pnl, customdata: trade.map((n, i) => [n, mfe[i]]), mode: "markers",
    marker: {color: pnl.map(v => colour(v < 0 ? "down" : "up")), size: 6, opacity: 0.7},
    hovertemplate: "trade %{customdata[0]}<br>MAE %{x:,.2f}, MFE %{customdata[1]:,.2f}<br>net %{y:,.2f} " + drawn.currency + "<extra></extra>",
  }], layout(div, {
    hovermode: "closest", xaxis: axis({title: {text: "MAE"}, tickformat: ",", fixedrange: true}),
    yaxis: axis({title: {text: "net P&L"}, tickformat: ",", fixedrange: true}), dragmode: false,
  }), options);
}

function drawReordered(div) {
  const {trade, low, middle, high, as_it_was: own} = drawn.orders;
  const edge = y => ({x: trade, y, mode: "lines", line: {width: 0}, hoverinfo: "skip"});
  const name = "trade %{x}<br>";
  Plotly.react(div, [
    edge(low), {...edge(high), fill: "tonexty", fillcolor: colour("band")},
    {x: trade, y: middle, mode: "lines", line: {color: colour("muted"), width: 1.2, dash: "dot"},
     hovertemplate: name + "half of the orders: %{y:,.2f} " + drawn.currency + "<extra></extra>"},
    {x: trade, y: own, mode: "lines", line: {color: colour("line"), width: 1.6},
     hovertemplate: name + "%{y:,.2f} " + drawn.currency + "<extra></extra>"},
  ], layout(div, {
    xaxis: axis({title: {text: "trade"}, showgrid: false, fixedrange: true}), yaxis: axis({tickformat: ",", fixedrange: true}), dragmode: false,
  }), options);
}

function drawAll() {
  document.querySelectorAll("#equity").forEach(drawEquity);
  document.querySelectorAll("#margin").forEach(drawMargin);
  document.querySelectorAll("#hours").forEach(drawHours);
  document.querySelectorAll("#sizes").forEach(drawSizes);
  document.querySelectorAll("#rolling").forEach(drawRolling);
  document.querySelectorAll("#distribution").forEach(drawDistribution);
  document.querySelectorAll("#excursions").forEach(drawExcursions);
  document.querySelectorAll("#reordered").forEach(drawReordered);
  document.querySelectorAll(".price").forEach(div => drawPrices(div, printing() ? undefined : div.shown));
}

drawAll();
document.querySelectorAll(".price").forEach(div => div.on("plotly_relayout", change => zoomed(div, change)));
document.querySelectorAll(".steps button").forEach(button => button.addEventListener("click", () =>
  stepTo(button.closest("section").querySelector(".price"), Number(button.dataset.step))));
document.querySelectorAll(".sortable th").forEach(th => th.querySelector("button").addEventListener("click", () => sortBy(th)));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
for (const [moment, paper] of [["beforeprint", true], ["afterprint", false]])
  window.addEventListener(moment, () => { document.documentElement.classList.toggle("paper", paper); drawAll(); });
document.documentElement.dataset.drawn = "yes";
