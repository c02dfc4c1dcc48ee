"""Invented zones full of SPF: every mechanism, macros, loops, names that do not exist and names nobody answers for."""

from ipaddress import ip_address

from hypothesis import strategies as st

from placement_pipeline.domain.dns import CannotTell, Failure
from tests.unit.domain.zones import Zone

DOMAINS = tuple(f"d{number}.example" for number in range(4))
HOSTS = ("h0.example", "h1.example", "h2.d0.example")
VOID, SLOW = "gone.example", "slow.example"
CLIENTS = ("192.0.2.1", "198.51.100.77", "2001:db8::1", "2001:db8:1::5", "::ffff:192.0.2.1")
NETWORKS = ("ip4:192.0.2.0/24", "ip4:198.51.100.77", "ip4:0.0.0.0/1", "ip6:2001:db8::/48", "ip6:2001:db8:1::5")
MACROS = ("%{d}", "x.%{d2}", "%{ir}.%{v}.example", "%{l1r-}.%{o}", "%{S}.example", "%{h}", "%{p}.d0.example", "%%.%{d}")
FAULTS = (
    "ip4:192.0.2",
    "a:",
    "all:x",
    "inclde:d1.example",
    "a:%{x}.example",
    "mx/33",
    "a:nodots",
    "-redirect=d1.example",
)
REVERSE = {client: ip_address(client).reverse_pointer for client in CLIENTS}


def hosts_records() -> st.SearchStrategy[dict[str, list[str]]]:
    return st.fixed_dictionaries(
        {},
        optional={
            "A": st.lists(st.sampled_from(["192.0.2.1", "198.51.100.77", "203.0.113.9"]), min_size=1, max_size=3),
            "AAAA": st.lists(st.sampled_from(["2001:db8::1", "2001:db8:1::5"]), min_size=1, max_size=2),
        },
    )


@st.composite
def terms(draw: st.DrawFn) -> str:
    names = st.sampled_from([*DOMAINS, *HOSTS, VOID, *MACROS] + [SLOW] * draw(st.integers(0, 1)))
    qualifier = draw(st.sampled_from(["", "", "+", "-", "~", "?"]))
    kind = draw(st.sampled_from(["include", "a", "mx", "ptr", "exists", "network", "all", "fault"]))
    match kind:
        case "include":
            return f"{qualifier}include:{draw(st.sampled_from([*DOMAINS, *DOMAINS, *MACROS[:2], VOID]))}"
        case "a" | "mx":
            prefix = draw(st.sampled_from(["", "", "/24", "//64", "/16//48", "/0"]))
            return f"{qualifier}{kind}{draw(st.one_of(st.just(''), names.map(':{}'.format)))}{prefix}"
        case "ptr":
            return f"{qualifier}ptr{draw(st.sampled_from(['', ':d0.example', ':example.', ':h0.example']))}"
        case "exists":
            return f"{qualifier}EXISTS:{draw(names)}"
        case "network":
            return qualifier + draw(st.sampled_from(NETWORKS))
        case "all":
            return f"{qualifier}all"
        case _:
            return draw(st.sampled_from(FAULTS)) if draw(st.integers(0, 5)) == 0 else "moo=%{d}.1"


@st.composite
def records(draw: st.DrawFn) -> str:
    parts = draw(st.lists(terms(), max_size=7))
    if draw(st.booleans()):
        parts.append(f"redirect={draw(st.sampled_from([*DOMAINS, VOID, '%{d2}']))}")
    if draw(st.booleans()):
        parts.insert(0, f"exp={draw(st.sampled_from(['why.example', VOID, SLOW, 'why.%{d}']))}")
    return draw(st.sampled_from(["v=spf1 ", "V=SPF1  "])) + " ".join(parts)


@st.composite
def zones(draw: st.DrawFn) -> Zone:
    zone: dict[str, object] = {name: draw(hosts_records()) for name in HOSTS}
    exchangers = st.lists(st.sampled_from([*HOSTS, VOID, SLOW]), min_size=1, max_size=12)
    for name in DOMAINS:
        texts = draw(st.lists(records(), min_size=1, max_size=1 if draw(st.integers(0, 9)) else 2))
        own: dict[str, list[str]] = {"TXT": [*texts, "v=spf10 all"], **draw(hosts_records())}
        if draw(st.booleans()):
            own["MX"] = [f"{number} {host}" for number, host in enumerate(draw(exchangers))]
        zone[name] = own
    for client in CLIENTS:
        if draw(st.booleans()):
            names = st.lists(st.sampled_from([*HOSTS, *DOMAINS, VOID]), min_size=1, max_size=12)
            zone[REVERSE[client]] = {"PTR": draw(names)}
    zone["why.example"] = {"TXT": ["%{i} is not %{d}'s (%{c}, %{r})"]}
    zone[SLOW] = CannotTell(Failure.TIMEOUT)
    return zone  # type: ignore[return-value]
