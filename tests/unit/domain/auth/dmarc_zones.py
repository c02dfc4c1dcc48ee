"""Zones of DMARC records, by hand and by chance."""

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from placement_pipeline.domain.dns import Answer
from tests.unit.domain.zones import FAILURES, Zone, ZoneResolver

RECORD = "v=DMARC1; p=reject; sp=quarantine"
PLAIN = "v=DMARC1; p=none"
Entry = str | Sequence[str] | Answer

LABELS = st.sampled_from(["a", "b", "acme", "mail"])
NAMES = st.lists(LABELS, max_size=10).map(lambda labels: ".".join([*labels, "acme", "example"]))
POLICIES = st.sampled_from(["none", "quarantine", "reject"])
RECORDS = st.builds(
    lambda p, rest: f"v=DMARC1; p={p}; {'; '.join(rest)}",
    POLICIES,
    st.lists(
        st.one_of(
            POLICIES.map("sp={}".format),
            POLICIES.map("np={}".format),
            st.sampled_from(["psd=y", "psd=n", "psd=u", "t=y", "adkim=s"]),
        ),
        max_size=3,
        unique_by=lambda tag: tag.partition("=")[0],
    ),
)
ENTRIES = st.one_of(
    RECORDS.map(lambda one: {"TXT": [one]}), st.just({"TXT": [PLAIN, RECORD]}), st.sampled_from(FAILURES)
)


def zone_of(entries: Mapping[str, Entry]) -> Zone:
    """A zone of DMARC records by the domain they stand at; a name with its type, as ``MX mail.example``, is itself."""
    zone: dict[str, object] = {}
    for name, entry in entries.items():
        record_type, _, host = name.rpartition(" ")
        if record_type:
            zone[host] = {record_type: [entry]} if isinstance(entry, str) else entry
        elif isinstance(entry, str):
            zone[f"_dmarc.{name}"] = {"TXT": [entry]}
        else:
            zone[f"_dmarc.{name}"] = {"TXT": entry} if isinstance(entry, Sequence) else entry
    return zone  # type: ignore[return-value]


def at(**records: str) -> ZoneResolver:
    """A zone of DMARC records; ``__`` in a name stands for a dot."""
    return ZoneResolver(zone_of({name.replace("__", "."): text for name, text in records.items()}))


@st.composite
def zones(draw: st.DrawFn, *names: str) -> Zone:
    """Records, sets of records and failures at some of the names and above them."""
    above = {".".join(name.split(".")[index:]) for name in names for index in range(name.count(".") + 1)}
    held = draw(st.dictionaries(st.sampled_from(sorted(above)), ENTRIES, max_size=5))
    return {f"_dmarc.{name}": entry for name, entry in held.items()}
