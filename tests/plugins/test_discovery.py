"""Installed means available: what is on offer, and who brings it."""

from __future__ import annotations

import re

import pytest

from qe_plugins.errors import PluginError
from qe_plugins.plugins import available, find

GUARDIAN = """
    from qe_plugins import Plugin, Role, Veto, hookimpl

    class Guardian(Plugin):
        role = Role.GUARDIAN

        @hookimpl
        def veto_order(self, order):
            return Veto("no")
"""


def test_an_agent_is_named_after_its_file(site):
    site.agent("guardian_no", GUARDIAN)

    found = available()["guardian_no"]

    assert (found.source, found.role, found.hooks) == (
        "agents/guardian_no.py",
        "GUARDIAN",
        ("veto_order",),
    )
    assert found.error is None


def test_agents_are_found_from_a_folder_below_the_project(site, monkeypatch):
    site.agent("guardian_no", GUARDIAN)
    site.write("configs/readme", "")
    site.write("pyproject.toml", "")
    monkeypatch.chdir(site.folder / "configs")

    assert "guardian_no" in available()


@pytest.mark.parametrize("marked", [False, True])
def test_a_folder_above_that_is_not_the_project_does_not_count(site, monkeypatch, marked):
    site.agent("guardian_no", GUARDIAN)
    if marked:
        site.write("pyproject.toml", "")
        site.folder.chmod(0o777)  # anyone may have put it there
    site.write("desk/readme", "")
    monkeypatch.chdir(site.folder / "desk")

    assert "guardian_no" not in available()


def test_a_projects_own_root_is_marked_and_ends_the_search(site, monkeypatch):
    site.agent("guardian_no", GUARDIAN)
    site.write("pyproject.toml", "")
    site.write("desk/pyproject.toml", "")
    monkeypatch.chdir(site.folder / "desk")

    assert "guardian_no" not in available()


def test_files_that_begin_with_an_underscore_are_private(site):
    site.agent("_shared", GUARDIAN)

    assert "_shared" not in available()


def test_a_class_imported_from_elsewhere_is_not_the_modules_own(site):
    site.agent("_shared", GUARDIAN)
    site.agent("guardian_no", "from agents._shared import Guardian\n\nclass Mine(Guardian): ...\n")

    assert find("guardian_no").cls.__name__ == "Mine"


def test_a_distributions_plugin_says_which_distribution_brings_it(site):
    site.write("desk_rules.py", GUARDIAN)
    site.install("desk-rules", "1.2", desk_rules="desk_rules:Guardian")

    assert available()["desk_rules"].source == "entry point of desk-rules 1.2"


def test_an_entry_point_may_name_a_module(site):
    site.write("desk_rules.py", GUARDIAN)
    site.install("desk-rules", "1.2", desk_rules="desk_rules")

    assert find("desk_rules").cls.__name__ == "Guardian"


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def broken(:", "SyntaxError: invalid syntax"),
        ("raise ValueError('first\\nsecond')", "ValueError: first"),
        ("raise ValueError", "ValueError"),
        ("x = 1", "a module must define one class derived from Plugin, was none"),
        (
            "from qe_plugins import Plugin\nclass A(Plugin): ...\nclass B(Plugin): ...",
            "a module must define one class derived from Plugin, was A, B",
        ),
    ],
)
def test_a_plugin_that_fails_to_load_is_listed_with_its_cause_in_one_line(site, code, line):
    site.agent("guardian_broken", code)
    site.agent("guardian_no", GUARDIAN)

    found = available()

    assert found["guardian_broken"].error.startswith(line)
    assert "\n" not in found["guardian_broken"].error
    assert found["guardian_no"].error is None


def test_an_entry_point_that_is_no_plugin_is_listed_with_its_cause(site):
    site.install("desk-rules", "1.2", desk_rules="json:dumps")

    assert (
        "a plugin is a class derived from Plugin, was <function" in available()["desk_rules"].error
    )


def test_a_plugin_that_breaks_a_hook_is_listed_with_role_and_cause(site):
    site.agent("guardian_no", GUARDIAN.replace("order)", "ordr)"))

    found = available()["guardian_no"]

    assert found.role == "GUARDIAN"
    assert "unknown argument 'ordr'" in found.error


def test_two_plugins_of_one_name_are_both_named(site):
    site.agent("desk_rules", GUARDIAN)
    site.install("desk-rules", "1.2", desk_rules="json:dumps")

    found = available()["desk_rules"]

    assert found.source == "entry point of desk-rules 1.2, agents/desk_rules.py"
    assert found.error == "two plugins have this name; rename or remove one"


def test_finding_one_imports_no_other(site):
    site.agent("guardian_no", GUARDIAN)
    site.agent("guardian_broken", "raise SystemExit('imported')")

    assert find("guardian_no").cls is not None


def test_a_misspelt_name_is_answered_with_its_neighbour(site):
    site.agent("guardian_no", GUARDIAN)

    line = "a.yaml:3: no plugin is called 'guardian_mo'. Did you mean 'guardian_no'?"
    with pytest.raises(PluginError, match=re.escape(line)):
        find("guardian_mo", where="a.yaml:3")


def test_finding_a_broken_one_brings_its_traceback(site):
    site.agent("guardian_broken", "1 / 0")

    with pytest.raises(PluginError, match="cannot be used: ZeroDivisionError") as refused:
        find("guardian_broken")

    assert "guardian_broken.py" in refused.value.details
