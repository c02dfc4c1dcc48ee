"""The Pipedrive connector against the sandbox's Pipedrive API."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from placement_pipeline.connectors import pipedrive as connector
from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.pipedrive import Pipedrive
from placement_pipeline.sandbox import pipedrive as sandbox_pipedrive
from tests.contract.conftest import ANNA, Doors


@pytest.fixture
def pipedrive(doors: Doors) -> Pipedrive:
    return Pipedrive(doors.sandbox.endpoints.pipedrive_api, sandbox_pipedrive.API_TOKEN, doors.client)


async def test_users_come_with_their_login_and_state(pipedrive: Pipedrive) -> None:
    users = {user.user_id: user for user in await pipedrive.users()}
    assert len(users) == 5
    assert (users[1].name, users[1].email, users[1].is_active) == ("Anna Berg", ANNA, True)


async def test_won_deals_are_read_page_by_page_and_archived_ones_too(
    pipedrive: Pipedrive, monkeypatch: pytest.MonkeyPatch, doors: Doors
) -> None:
    monkeypatch.setattr(connector, "_PAGE", 1)
    before = doors.calls("pipedrive.deals.list")
    deals = sorted(await pipedrive.won_deals(), key=lambda deal: deal.won_at)
    assert [(deal.value, deal.currency, deal.is_archived) for deal in deals] == [
        (Decimal(80), "EUR", True),
        (Decimal(900), "USD", False),
        (Decimal(70), "EUR", True),
        (Decimal("1250.5"), "EUR", False),
    ]
    assert {deal.owner_id for deal in deals} == {1}
    assert all(deal.won_at.tzinfo for deal in deals)
    assert doors.calls("pipedrive.deals.list") - before == 2


async def test_only_deals_won_since_the_moment_are_given(pipedrive: Pipedrive, doors: Doors) -> None:
    since = doors.sandbox.office.began_at - timedelta(days=10)
    deals = await pipedrive.won_deals(since)
    assert sorted(deal.value for deal in deals) == [Decimal(70), Decimal("1250.5")]


async def test_a_wrong_token_is_an_error_that_names_the_setting(doors: Doors) -> None:
    wrong = Pipedrive(doors.sandbox.endpoints.pipedrive_api, "not-the-token", doors.client)
    with pytest.raises(SignInError, match="set pipedrive_token") as caught:
        await wrong.users()
    assert "not-the-token" not in str(caught.value)


async def test_a_read_outlives_the_rate_limit(pipedrive: Pipedrive, trouble: Callable[..., None]) -> None:
    trouble("pipedrive.users.list", "status", status=429, retry_after_seconds=2, count=1)
    assert len(await pipedrive.users()) == 5


@pytest.mark.parametrize("operation", ["pipedrive.deals.list", "pipedrive.deals.archived"])
@pytest.mark.parametrize(
    ("behaviour", "status", "code"),
    [
        ("status", 503, "unreachable"),
        ("status", 429, "throttled"),
        ("status", 403, "refused"),
        ("half_answer", 503, "unreachable"),
    ],
)
async def test_a_failed_read_is_not_an_empty_read(
    pipedrive: Pipedrive, trouble: Callable[..., None], operation: str, behaviour: str, status: int, code: str
) -> None:
    trouble(operation, behaviour, status=status)
    with pytest.raises(ReadError) as caught:
        await pipedrive.won_deals()
    assert caught.value.code == code
