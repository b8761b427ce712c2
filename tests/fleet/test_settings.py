"""A fleet's file: what it may say, and what every mistake in it is told."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from qe_plugins.config.yaml_reader import dump
from qe_plugins.errors import ConfigError
from qe_plugins.fleet.loader import load
from qe_plugins.fleet.tree import Level, Node, tree_of
from tests.fleet.conftest import document

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "fleet"
File = Callable[..., Path]


def test_the_full_tree_has_6406_nodes():
    tree = tree_of(load(CONFIGS / "full.yaml").fleet)

    assert list(tree.counts().values()) == [1, 5, 25, 125, 6_250]
    assert tree.size == len({node.id for node in tree.nodes()}) == 6_406


def test_the_team_is_one_by_two_by_two_by_five():
    assert tree_of(load(CONFIGS / "team.yaml").fleet).widths == (1, 2, 2, 5)


@pytest.mark.parametrize("name", ["full", "team"])
def test_a_fleet_resolved_loads_as_the_same(name: str, tmp_path: Path):
    loaded = load(CONFIGS / f"{name}.yaml")
    (tmp_path / "again.yaml").write_text(dump(loaded.resolved), encoding="utf-8")

    assert load(tmp_path / "again.yaml").fleet == loaded.fleet


def test_the_units_of_a_fleet_are_read(fleet_file: File):
    fleet = load(fleet_file(budgets={"scan": "0.50 USD"}, answer_ttl="1h30m")).fleet

    assert (fleet.budgets.scan, fleet.answer_ttl) == (Decimal("0.50"), 5_400)
    assert fleet.ranks.worker.deadline == 10


def test_a_file_may_build_on_another_and_be_overridden(fleet_file: File, tmp_path: Path):
    fleet_file()
    (tmp_path / "mine.yaml").write_text("extends: fleet.yaml\nname: mine\n", encoding="utf-8")

    fleet = load(tmp_path / "mine.yaml", ["ranks.worker.count=4", "mask_market=false"]).fleet

    assert (fleet.name, fleet.ranks.worker.count, fleet.mask_market) == ("mine", 4, False)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("ranks.worker.cuont=3", "unknown field 'cuont'. Did you mean 'count'?"),
        ("ranks.worker.count=0", "must be a whole number >= 1, was 0"),
        ("ranks.worker.deadline=45s", "deadlines that grow from worker to desk"),
        ("ranks.desk.deadline=soon", "must be a time span such as 30s"),
        ("ranks.captain.quorum=140%", "must be a number <= 1"),
        ("ranks.captain.ask_model=sometimes", "must be one of always, conflict, never"),
        ("name=../evil", "a short word"),
        ("provider=nobody", "must be one of offline, models"),
        ("coordinators=[]", "coordinators"),
        ("budgets.scan=1 EUR", "must be in USD"),
        ("coordinators=[{role: PIRATE, tasks: {}}]", "PIRATE"),
        ("coordinators=[{role: HUNTER, tasks: {}}]", "options, chains or backtests"),
    ],
)
def test_a_mistake_is_told_on_one_line_with_its_place(fleet_file: File, override: str, says: str):
    with pytest.raises(ConfigError) as told:
        load(fleet_file(), [override])

    assert says in str(told.value)
    assert "\n" not in str(told.value)
    assert told.value.where is not None


def test_a_mistake_in_the_file_names_its_line(fleet_file: File):
    file = fleet_file()
    lines = yaml.safe_dump(document(), sort_keys=False).splitlines()
    line = next(n for n, text in enumerate(lines, 1) if "count" in text)
    file.write_text(file.read_text().replace("count: 2", "count: two", 1), encoding="utf-8")

    with pytest.raises(ConfigError, match=rf"fleet\.yaml:{line}: .*whole number"):
        load(file)


def test_a_file_that_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "nowhere.yaml")


def test_an_id_finds_its_node_and_only_its_node():
    tree = tree_of(load(CONFIGS / "team.yaml").fleet)

    assert all(tree.find(node.id) == node for node in tree.nodes())
    for text in ("2", "1.3", "1.1.1.6", "1.1.1.1.1", "0", "", "x", "1..1", "-1"):
        assert tree.find(text) is None


def test_workers_of_a_coordinator_have_seats_in_order():
    tree = tree_of(load(CONFIGS / "full.yaml").fleet)
    seats = [
        tree.worker_number(n) for n in tree.nodes() if n.level is Level.WORKER and n.path[0] == 3
    ]

    assert seats == list(range(1_250))
    assert tree.worker_number(Node((1, 2, 1, 1))) == 250
