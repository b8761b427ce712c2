"""What is written reads back the same, and merging keeps its laws."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.config.loader import load
from qe_plugins.config.merge import merge
from qe_plugins.config.nodes import YamlNode
from qe_plugins.config.yaml_reader import dump, parse

Write = Callable[..., Path]

words = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12)
scalars = (
    words
    | st.integers(-(10**12), 10**12)
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["17:30", "no", "1e-4", "1_000", "null", "~", "<<", "0x1f", "2024-01-02"])
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
mappings = st.dictionaries(words, documents, max_size=4)

# Trees where every key is of one kind, as in a schema: k* are scalars, m* are mappings.
leaves = st.dictionaries(st.sampled_from(["k1", "k2", "k3"]), st.integers(0, 9), max_size=3)
trees = st.fixed_dictionaries(
    {},
    optional={
        "m1": leaves,
        "m2": st.fixed_dictionaries({}, optional={"m3": leaves}),
        "k1": st.integers(0, 9),
    },
)


def tree(value: Any) -> YamlNode:
    """Return plain data as if somebody had written it."""
    return parse(dump(value), lambda line: f"x.yaml:{line}")


@given(document=mappings)
def test_what_is_dumped_reads_back_as_it_was(document: dict[str, Any]) -> None:
    assert tree(document).to_plain() == document


@given(one=trees, two=trees, three=trees)
def test_merging_does_not_depend_on_how_it_is_grouped(one: Any, two: Any, three: Any) -> None:
    a, b, c = tree(one), tree(two), tree(three)
    assert merge(merge(a, b), c).to_plain() == merge(a, merge(b, c)).to_plain()


@given(document=mappings)
def test_an_empty_mapping_changes_nothing(document: dict[str, Any]) -> None:
    nothing, something = tree({}), tree(document)
    assert merge(nothing, something).to_plain() == merge(something, nothing).to_plain() == document


@given(document=mappings)
def test_merging_with_itself_changes_nothing(document: dict[str, Any]) -> None:
    assert merge(tree(document), tree(document)).to_plain() == document


amounts = st.decimals(min_value=1, max_value=10**6, places=2)
runs = st.fixed_dictionaries(
    {
        "name": words,
        "data": st.fixed_dictionaries(
            {"dbn": words | st.lists(words, max_size=2)},
            optional={"start": st.dates().map(str), "chunk_size": st.integers(1_000, 10**6)},
        ),
        "strategies": st.dictionaries(
            words, st.dictionaries(words, documents, max_size=2), max_size=2
        ),
    },
    optional={
        "rung": st.fixed_dictionaries({"risk": amounts.map("{} USD".format)}),
        "risk": st.fixed_dictionaries({"veto_timeout": st.integers(1, 10**6).map("{}ms".format)}),
        "plugins": st.dictionaries(
            words, st.dictionaries(words, documents, max_size=2), max_size=2
        ),
    },
)


@settings(max_examples=60)
@given(run=runs)
def test_a_resolved_configuration_loads_as_the_same(
    run: dict[str, Any], tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("run")
    (folder / "run.yaml").write_text(dump(run), encoding="utf-8")
    first = load(folder / "run.yaml")
    (folder / "resolved.yaml").write_text(dump(first.resolved), encoding="utf-8")
    second = load(folder / "resolved.yaml")
    assert second.config == first.config
    assert second.resolved == first.resolved
