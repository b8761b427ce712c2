"""A task or a table of aggregates as the text that varies, after the words that do not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import msgspec

from qe_plugins.fleet.aggregate import Aggregate
from qe_plugins.fleet.prompts.answers import NodeAnswer
from qe_plugins.fleet.prompts.masking import Mask
from qe_plugins.fleet.prompts.quoting import quoted
from qe_plugins.fleet.tasks.snapshot import PRICES
from qe_plugins.fleet.tasks.task_list import BacktestTask, OptionTask, Task, WindowTask
from qe_plugins.plugins.types import Role

NEWS, NAME, REASON = 200, 40, 280
"""How many characters of a headline, a name and a reason are let in."""


class TableRow(msgspec.Struct, frozen=True):
    """What a parent knows of one child: its aggregate and, where its model spoke, its answer."""

    node: str
    aggregate: Aggregate
    answer: NodeAnswer | None = None
    role: Role | None = None


class Renderer:
    """Writes prompts. `mask` decides what may be recognised; `news` are headlines from outside."""

    def __init__(self, mask: Mask, news: Sequence[str] = ()) -> None:
        self.mask, self._names = mask, dict[str, str]()
        self._news = "".join(f"\n{quoted('news', text, NEWS)}" for text in news)

    def task(self, task: Task) -> str:
        """Return what a worker reads."""
        figures = "\n".join(f"{name}: {value:g}" for name, value in task.facts.items())
        return f"{self._about(task)}\n{figures}{self._news}"

    def table(self, rows: Sequence[TableRow], whole: Aggregate) -> str:
        """Return what a parent reads: a row a child, the whole, the strongest, the dissent."""
        lines = [_HEAD, *(_line(row.role or row.node, row.aggregate) for row in rows)]
        lines += [_line("all", whole), *self._said(rows), "candidates:"]
        lines += [
            f"- {self._name(one.target)}: score={one.score:.3f} confidence={one.confidence:.2f} "
            f"votes={one.votes}"
            for one in whole.candidates
        ]
        return "\n".join([*lines, *self._exceptions(whole)])

    def _said(self, rows: Sequence[TableRow]) -> list[str]:
        """Return the verdicts of children whose models spoke."""
        return [
            f"{row.role or row.node} says: score={row.answer.score:.3f} "
            f"confidence={row.answer.confidence:.2f}{_caution(row.answer)} "
            f"{quoted('reason', row.answer.reason, REASON)}"
            for row in rows
            if row.answer is not None
        ]

    def _exceptions(self, whole: Aggregate) -> list[str]:
        return [
            f"against the mean, {self._name(vote.target)}: score={vote.score:.3f} "
            f"{quoted('reason', vote.reason, REASON)}"
            for vote in whole.exceptions
        ]

    def _name(self, target: str) -> str:
        if target not in self._names:
            shown = self.mask.shown(target)
            self._names[target] = shown if self.mask.on else quoted("name", shown, NAME)
        return self._names[target]

    def _about(self, task: Task) -> str:
        match task:
            case WindowTask():
                return self._window(task)
            case OptionTask():
                return self._option(task)
            case BacktestTask():
                return self._backtest(task)
        raise TypeError(f"no text for {type(task).__name__}")

    def _window(self, task: WindowTask) -> str:
        bars = task.bars
        scale = self.mask.scale(float(bars.open[0]))
        usual = bars.volume.sum() / len(bars) or 1.0  # the mean, which takes NumPy thrice as long
        volumes = bars.volume / usual if self.mask.on else bars.volume
        prices = (getattr(bars, name) * scale for name in PRICES)
        columns = [self.mask.times(bars.ts.tolist()), *(one.tolist() for one in prices)]
        rows = zip(*columns, volumes.tolist(), strict=True)
        text = (_BAR * len(bars)) % tuple(chain.from_iterable(rows))
        return f"Window of {self._target(task)}, {len(bars)} bars\n{text[:-1]}"

    def _option(self, task: OptionTask) -> str:
        strike = task.level * task.moneyness * self.mask.scale(task.level)
        name = self.mask.name(task.instrument)
        said = name if self.mask.on else quoted("name", name, NAME)
        return f"European {task.right} on {said}, strike {strike:.2f}, {task.days} days left"

    def _backtest(self, task: BacktestTask) -> str:
        averages = f"averages of {task.fast} and {task.slow}"
        return f"Cross of {averages} on {self._target(task)}, {task.bars} bars"

    def _target(self, task: Task) -> str:
        return self._name(task.target)


_BAR = "%s %.3f %.3f %.3f %.3f %.2f\n"
_HEAD = "group expected answered score spread conflict effective confidence"


def _line(who: str, one: Aggregate) -> str:
    return (
        f"{who} {one.expected} {one.answered} {one.score:.3f} {one.spread:.3f} "
        f"{one.conflict:.2f} {one.effective:.2f} {one.confidence:.2f}"
    )


def _caution(answer: NodeAnswer) -> str:
    if answer.halt is None or answer.risk is None:
        return ""
    return f" halt={str(answer.halt).lower()} risk={answer.risk:.2f}"
