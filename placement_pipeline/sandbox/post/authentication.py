"""What a receiving server finds out about who a message is from: SPF, DKIM and DMARC, evaluated for real.

The verdicts only; what a provider makes of them is in its filter. All questions go to the
world's zones in this process.
"""

from dataclasses import dataclass
from typing import Literal

import dkim
from dkim.util import InvalidTagValueList, parse_tag_value
from spftrace import BaseResolver, Evaluator, Limits

from placement_pipeline.sandbox.post.message_fields import is_named, split_fields
from placement_pipeline.sandbox.world.zones import Zones

DkimVerdict = Literal["pass", "fail", "permerror", "temperror"]
DmarcVerdict = Literal["pass", "fail", "none", "temperror"]

_TRANSIENT = ("servfail", "timeout", "refused")
_SPF_STATUS = {"data": "NOERROR", "nodata": "NOERROR", "nxdomain": "NXDOMAIN", "timeout": "TIMEOUT"}


@dataclass(frozen=True, slots=True)
class ReceivedSpf:
    """RFC 7208: the verdict on the envelope's domain and the client's address."""

    verdict: str
    domain: str


@dataclass(frozen=True, slots=True)
class DkimResult:
    """RFC 6376: the verdict on one signature.

    Attributes:
        verdict: ``permerror`` where there is no usable key or it is revoked, ``temperror`` where it could not be
            asked for.
        domain: ``d=``.
        selector: ``s=``.
        prefix: the first characters of ``b=``, which tell signatures apart (RFC 6008).
    """

    verdict: DkimVerdict
    domain: str
    selector: str
    prefix: str


@dataclass(frozen=True, slots=True)
class DmarcResult:
    """The verdict on From's domain: ``none`` where no policy is published, and whose alignment made it pass."""

    verdict: DmarcVerdict
    policy: str
    domain: str


@dataclass(frozen=True, slots=True)
class Authentication:
    """All verdicts on one message."""

    spf: ReceivedSpf
    dkim: tuple[DkimResult, ...]
    dmarc: DmarcResult
    is_aligned: bool

    @property
    def passes_anything(self) -> bool:
        """Whether any mechanism passes at all, aligned or not."""
        return self.spf.verdict == "pass" or any(result.verdict == "pass" for result in self.dkim)


class Authenticator:
    """Evaluates messages against the world's zones."""

    def __init__(self, zones: Zones) -> None:
        self._zones = zones
        self._resolver = _ZoneResolver(zones)
        self._spf: dict[tuple[str, str], ReceivedSpf] = {}
        self._spf_revision = zones.revision

    async def check(self, raw: bytes, ip: str, helo: str, envelope_from: str, from_domain: str) -> Authentication:
        """Evaluate one message as it arrives.

        Args:
            raw: the message, CRLF line ends.
            ip: of the host that hands it over.
            helo: that host's name.
            envelope_from: the address in MAIL FROM.
            from_domain: the domain in From.
        """
        spf = await self._check_spf(ip, helo, envelope_from)
        signatures = self._check_dkim(raw)
        mine = self._zones.organizational_domain(from_domain)
        passing = [result.domain for result in signatures if result.verdict == "pass"]
        if spf.verdict == "pass":
            passing.append(spf.domain)
        is_aligned = any(self._zones.organizational_domain(domain) == mine for domain in passing)
        return Authentication(spf, signatures, self._check_dmarc(from_domain, mine, is_aligned), is_aligned)

    async def _check_spf(self, ip: str, helo: str, envelope_from: str) -> ReceivedSpf:
        if self._spf_revision != self._zones.revision:
            self._spf.clear()
            self._spf_revision = self._zones.revision
        domain = envelope_from.rpartition("@")[2].lower()
        # One evaluation parses every record of the tree again (0.8 ms); twenty seeds ask the same.
        if (known := self._spf.get((ip, domain))) is None:
            result = await Evaluator(self._resolver, Limits(max_queries=None)).evaluate(ip, envelope_from, helo)
            known = self._spf[ip, domain] = ReceivedSpf(str(result.verdict), domain)
        return known

    def _check_dkim(self, raw: bytes) -> tuple[DkimResult, ...]:
        fields, _ = split_fields(raw)
        count = sum(is_named(field, "DKIM-Signature") for field in fields)
        if not count:
            return ()
        verifier = dkim.DKIM(raw, minkey=1024)
        values = [field.partition(b":")[2] for field in fields if is_named(field, "DKIM-Signature")]
        return tuple(self._check_signature(verifier, index, values[index]) for index in range(count))

    def _check_signature(self, verifier: dkim.DKIM, index: int, value: bytes) -> DkimResult:
        try:
            tags = {name.decode(): b"".join(text.split()).decode() for name, text in parse_tag_value(value).items()}
            domain, selector, prefix = tags["d"].lower(), tags["s"], tags["b"][:8]
        except (InvalidTagValueList, KeyError, UnicodeDecodeError):
            return DkimResult("permerror", "", "", "")
        key = self._zones.lookup(f"{selector}._domainkey.{domain}", "TXT")
        if key.status in _TRANSIENT:
            return DkimResult("temperror", domain, selector, prefix)
        # dkimpy accepts a signature that leaves From out (RFC 6376 section 5.4 forbids it).
        signed = [name.strip().lower() for name in tags.get("h", "").split(":")]
        if key.status != "data" or "from" not in signed:
            return DkimResult("permerror", domain, selector, prefix)
        text = key.values("TXT")[0].encode()
        if not parse_tag_value(text).get(b"p", b"").strip():  # revoked (RFC 6376 section 6.1.2)
            return DkimResult("permerror", domain, selector, prefix)
        try:
            is_valid = verifier.verify(index, dnsfunc=lambda name, timeout=5: text)
        except dkim.DKIMException:
            is_valid = False
        return DkimResult("pass" if is_valid else "fail", domain, selector, prefix)

    def _check_dmarc(self, from_domain: str, organization: str, is_aligned: bool) -> DmarcResult:
        for name in dict.fromkeys((from_domain, organization)):
            answer = self._zones.lookup(f"_dmarc.{name}", "TXT")
            if answer.status in _TRANSIENT:
                return DmarcResult("temperror", "none", from_domain)
            records = [text for text in answer.values("TXT") if text.lower().startswith("v=dmarc1")]
            if len(records) == 1:
                tags = dict(part.strip().split("=", 1) for part in records[0].split(";") if "=" in part)
                policy = tags.get("p", "none") if name == from_domain else tags.get("sp", tags.get("p", "none"))
                return DmarcResult("pass" if is_aligned else "fail", policy, from_domain)
        return DmarcResult("none", "none", from_domain)


class _ZoneResolver(BaseResolver):
    """The zones, in the form spftrace asks for."""

    def __init__(self, zones: Zones) -> None:
        self._zones = zones

    async def _lookup(self, name: str, rtype: str) -> tuple[str, list[str]]:
        answer = self._zones.lookup(name, rtype)
        values = answer.values(rtype)
        if rtype == "MX":
            values = [value.split()[-1].rstrip(".") for value in values]
        return _SPF_STATUS.get(answer.status, "SERVFAIL"), values
