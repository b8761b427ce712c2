"""The workflow of one job: one activity, given to another process where one is lost."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError
from temporalio.exceptions import TimeoutError as ActivityTimeout

with workflow.unsafe.imports_passed_through():
    from qe_plugins.cluster.jobs import JOB, ClusterJob, JobAnswer

HEARTBEAT_TIMEOUT = timedelta(seconds=20)
"""Time without a heartbeat after which a job is given to another process."""

LONGEST = timedelta(days=7)
"""Time after which a job counts as stuck."""

ATTEMPTS = 5
"""Processes at most that a job is given to: one that kills its worker would end them all."""

RETRIES = RetryPolicy(
    initial_interval=timedelta(seconds=0.2),
    maximum_interval=timedelta(seconds=2),
    maximum_attempts=ATTEMPTS,
)


@workflow.defn(name="job")
class JobWorkflow:
    """One job."""

    @workflow.run
    async def run(self, job: ClusterJob) -> JobAnswer:
        """Return the answer; `died` where every worker that had the job was lost."""
        try:
            answer: JobAnswer = await workflow.execute_activity(
                JOB,
                job,
                result_type=JobAnswer,
                start_to_close_timeout=LONGEST,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=RETRIES,
            )
        except ActivityError as error:
            if isinstance(error.cause, ActivityTimeout):
                return JobAnswer(died=f"its worker was lost, {ATTEMPTS} times")
            raise
        return answer
