"""Send assets: the tests that are planned and the probes that go out."""

from enum import StrEnum
from typing import TypeVar

import dagster as dg
from pydantic import Field

from placement_pipeline.connectors.errors import InputError
from placement_pipeline.defs.partitions import month_asset, months_of
from placement_pipeline.defs.reporting import MONTH_OVER, report
from placement_pipeline.defs.resources import PlacementResource, run_stage
from placement_pipeline.defs.roster import rep_roster
from placement_pipeline.domain.sends.plan import Request
from placement_pipeline.domain.words import Route, Scope, TestReason, Variant
from placement_pipeline.stages.crm import waiting_note
from placement_pipeline.stages.planning import plan_month, resolve_mailboxes
from placement_pipeline.stages.sending import drain_outbox

_GROUP = "sends"
_OWNER = "team:deliverability"


class TestRequest(dg.Config):
    """Which mailboxes a run tests: what the launchpad and the backfill dialog show."""

    __test__ = False

    scope: str = Field(
        default=Scope.OWED.value,
        description="owed: what the month still owes; flagged: re-test now; listed: the mailboxes below; all",
    )
    mailboxes: list[str] = Field(default=[], description="mailbox ids or addresses, for the scope listed")
    reason: str = Field(
        default=TestReason.MANUAL.value, description=f"why, for the scopes listed and all: {', '.join(TestReason)}"
    )
    variant: str = Field(
        default=Variant.AS_SENT.value, description=f"what of the real mail the probes carry: {', '.join(Variant)}"
    )
    route: str = Field(default="", description="who sends, mailbox or crm; empty: as the roster says of each mailbox")
    request_key: str = Field(default="", description="tells one request by hand from the next; empty: the run's own id")

    def request(self, listed: frozenset[str], run_id: str) -> Request:
        """The request this configuration makes.

        Raises:
            InputError: a word is none of its set.
        """
        return Request(
            scope=_word(Scope, "scope", self.scope),
            listed=listed,
            reason=_word(TestReason, "reason", self.reason),
            variant=_word(Variant, "variant", self.variant),
            route=_word(Route, "route", self.route) if self.route else None,
            request_key=self.request_key or run_id,
        )


_Word = TypeVar("_Word", bound=StrEnum)


def _word(words: type[_Word], name: str, value: str) -> _Word:
    # Dagster shows an enum by its members' names; people know the words.
    try:
        return words(value)
    except ValueError:
        raise InputError(f"{name}: {value!r} is none of {', '.join(words)}; correct the run's configuration") from None


@month_asset(
    group=_GROUP,
    owner=_OWNER,
    kinds={"python", "postgres"},
    deps=[rep_roster],
)
def placement_tests(
    context: dg.AssetExecutionContext, config: TestRequest, placement: PlacementResource
) -> dg.MaterializeResult[None]:
    """One row per placement test that was planned, with its reason.

    Materialising a month again opens only what is still owed: mailboxes not yet tested,
    and flagged ones whose re-test is due. To re-test flagged mailboxes now, set
    ``scope: flagged``. A month that is over opens nothing. Where a test waits for Pipedrive
    to send (the route ``crm``), the note says what a person does next.
    """
    with placement.workplace(context.run.run_id) as place:
        if place.this_month not in months_of(context):
            return report({"opened": 0}, rows=0, note=MONTH_OVER)
        listed = resolve_mailboxes(place, place.this_month, config.mailboxes)
        request = config.request(listed, context.run.run_id)
        counts = plan_month(place, place.this_month, request)
        note = waiting_note(place)
    return report(counts, rows=counts["opened"], note=note)


@month_asset(
    group=_GROUP,
    owner=_OWNER,
    kinds={"python", "gmail", "azure", "postgres"},
    deps=[placement_tests],
)
def send_jobs(context: dg.AssetExecutionContext, placement: PlacementResource) -> dg.MaterializeResult[None]:
    """One row per probe to a seed and what became of it: the outbox, drained at most once a job.

    Jobs whose provider's answer was lost are looked up in the Sent folder before anything
    is sent again. What pacing or a throttling provider holds back is left to a later run.
    """
    with placement.workplace(context.run.run_id) as place:
        if place.this_month not in months_of(context):
            return report({"sent": 0}, rows=0, note=MONTH_OVER)
        ran = run_stage(place, "send_jobs", drain_outbox)
        note = "Dry run: nothing was sent." if place.settings.mode == "dry_run" else None
    rows = sum(ran.counts[name] for name in _WRITTEN)
    return report({"sent": 0, "refused": 0, **ran.counts}, rows=rows, note=note, costs=ran.costs)


_WRITTEN = ("sent", "refused", "resolved_sent")
