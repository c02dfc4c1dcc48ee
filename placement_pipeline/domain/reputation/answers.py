"""The codes that blocklists answer with, and what each means. No questions are asked here.

An answer has one of three ends: listed (in one of three grades), clean, or nothing said. A
refusal is the third: it comes as an address record like a listing does, and is none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import AddressValueError, IPv4Address, ip_network

from placement_pipeline.domain.dns import Answer, BadName, CannotTell, Data, NoData


class Standing(StrEnum):
    """How a host or an address stands with a list.

    ``suspect`` is a sublist whose keeper says that it also holds good names; ``policy`` is
    one of addresses that should not send mail themselves, whatever they sent.
    """

    LISTED = "listed"
    SUSPECT = "suspect"
    POLICY = "policy"
    CLEAN = "clean"
    UNKNOWN = "unknown"


class ListKind(StrEnum):
    """The families of lists: each has codes of its own."""

    DBL = "dbl"
    SURBL = "surbl"
    URIBL = "uribl"
    ZEN = "zen"


@dataclass(frozen=True, slots=True)
class ListReading:
    """What one answer means.

    Attributes:
        standing: the gravest thing said.
        detail: the sublists with their codes, or why nothing is known; empty where clean.
    """

    standing: Standing
    detail: str = ""


_Meaning = tuple[Standing, str]
# Of one code: its meanings, none where it is not documented; None where it is a refusal.
_Reader = Callable[[str, IPv4Address], list[_Meaning] | None]

_CLEAN = ListReading(Standing.CLEAN)
_GRAVEST = (Standing.LISTED, Standing.SUSPECT, Standing.POLICY, Standing.CLEAN)

# https://docs.spamhaus.com/datasets/docs/source/10-data-type-documentation/datasets/040-zones.html
# Abused domains are as listed as the others: the list is made for links, and a link to one leads to the abuse.
_DBL: Mapping[str, str] = {
    "127.0.1.2": "spam domain",
    "127.0.1.4": "phishing domain",
    "127.0.1.5": "malware domain",
    "127.0.1.6": "botnet domain",
    "127.0.1.102": "abused legitimate domain",
    "127.0.1.103": "abused redirector",
    "127.0.1.104": "abused legitimate domain, phishing",
    "127.0.1.105": "abused legitimate domain, malware",
    "127.0.1.106": "abused legitimate domain, botnet",
}
_DBL_ERROR = "127.0.1.255"
# The same page. 5 to 8 are reserved for the lists they stand beside.
_ZEN: Mapping[str, _Meaning] = {
    "127.0.0.2": (Standing.LISTED, "SBL"),
    "127.0.0.3": (Standing.LISTED, "SBL CSS"),
    **{f"127.0.0.{last}": (Standing.LISTED, "XBL") for last in (4, 5, 6, 7)},
    "127.0.0.8": (Standing.LISTED, "SBL"),
    "127.0.0.9": (Standing.LISTED, "SBL DROP"),
    "127.0.0.10": (Standing.POLICY, "PBL, by the network's owner"),
    "127.0.0.11": (Standing.POLICY, "PBL, by Spamhaus"),
    "127.0.0.30": (Standing.LISTED, "BCL"),
}
# https://surbl.org/lists. 4 is no reproach to a link: domains of throw-away mailboxes. 32 is
# given to click trackers seen in unsolicited mail: https://www.securityzones.net/new-return-codes-added-to-surbl-multi/
_SURBL: Mapping[int, _Meaning] = {
    4: (Standing.CLEAN, "DM, disposable mail"),
    8: (Standing.LISTED, "PH, phishing"),
    16: (Standing.LISTED, "MW, malware"),
    32: (Standing.SUSPECT, "CT, click tracker in unsolicited mail"),
    64: (Standing.LISTED, "ABUSE, spam and abuse"),
    128: (Standing.LISTED, "CR, cracked site"),
}
# https://uribl.com/about.shtml: grey "can and probably will cause False Positives", red is "at your own risk".
_URIBL: Mapping[int, _Meaning] = {
    2: (Standing.LISTED, "black"),
    4: (Standing.SUSPECT, "grey"),
    8: (Standing.SUSPECT, "red"),
}
# https://uribl.com/refused.shtml; SURBL answers the same.
_REFUSED_BIT = 1
# https://www.spamhaus.org/news/article/788/: mistyped zone, public resolver, too many questions, bad key.
_REFUSALS = ip_network("127.255.255.0/24")
_LISTS = ip_network("127.0.0.0/8")
_BITS = ip_network("127.0.0.0/24")


def read_answer(answer: Answer, kind: ListKind) -> ListReading:
    """What a list's answer to an A question means. Never raises.

    Several codes count together: one refusal among them makes the whole unknown, otherwise
    the gravest decides.
    """
    match answer:
        case NoData():
            return _CLEAN
        case CannotTell() | BadName():
            return ListReading(Standing.UNKNOWN, str(answer))
        case Data(records=codes):
            return _read_codes(sorted(set(codes)), _READERS[kind])


def _read_codes(codes: list[str], read: _Reader) -> ListReading:
    meanings: list[_Meaning] = []
    undocumented: list[str] = []
    for code in codes:
        address = _as_address(code)
        if address is None or address not in _LISTS:
            undocumented.append(code)
        elif address in _REFUSALS:
            return ListReading(Standing.UNKNOWN, f"the list refuses this resolver ({code})")
        elif (found := read(code, address)) is None:
            return ListReading(Standing.UNKNOWN, f"the list refuses the question ({code})")
        else:
            meanings += ((standing, f"{text} ({code})") for standing, text in found)
            undocumented += [] if found else [code]
    gravest = next((standing for standing in _GRAVEST if any(one is standing for one, _ in meanings)), None)
    if gravest is None or (gravest is Standing.CLEAN and undocumented):
        return ListReading(Standing.UNKNOWN, f"the list gave no documented code ({', '.join(undocumented)})")
    if gravest is Standing.CLEAN:
        return _CLEAN
    return ListReading(gravest, ", ".join(text for _, text in meanings))


def _read_dbl(code: str, _: IPv4Address) -> list[_Meaning] | None:
    if code == _DBL_ERROR:
        return None
    return [(Standing.LISTED, _DBL[code])] if code in _DBL else []


def _read_zen(code: str, _: IPv4Address) -> list[_Meaning] | None:
    return [_ZEN[code]] if code in _ZEN else []


def _read_surbl(_: str, address: IPv4Address) -> list[_Meaning] | None:
    # "Octets other than the first and last one are reserved for future use and should be ignored."
    return _read_bits(int(address) & 0xFF, _SURBL)


def _read_uribl(_: str, address: IPv4Address) -> list[_Meaning] | None:
    return _read_bits(int(address) & 0xFF, _URIBL) if address in _BITS else []


def _read_bits(value: int, bits: Mapping[int, _Meaning]) -> list[_Meaning] | None:
    if value & _REFUSED_BIT:
        return None
    return [meaning for bit, meaning in bits.items() if value & bit]


def _as_address(code: str) -> IPv4Address | None:
    try:
        return IPv4Address(code)
    except AddressValueError:
        return None


_READERS: Mapping[ListKind, _Reader] = {
    ListKind.DBL: _read_dbl,
    ListKind.SURBL: _read_surbl,
    ListKind.URIBL: _read_uribl,
    ListKind.ZEN: _read_zen,
}
