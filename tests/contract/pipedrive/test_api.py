"""The Pipedrive connector against the sandbox's Pipedrive API."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from placement_pipeline.connectors.errors import ConnectorError, ReadError, SignInError
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.pipedrive import api as connector
from placement_pipeline.connectors.pipedrive.api import Currency, Pipedrive
from placement_pipeline.sandbox.pipedrive import API_TOKEN, CLOSED_TOKEN, REP_TOKEN, SCOPELESS_TOKEN, PlantedLimits
from placement_pipeline.sandbox.server import Sandbox
from tests.contract.conftest import ANNA, Doors

Plant = Callable[..., None]


@pytest.fixture
def meter() -> Meter:
    return Meter()


@pytest.fixture
def reach(doors: Doors, meter: Meter) -> Callable[..., Pipedrive]:
    """Pipedrive by a token, with a reserve."""

    def reach(token: str = API_TOKEN, reserve: int = 0) -> Pipedrive:
        return Pipedrive(doors.sandbox.endpoints.pipedrive_api, token, doors.client, reserve, meter)

    return reach


@pytest.fixture
def pipedrive(reach: Callable[..., Pipedrive], plant: Plant) -> Pipedrive:
    return reach()


@pytest.fixture
def plant(sandbox: Sandbox) -> Iterator[Plant]:
    """Plants limits; without arguments the usual ones with nothing used of them."""

    def plant(**limits: float) -> None:
        sandbox.pipedrive.plant(PlantedLimits(**limits))  # type: ignore[arg-type]

    plant()
    yield plant
    plant()
    sandbox.pipedrive.goes_in_circles = False


@pytest.fixture
def page_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector, "_PAGE", 1)


def spent(meter: Meter) -> dict[str, tuple[int, int]]:
    """Attempts and tokens by operation."""
    assert {cost.provider for cost in meter.costs()} <= {"pipedrive"}
    return {cost.operation: (cost.call_count, cost.unit_count) for cost in meter.costs()}


async def test_users_come_with_their_login_and_state(pipedrive: Pipedrive) -> None:
    users = {user.user_id: user for user in await pipedrive.users()}
    assert len(users) == 9
    assert (users[1].name, users[1].email, users[1].is_active, users[1].is_deleted) == ("Anna Berg", ANNA, True, False)
    assert (users[8].is_active, users[8].is_deleted) == (False, False)
    assert (users[9].is_active, users[9].is_deleted) == (False, True)


async def test_currencies_are_the_companys_own_ones_too(pipedrive: Pipedrive) -> None:
    assert await pipedrive.currencies() == [
        Currency("EUR", "Euro", 2, is_custom=False),
        Currency("points", "Points", 0, is_custom=True),
    ]


async def test_won_deals_are_read_page_by_page_and_archived_ones_too(
    pipedrive: Pipedrive, page_of_one: None, meter: Meter
) -> None:
    deals = sorted(await pipedrive.won_deals(), key=lambda deal: deal.won_at)
    assert [(deal.value, deal.currency, deal.is_archived) for deal in deals] == [
        (Decimal(80), "EUR", True),
        (Decimal(900), "USD", False),
        (Decimal(70), "EUR", True),
        (Decimal("1250.5"), "EUR", False),
    ]
    assert {deal.owner_id for deal in deals} == {1}
    assert all(deal.won_at.utcoffset() == timedelta() for deal in deals)
    assert spent(meter) == {"deals.list": (2, 20), "deals.archived": (2, 40)}


async def test_only_deals_won_since_the_moment_are_given(pipedrive: Pipedrive, doors: Doors) -> None:
    since = doors.sandbox.office.began_at - timedelta(days=10)
    deals = await pipedrive.won_deals(since)
    assert sorted(deal.value for deal in deals) == [Decimal(70), Decimal("1250.5")]


# What a call costs, and what there is to spend.


async def test_every_attempt_is_counted_with_its_tokens(
    pipedrive: Pipedrive, trouble: Callable[..., None], meter: Meter
) -> None:
    trouble("pipedrive.users.list", "status", status=503, count=1)
    trouble("pipedrive.users.list", "drop_after", count=1)
    await pipedrive.users()
    await pipedrive.currencies()
    assert spent(meter) == {"users.list": (3, 60), "currencies.list": (1, 20)}


async def test_a_used_up_window_is_waited_for_before_the_next_call(
    pipedrive: Pipedrive, plant: Plant, page_of_one: None, meter: Meter
) -> None:
    plant(requests=1, window_seconds=0.1)
    started = time.monotonic()
    assert len(await pipedrive.won_deals()) == 4
    assert time.monotonic() - started > 0.3, "three of the four calls had to wait"
    assert spent(meter) == {"deals.list": (2, 20), "deals.archived": (2, 40)}, "nothing was refused"


async def test_another_users_burst_in_the_middle_of_pages_is_outlived(
    pipedrive: Pipedrive, trouble: Callable[..., None], page_of_one: None
) -> None:
    trouble("pipedrive.deals.list", "status", status=429, count=1)
    trouble("pipedrive.deals.archived", "status", status=429, retry_after_seconds=2, count=1)
    assert len(await pipedrive.won_deals()) == 4


async def test_the_companys_reserve_is_not_touched(
    reach: Callable[..., Pipedrive], plant: Plant, page_of_one: None, meter: Meter
) -> None:
    plant(daily_tokens=1_015)
    with pytest.raises(ReadError, match="1005 API tokens of the company's day are left, and 1000 are kept") as caught:
        await reach(reserve=1_000).won_deals()
    assert caught.value.code == "throttled"
    assert "midnight" in str(caught.value)
    assert spent(meter) == {"deals.list": (1, 10)}, "it stopped before the call, not after it"


async def test_what_the_day_has_left_is_reckoned_on_where_an_answer_does_not_tell(
    reach: Callable[..., Pipedrive], plant: Plant, sandbox: Sandbox, meter: Meter
) -> None:
    pipedrive = reach(reserve=100)
    plant(daily_tokens=145)
    await pipedrive.users()
    plant(tells_day=False)
    await pipedrive.users()
    with pytest.raises(ReadError, match="105 API tokens"):
        await pipedrive.users()
    assert spent(meter) == {"users.list": (2, 40)}


async def test_a_used_up_day_stops_at_once_and_says_until_when(
    pipedrive: Pipedrive, plant: Plant, page_of_one: None, meter: Meter
) -> None:
    plant(daily_tokens=20, tells_day=False)
    with pytest.raises(ReadError, match=r"API tokens of the day are used up; .* midnight") as caught:
        await pipedrive.won_deals()
    assert caught.value.code == "throttled"
    assert spent(meter) == {"deals.list": (2, 20), "deals.archived": (1, 20)}
    with pytest.raises(ReadError):
        await pipedrive.users()
    assert "users.list" not in spent(meter), "nothing is asked any more"


async def test_a_wait_of_hours_is_a_used_up_day(
    pipedrive: Pipedrive, trouble: Callable[..., None], meter: Meter
) -> None:
    trouble("pipedrive.users.list", "status", status=429, retry_after_seconds=30_000)
    with pytest.raises(ReadError, match="used up"):
        await pipedrive.users()
    assert spent(meter) == {"users.list": (1, 20)}


async def test_a_token_that_is_blocked_for_hammering_is_told_from_one_without_rights(
    pipedrive: Pipedrive, plant: Plant, sandbox: Sandbox, client: httpx.AsyncClient, meter: Meter
) -> None:
    plant(requests=1, patience=2)
    for _ in range(4):
        await client.get(f"{sandbox.endpoints.pipedrive_api}/v1/users", headers={"x-api-token": API_TOKEN})
    with pytest.raises(ReadError, match="blocks this token for having gone on in spite of HTTP 429") as caught:
        await pipedrive.users()
    assert caught.value.code == "throttled"
    assert "Cloudflare" not in str(caught.value)
    assert spent(meter) == {"users.list": (1, 20)}


# Refusals.


@pytest.mark.parametrize(
    ("token", "code", "says"),
    [
        ("not-the-token", "sign_in_refused", "the API token is refused; set pipedrive_token to a current one"),
        (CLOSED_TOKEN, "sign_in_refused", "the company's account is not open"),
        (SCOPELESS_TOKEN, "consent_missing", "the token has no scope for users; use an admin's"),
        (REP_TOKEN, "consent_missing", "the token's user may not read users; use the API token of an admin"),
    ],
)
async def test_a_token_that_does_not_do_is_told_by_what_is_wrong_with_it(
    reach: Callable[..., Pipedrive], meter: Meter, token: str, code: str, says: str
) -> None:
    with pytest.raises(SignInError, match=f"^Pipedrive: {says}") as caught:
        await reach(token).users()
    assert caught.value.code == code
    assert token not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert spent(meter) == {"users.list": (1, 20)}, "it is not asked again"


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (404, r"/v1/users is refused \(HTTP 404\): there is no such company or API; check endpoints.pipedrive_api"),
        (410, "has withdrawn this part of its API; update"),
        (400, r"/v1/users is refused \(HTTP 400\)"),
    ],
)
async def test_an_address_that_does_not_do_is_told(
    pipedrive: Pipedrive, trouble: Callable[..., None], status: int, says: str
) -> None:
    trouble("pipedrive.users.list", "status", status=status)
    with pytest.raises(ReadError, match=says) as caught:
        await pipedrive.users()
    assert caught.value.code == "refused"


@pytest.mark.parametrize("operation", ["pipedrive.deals.list", "pipedrive.deals.archived"])
@pytest.mark.parametrize(
    ("behaviour", "status", "code"),
    [
        ("status", 503, "unreachable"),
        ("status", 429, "throttled"),
        ("status", 403, "consent_missing"),
        ("status", 404, "refused"),
        ("half_answer", 503, "unreachable"),
    ],
)
async def test_a_failed_read_is_not_an_empty_read(
    pipedrive: Pipedrive, trouble: Callable[..., None], operation: str, behaviour: str, status: int, code: str
) -> None:
    trouble(operation, behaviour, status=status)
    with pytest.raises(ConnectorError) as caught:
        await pipedrive.won_deals()
    assert isinstance(caught.value, ReadError | SignInError)
    assert caught.value.code == code


async def test_pages_that_go_round_in_a_circle_are_left(
    pipedrive: Pipedrive, sandbox: Sandbox, page_of_one: None, meter: Meter
) -> None:
    sandbox.pipedrive.goes_in_circles = True
    with pytest.raises(ReadError, match="the pages of deals go round in a circle") as caught:
        await pipedrive.won_deals()
    assert caught.value.code == "malformed"
    assert spent(meter) == {"deals.list": (2, 20)}


# Answers as they may look, on a transport without a server.


def answering(*bodies: object) -> Pipedrive:
    left = list(bodies)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=left.pop(0)))
    return Pipedrive("https://api.pipedrive.example", "t", httpx.AsyncClient(transport=transport), 0, Meter())


def won_deal(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "id": 1,
        "owner_id": 2,
        "value": 10,
        "currency": "EUR",
        "won_time": "2026-11-02T09:00:00Z",
    }
    return row | changes


@pytest.mark.parametrize(
    "written", ["2026-11-02T09:00:00Z", "2026-11-02T09:00:00+00:00", "2026-11-02T11:00:00+02:00", "2026-11-02 09:00:00"]
)
async def test_a_win_is_a_moment_however_it_is_written(written: str) -> None:
    answers = [{"success": True, "data": [won_deal(won_time=written)]}, {"success": True, "data": None}]
    (deal,) = await answering(*answers).won_deals()
    assert deal.won_at == datetime(2026, 11, 2, 9, tzinfo=UTC)


async def test_a_deal_without_value_or_currency_is_kept() -> None:
    answers = [{"success": True, "data": [won_deal(value=None, currency=None)]}, {"success": True, "data": []}]
    (deal,) = await answering(*answers).won_deals()
    assert (deal.value, deal.currency) == (Decimal(0), "XXX")


@pytest.mark.parametrize(
    "body",
    [
        {"success": False, "error": "Something went wrong"},
        {"success": True},
        {"success": True, "data": None},
        {"success": True, "data": []},
        {"success": True, "data": [{"id": 1}]},
        [],
    ],
)
async def test_an_answer_that_cannot_be_users_is_no_company_without_users(body: object) -> None:
    with pytest.raises(ReadError) as caught:
        await answering(body).users()
    assert caught.value.code == "malformed"


async def test_updates_are_asked_for_from_a_day_earlier_since_clocks_differ() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["updated_since"])
        return httpx.Response(200, json={"success": True, "data": []})

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    since = datetime(2026, 11, 2, 10, tzinfo=UTC).astimezone()
    await Pipedrive("https://api.pipedrive.example", "t", client, 0, Meter()).won_deals(since)
    assert asked == ["2026-11-01T10:00:00Z"] * 2
