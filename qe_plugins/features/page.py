"""The page `configs/FEATURES.md`, from the catalogue."""

from __future__ import annotations

from qe_plugins.features.catalogue import EQUATION, FAMILIES, WINDOWS, catalogue

HEAD = """# Features

{equation}. This page is written by `qe features list --page` from the catalogue; a test compares them.

A name is `1m.temperature.60`: the timeframe (`1m 5m 1h 1d`, or `15m` in place of any), the family, and the bars of the
window ({windows}). A feature is known from the close of its bar; a longer bar's from that bar's close, `1d` from the first
bar after the session. `1m`, `5m`, `15m` and `1h` are of the dated contract itself, `1d` of the root's front contract, each
return within one contract. A window without variance gives null (NaN), never a number made of rounding.

`lookback` is how many bars of its timeframe a feature needs, this one included; from then on its bits do not depend on
where the data begins. Log prices are counted in units of 2^-27 octaves (5.2e-9 in natural log), levels that are squared
in units of 2^-22 octaves (1.7e-7), signed volume in eighths of a contract. A bar that moves by more than a factor of 2, or
has a price that is not positive, has no return: what needs one is null until the bar has left the lookback. Volume above
16,000,000 contracts a bar is an error.
"""  # noqa: E501

REST = """
## In a plugin

```python
class Calm(Plugin):
    features = ("1m.velocity.30", "1h.temperature.60")
    trigger = "abs(1m.velocity.30) > 2 and 1h.temperature.60 < 1"

    @hookimpl
    def contribute_signals(self, bar, features):
        velocity = features["1m.velocity.30"]
```

`contribute_signals` is then called only at bars where the trigger holds; both may be set in YAML, as `features:` and
`trigger:` of the plugin. A vote is recorded with the features that its plugin declares; `qe features parity RUN` computes them
again from a session's bars, in a batch and from the lookback alone, and says where a bit differs. `size_order` and `veto_order` take `features` too, and strategies call `self.desk.features(ID)`.
A family of your own is registered with `register_features` (`qe hooks register_features`, `qe new feature NAME`), and
`qe features check NAME` says whether it looks ahead.

Costly families are outside of the 1,291: `qe_plugins.features.heavy` has detrended fluctuations, sample entropy, recurrence,
determinism and Rosenstein's exponent, and makes a family of any function of an array, as those of tsfresh, pycatch22 or antropy:

```python
class AnalystHeavy(Plugin):
    @hookimpl
    def register_features(self):
        return [*heavy_families(240), window_family("crowd", crowd, 120, "a function of returns")]
```

## On the command line

```sh
uv run qe features list                                        # families; --all, --json; --page is this page
uv run qe features list --rank --data DATA                     # how many dimensions they span: 23 for 320 on ES 2013
uv run qe features show 1m.temperature.60                      # meaning, unit, range, lookback, source
uv run qe features show 1m.temperature.60 --plot --data DATA   # 1m.temperature.60.png, below the price
uv run qe features check '1m.*' --data DATA                    # look-ahead, start, stream, scale, poison; --all
uv run qe features compute configs/research/es_features.yaml --workers 2   # Parquet by root, timeframe, month
```

What a session's hunters read is compared with its bars afterwards:

```sh
uv run qe paper configs/backtest/quickstart.yaml --replay config --speed max --set plugins.hunter_physics={} --set data.synthetic.sessions=2 --set data.synthetic.contracts=1
uv run qe features parity last                                 # the same bits in a batch and from the lookback
```

DATA is a configuration with `data:`, or a DBN file or folder; without it bars are generated. Drawings need Matplotlib,
`pip install 'quant-engine[plot]'`.
"""  # noqa: E501


def page() -> str:
    """Return the page as Markdown."""
    windows = ", ".join(str(window) for window in WINDOWS)
    lines = [HEAD.format(equation=EQUATION, windows=windows)]
    for group in dict.fromkeys(one.group for one in FAMILIES):
        lines += [f"## {group.capitalize()}", "", *_table_head()]
        lines += [
            f"| `{f.name}` | {f.meaning} | {f.unit} | {_range(f.low, f.high)} | {_bars(f.extra)} |"
            f" {f.source} |"
            for f in FAMILIES
            if f.group == group
        ]
        lines.append("")
    lines += ["## Across timeframes", "", *_table_head()]
    lines += [
        f"| `{e.name}` | {e.meaning} | {e.unit} | {_range(e.low, e.high)} | {e.lookback} |"
        f" {e.source} |"
        for e in catalogue().values()
        if e.timeframe == "across"
    ]
    return "\n".join(lines) + "\n" + REST


def _table_head() -> list[str]:
    return ["| name | meaning | unit | range | lookback | source |", "|---|---|---|---|---|---|"]


def _bars(extra: int) -> str:
    return f"w + {extra}" if extra else "w"


def _range(low: float, high: float) -> str:
    return f"{_bound(low)} to {_bound(high)}"


def _bound(value: float) -> str:
    return f"{value:g}" if abs(value) != float("inf") else "any"
