/* Candles where the price chart is zoomed in, the lines of each trade, and the way from trade to trade. */
const CANDLE_WIDTH = 3.5;  // pixels that a candle needs

/* Numbers are differences; see report/trade_candles.py. */
function decoded(packed) {
  const {name, width, unit, point} = packed, series = {name, width, x: [], open: [], high: [], low: [], close: []};
  const price = whole => Math.round(whole * point * 1e9) / 1e9;
  let x = 0, last = 0;
  packed.x.forEach((step, i) => {
    const open = last + packed.open[i], close = open + packed.close[i];
    x += step * unit;
    last = close;
    series.x.push(x);
    series.open.push(price(open));
    series.close.push(price(close));
    series.high.push(price(Math.max(open, close) + packed.high[i]));
    series.low.push(price(Math.min(open, close) - packed.low[i]));
  });
  return series;
}

function between(series, range) {
  const rows = [];
  series.x.forEach((x, i) => { if (x >= range[0] && x <= range[1]) rows.push(i); });
  const part = {name: series.name, width: series.width};
  for (const key of ["x", "open", "high", "low", "close"]) part[key] = rows.map(i => series[key][i]);
  return part;
}

/* Candles of `factor` widths; each is stamped with its last. */
function widened(series, factor) {
  if (factor === 1) return series;
  const wide = {name: series.name, width: series.width * factor, x: [], open: [], high: [], low: [], close: []};
  let interval;
  series.x.forEach((x, i) => {
    const own = Math.ceil(x / wide.width), at = wide.x.length - 1;
    if (own === interval) {
      wide.x[at] = x;
      wide.close[at] = series.close[i];
      wide.high[at] = Math.max(wide.high[at], series.high[i]);
      wide.low[at] = Math.min(wide.low[at], series.low[i]);
      return;
    }
    interval = own;
    for (const key of ["x", "open", "high", "low", "close"]) wide[key].push(series[key][i]);
  });
  return wide;
}

/* The narrowest candles that are wide enough to be seen: those around trades, else those of the line. */
function candlesInView(div, chart, range) {
  if (!range) return null;
  const span = range[1] - range[0], most = (printing() ? PAPER_WIDTH : div.clientWidth) / CANDLE_WIDTH;
  const lineWidth = Math.min(...chart.lines.map(one => one.width));
  chart.decoded ??= chart.candles.map(decoded);
  const near = chart.decoded.map(one => between(one, range)).filter(one => one.x.length);
  const covered = near.reduce((sum, one) => sum + one.x.length * one.width, 0) / span;
  const factor = near.length ? [1, 2, 3, 5, 10, 15, 30].find(one => span / (near[0].width * one) <= most) : undefined;
  if (factor === 1 || (factor && covered > 0.5 && near[0].width * factor < lineWidth))
    return {around: true, series: near.map(one => widened(one, factor)), width: near[0].width * factor};
  const series = chart.lines.filter(one => span / one.width <= most).map(one => between(one, range)).filter(one => one.x.length);
  return series.length ? {around: false, series, width: Math.max(...series.map(one => one.width))} : null;
}

/* The price line where there are no candles around trades. */
function lineBetween(line, {series}) {
  const covered = new Set(series.flatMap(one => one.x.map(x => Math.floor(x / line.width))));
  const keep = line.x.map(x => !covered.has(Math.floor((x - 1) / line.width)));
  return {...closes({...line, close: line.close.map((y, i) => (keep[i] ? y : null))}, "muted"), connectgaps: false};
}

function drawnCandles(series, n) {
  const side = name => ({line: {color: colour(name), width: 1}, fillcolor: colour(name)});
  return {type: "candlestick", name: escaped(series.name), x: series.x, open: series.open, high: series.high,
          low: series.low, close: series.close, increasing: side("up"), decreasing: side("down"), whiskerwidth: 0,
          xhoverformat: "%Y-%m-%d %H:%M", hoverinfo: "x+y"};
}

/* A level of each trade from its entry to its exit, or to the end of the view while it is open. */
function tradeLevels(trades, rows, range) {
  return [["entry", "ink", "solid"], ["stop", "down", "dash"], ["target", "up", "dash"]].map(([level, name, dash]) => {
    const own = rows.filter(i => trades[level][i] !== null);
    return {x: own.flatMap(i => [trades.opened[i], trades.closed[i] ?? range[1], null]),
            y: own.flatMap(i => [trades[level][i], trades[level][i], null]), name: level, mode: "lines",
            line: {color: colour(name), width: 1.4, dash}, hovertemplate: `${level} %{y}<extra></extra>`};
  });
}

function candleHeights({series}, levels) {
  const prices = [...series.flatMap(one => [...one.low, ...one.high]), ...levels.flatMap(one => one.y.filter(y => y !== null))];
  const low = prices.reduce((a, b) => Math.min(a, b)), high = prices.reduce((a, b) => Math.max(a, b));
  const room = (high - low) * 0.06 || 1;
  return [low - room, high + room];
}

function widthInWords(width) {
  for (const [unit, size] of [["day", 86400e3], ["hour", 3600e3], ["minute", 60e3], ["second", 1e3]])
    if (width >= size) return width === size ? `1 ${unit}` : `${Math.round(width / size * 100) / 100} ${unit}s`;
  return `${width} ms`;
}

/* Zoom to the trade before or after the last one so chosen; a step of 0 shows all. */
function stepTo(div, step) {
  const {trades, lines, candles} = drawn.prices[div.dataset.chart], last = trades.opened.length - 1;
  if (!step) {
    div.trade = undefined;
    return drawPrices(div, undefined);
  }
  const at = Math.min(Math.max((div.trade ?? (step > 0 ? -1 : last + 1)) + step, 0), last);
  div.trade = at;
  const opened = trades.opened[at], closed = trades.closed[at] ?? Math.max(...lines.map(line => line.x.at(-1)));
  const room = Math.max(25 * Math.min(...candles.map(one => one.width)), (closed - opened) / 4);
  return drawPrices(div, [opened - room, closed + room]);
}
