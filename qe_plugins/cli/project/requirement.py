"""How another project requires quant-engine as it is installed here."""

from __future__ import annotations

import json
from importlib.metadata import distribution
from typing import Any

NAME = "quant-engine"


def requirements() -> list[str]:
    """Return the requirements of a project: quant-engine, and Nautilus in the version it needs.

    The latter is a pre-release, which installers accept only where a project itself names it.
    """
    found = distribution(NAME)
    place = found.read_text("direct_url.json")
    own = NAME if place is None else f"{NAME} @ {direct(json.loads(place))}"
    return [own, *(one for one in found.requires or () if one.startswith("nautilus-trader=="))]


def direct(installed: dict[str, Any]) -> str:
    """Return where a `direct_url.json` (PEP 610) says a package is from, as a requirement's URL."""
    url = str(installed["url"])
    if (repository := installed.get("vcs_info")) is None:
        return url
    return f"{repository['vcs']}+{url}@{repository['commit_id']}"
