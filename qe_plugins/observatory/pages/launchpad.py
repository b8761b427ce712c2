"""`/launchpad`: what could be started. Trading is shown with its command; discovery is started."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from qe_plugins.errors import FleetError
from qe_plugins.journal.facts import FactKind
from qe_plugins.observatory import jobs
from qe_plugins.observatory.live.feeds import Feed
from qe_plugins.observatory.pages import Asked, Page, Shown
from qe_plugins.observatory.render import environment
from qe_plugins.observatory.server.actions import actor
from qe_plugins.observatory.sources import Sources
from qe_plugins.recordings import folder
from qe_plugins.report import run_index

MOST_RUNS = 12
MOST_RECORDINGS = 50
MOST_VERDICTS = 20
FLEET = "configs/fleet/es_2013.yaml"
RECORD = f"qe fleet record {FLEET} --start 2013-10-07 --end 2013-12-21 --max-cost 5"
"""The command that makes a first recording."""

NO_THESIS_YET = "configs/theses/NAME.yaml"

LABELS = {
    "name",
    "data",
    "from",
    "to",
    "rung",
    "strategies",
    "plugins",
    "broker",
    "account",
    "risk",
}
"""Rows of `qe check` that are shown; all are in its output."""


def page(sources: Sources) -> Page:
    """Return the pages of what can be started, and of jobs."""
    templates, fleet, panels = environment(), sources.fleet, sources.panels

    def show(asked: Asked) -> Shown:
        values = {
            "trading": [_trading(sources, file) for file in _live_files()],
            "files": {name: jobs.files(name) for name in ("backtest", "sweep", "hunt")},
            "recordings": [_recording(name) for name in folder.names()[:MOST_RECORDINGS]],
            "record": RECORD,
            "verdicts": _verdicts(sources),
            "validate": [
                _validate(one) for one in jobs.configurations("theses") or [NO_THESIS_YET]
            ],
            "jobs": jobs.jobs(),
            "runs": run_index.listing()[:MOST_RUNS],
            "costs": fleet.costs("day")[-7:],
            "panels": panels.of("launchpad"),
        }
        return Shown(template="launchpad.html", values=values, feeds=("jobs",))

    def one(asked: Asked) -> Shown:
        job = jobs.find(asked.path["job"])
        values = {"job": job, "output": jobs.output(job.record.job)}
        feeds = (f"job:{job.record.job}",) if job.running else ()
        return Shown(template="job.html", values=values, feeds=feeds)

    started: dict[str, str] = {}

    def start(asked: Asked) -> str:
        form = asked.form
        once, command, file = (form.get(name, "") for name in ("once", "command", "file"))
        if once not in started:  # a form that is sent twice starts one job
            job = jobs.start(command, file, actor(), form.get("grid", "")[:400])
            started[once] = "/launchpad" if command == "check" else f"/job/{job.record.job}"
        return started[once]

    def cancel(asked: Asked) -> str:
        job = asked.form.get("job", "")
        jobs.cancel(job, actor())
        return f"/job/{job}"

    def version(_argument: str) -> str:
        return jobs.version()

    def render_jobs(_argument: str, _since: str, _until: str) -> str:
        return templates.get_template("jobs_change.html").render(jobs=jobs.jobs())

    def render_job(job_id: str, _since: str, _until: str) -> str:
        return templates.get_template("job_change.html").render(
            job=jobs.find(job_id), output=jobs.output(job_id)
        )

    return Page(
        title="Launchpad",
        path="/launchpad",
        key="l",
        order=5,
        views={"/launchpad": show, "/job/{job}": one},
        forms={"/launchpad/start": start, "/launchpad/cancel": cancel},
        feeds=(
            Feed(name="jobs", cursor=version, render=render_jobs),
            Feed(name="job", cursor=version, render=render_job),
        ),
    )


def _validate(file: str) -> str:
    return f"qe fleet validate {FLEET} --thesis {file}"


def _recording(name: str) -> dict[str, Any]:
    """Return a recording: its days, and how many of its points have an answer."""
    place = folder.folder_of(name)
    try:
        info, answered = place.info(), place.answered()
    except (FleetError, OSError) as error:
        return {"name": name, "problem": str(error)}
    days = [f"{datetime.fromtimestamp(at / 1e9, UTC):%Y-%m-%d}" for at in info.points]
    return {
        "name": name,
        "problem": None,
        "days": f"{days[0]} to {days[-1]}" if days else "no day",
        "mask": info.mask,
        "answered": answered,
        "points": len(days),
    }


def _verdicts(sources: Sources) -> list[dict[str, Any]]:
    """Return the newest verdicts on theses, newest first."""
    journal = sources.journal()
    if journal is None:
        return []
    return [
        {
            "run_id": one.run_id,
            "outcome": one.fact.body.get("outcome", ""),
            **one.fact.body.get("report", {}),
        }
        for one in journal.page(kinds=[FactKind.VERDICT], limit=MOST_VERDICTS, newest_first=True)
    ]


def _live_files() -> list[str]:
    return [file for file in jobs.files("check") if file.startswith("configs/live/")]


def _trading(sources: Sources, file: str) -> dict[str, Any]:
    """Return a configuration of a session: its last check, its last parity, its commands."""
    checked = jobs.last_check(file)
    found = _check_rows(checked) if checked is not None else {"rows": [], "problem": None}
    return {
        "file": file,
        "checked": checked,
        **found,
        "parity": _last_parity(sources, str(found.get("name", ""))),
        "commands": (f"qe paper {file} --replay config", f"qe live {file}"),
    }


def _check_rows(job: jobs.Job) -> dict[str, Any]:
    text = jobs.output(job.record.job)
    if job.code != 0:
        return {"rows": [], "problem": text.strip()[-400:] or job.state, "name": ""}
    try:
        found = msgspec.json.decode(text[text.index("{") :])
    except (ValueError, msgspec.DecodeError):
        return {"rows": [], "problem": "its check printed no document", "name": ""}
    rows = [(row["label"], row["value"]) for row in found["would_run"] if row["label"] in LABELS]
    return {"rows": rows, "problem": None, "name": found["name"]}


def _last_parity(sources: Sources, name: str) -> dict[str, Any] | None:
    """Return the body of the newest parity check of a configuration's sessions."""
    journal = sources.journal()
    if journal is None or not name:
        return None
    for one in journal.page(kinds=[FactKind.PARITY], limit=50, newest_first=True):
        if name in str(one.fact.body.get("session", "")):
            return {**one.fact.body, "run_id": one.run_id}
    return None
