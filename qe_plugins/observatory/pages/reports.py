"""`/report/DAY`: the morning page, as `qe report day DAY` writes it; `/reports` lists days."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import Response

from qe_plugins import state_dir
from qe_plugins.observatory.pages import Asked, Page, Shown
from qe_plugins.observatory.sources import Sources
from qe_plugins.report.day import morning
from qe_plugins.report.day import page as day_page
from qe_plugins.wall_clock import now

MOST_DAYS = 10


def page(sources: Sources) -> Page:
    """Return the pages of the days."""

    def show(asked: Asked) -> Response:
        at = now()
        day = morning.day_of(asked.path["day"], at)
        found = morning.day_report(day, at, sources.journal(), sources.activity())
        headers = {"Content-Security-Policy": day_page.policy()}
        return Response(day_page.render(found), media_type="text/html", headers=headers)

    def every(asked: Asked) -> Shown:
        at = now()
        today = morning.day_of(None, at)
        days = [today - timedelta(days=back) for back in range(MOST_DAYS + 4)]
        folder = state_dir.state_dir() / "reports"
        written = sorted((one.stem for one in folder.glob("*.html")), reverse=True)
        values = {
            "today": today,
            "days": [day for day in days if day.weekday() < 5][:MOST_DAYS],
            "written": written[:50],
        }
        return Shown(template="reports.html", values=values)

    return Page(
        title="Reports",
        path="/reports",
        views={"/reports": every, "/report/{day}": show},
    )
