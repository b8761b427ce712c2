// One chart component: candles, levels, marks, features. Data comes as JSON from the page's own server.
"use strict";
(() => {
  const styles = () => {
    const style = getComputedStyle(document.documentElement);
    const of = name => style.getPropertyValue(name).trim();
    return {ink: of("--ink"), muted: of("--muted"), rule: of("--rule"), card: of("--card"), soft: of("--soft")};
  };
  const LINES = {entry: [0, 2], stop: [1, 2], target: [2, 2]};  // lightweight-charts' line styles: solid, dotted, dashed

  async function draw(box, extra) {
    const figure = box.closest("figure");
    const legend = figure.querySelector("[data-legend]");
    const url = new URL(box.dataset.chart, location.href);
    for (const [name, value] of Object.entries(extra || {})) if (value) url.searchParams.set(name, value);
    let data;
    delete box.dataset.drawn;
    if (!box.chart) box.textContent = "The chart is being drawn.";
    try {
      const answer = await fetch(url, {headers: {Accept: "application/json"}});
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      data = await answer.json();
    } catch (error) {
      box.textContent = `The chart could not be drawn: ${error.message}.`;
      return;
    }
    box.textContent = "";
    legend.textContent = "";
    if (!data.candles.length) { box.textContent = "No bars in this time."; box.dataset.drawn = "no"; return; }
    const look = styles();
    const LC = window.LightweightCharts;
    if (box.chart) box.chart.remove();
    const chart = box.chart = LC.createChart(box, {
      autoSize: true,
      layout: {background: {color: look.card}, textColor: look.muted, attributionLogo: false, fontSize: 12},
      grid: {vertLines: {visible: false}, horzLines: {color: look.rule}},
      rightPriceScale: {borderColor: look.rule},
      timeScale: {borderColor: look.rule, timeVisible: data.seconds < 86400, secondsVisible: false, rightOffset: 4},
      crosshair: {mode: 0},
      handleScroll: {mouseWheel: false, vertTouchDrag: false},
      handleScale: {mouseWheel: false},
    });
    const format = {type: "price", precision: data.precision, minMove: 10 ** -data.precision};
    const candles = chart.addSeries(LC.CandlestickSeries, {
      upColor: look.card, downColor: look.ink, borderUpColor: look.ink, borderDownColor: look.ink,
      wickUpColor: look.muted, wickDownColor: look.muted, priceFormat: format, priceLineVisible: false,
    });
    candles.setData(data.candles.map(([time, open, high, low, close]) => ({time, open, high, low, close})));
    const times = data.candles.map(one => one[0]);
    const snap = time => {  // marks must be at a candle
      let low = 0, high = times.length - 1;
      while (low < high) { const mid = (low + high + 1) >> 1; if (times[mid] <= time) low = mid; else high = mid - 1; }
      return times[low];
    };
    for (const line of data.lines) {
      const [style, width] = LINES[line.kind] || [0, 1];
      const series = chart.addSeries(LC.LineSeries, {
        color: look.ink, lineWidth: width, lineStyle: style, priceFormat: format, title: line.title,
        priceLineVisible: false, lastValueVisible: true, crosshairMarkerVisible: false,
      });
      const from = snap(line.start), to = snap(line.end);
      series.setData(times.filter(t => t >= from && t <= to).map(time => ({time, value: line.price})));
      note(legend, `${{entry: "—", stop: "·····", target: "- - -"}[line.kind] || "—"} ${line.title} ${line.price.toFixed(data.precision)}`);
    }
    const counts = {};
    for (const mark of data.marks) counts[mark.kind] = (counts[mark.kind] || 0) + 1;
    const few = data.marks.length <= 24, many = data.marks.length > 150;
    const marks = data.marks.filter(mark => !many || mark.kind === "fill" || mark.kind === "roll").map(mark => {
      const buys = mark.side === "BUY" || mark.side === "LONG";
      const one = {
        time: snap(mark.time), color: mark.kind === "fill" ? look.ink : look.muted,
        position: buys ? "belowBar" : "aboveBar",
        shape: mark.kind === "fill" ? (buys ? "arrowUp" : "arrowDown") : mark.kind === "veto" ? "square" : "circle",
        size: mark.kind === "fill" && few ? 1 : mark.kind === "roll" ? 1 : 0.5,
        text: !few ? "" : mark.kind === "fill" ? mark.text : mark.kind === "veto" ? "veto" : mark.kind === "roll" ? "roll" : "",
      };
      return many && mark.price !== null ? {...one, position: "atPriceMiddle", price: mark.price} : one;
    }).sort((a, b) => a.time - b.time);
    LC.createSeriesMarkers(candles, marks);
    for (const [kind, text] of [["fill", "▲▼ fills"], ["veto", "■ vetoes"], ["signal", "• signals"], ["roll", "● rolls"]]) {
      if (counts[kind]) note(legend, `${text} ${counts[kind]}${many && (kind === "veto" || kind === "signal") ? ", too many to draw" : ""}`);
    }
    data.overlays.forEach((overlay, index) => {
      const values = overlay.points.map(([time, value]) => ({time, value}));
      const low = Math.min(...data.candles.map(one => one[3])), high = Math.max(...data.candles.map(one => one[2]));
      const inside = values.length && values.every(one => one.value > low - (high - low) && one.value < high + (high - low));
      const series = chart.addSeries(LC.LineSeries, {color: look.muted, lineWidth: 1, lineStyle: index % 4, title: overlay.name, priceLineVisible: false}, inside ? 0 : 1 + index);
      series.setData(values);
      note(legend, `${overlay.name}, ${values.length} values`);
    });
    note(legend, `candles of ${data.seconds >= 86400 ? data.seconds / 86400 + " d" : data.seconds >= 3600 ? data.seconds / 3600 + " h" : data.seconds / 60 + " min"}, UTC`);
    if (data.left_out) note(legend, `${data.left_out} earlier marks not shown`);
    if (data.note) note(legend, data.note);
    chart.timeScale().fitContent();
    box.dataset.drawn = "yes";
  }

  function note(legend, text) {
    const one = document.createElement("span");
    one.textContent = text;
    legend.append(one);
  }

  const choice = box => {
    const form = box.closest("figure").querySelector("[data-chart-choice]");
    return form ? Object.fromEntries(new FormData(form)) : {};
  };
  const every = () => document.querySelectorAll("[data-chart]").forEach(box => draw(box, choice(box)));
  document.addEventListener("submit", event => {
    if (!event.target.matches("[data-chart-choice]")) return;
    event.preventDefault();
    const box = event.target.closest("figure").querySelector("[data-chart]");
    draw(box, choice(box));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", every);
  every();
})();
