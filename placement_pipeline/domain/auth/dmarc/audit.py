"""DMARC of a sending domain: which policy is in force, and what stands in the way of one.

Judged by the RFC 9989 tree walk (``walk``); where receivers that still go by the
public suffix list come to another policy, a finding says so. Whether a message passes is
``message``.
"""

from placement_pipeline.domain.auth.dmarc.by_list import find_policy_by_list
from placement_pipeline.domain.auth.dmarc.records import describe_lookalike, hide_addresses
from placement_pipeline.domain.auth.dmarc.walk import AppliedPolicy, find_policy
from placement_pipeline.domain.dns import Resolver
from placement_pipeline.domain.findings import JSON, Finding, SubjectKind, make_finding
from placement_pipeline.domain.names import is_at_or_below, is_public_suffix, organizational_domain_by_list


async def audit_dmarc(domain: str, resolver: Resolver) -> list[Finding]:
    """Findings on the DMARC policy of a From domain: mistakes in it beside what is in force.

    A domain with a record of its own costs one question.
    """
    policy = await find_policy(domain, resolver)
    audit = _Audit(policy)
    audit.judge_names()
    if policy.unknown:
        audit.add("dmarc_unknown", detail=policy.unknown)
    elif policy.record is None:
        audit.judge_absence()
    else:
        audit.judge_record()
        audit.judge_policy()
        if policy.is_existing is not None:
            await _compare_ways(audit, resolver)
    return audit.findings


async def _compare_ways(audit: "_Audit", resolver: Resolver) -> None:
    policy = audit.policy
    listed = await find_policy_by_list(policy, resolver)
    # The same record may come to another policy too, by t= or np=; that is no matter of where to look.
    if listed is None or policy.holder == listed.holder or policy.in_force == listed.in_force:
        return
    walked = f"{policy.in_force or 'no DMARC'} (_dmarc.{policy.holder})"
    other = f"{listed.in_force or 'no DMARC'}" + (f" (_dmarc.{listed.holder})" if listed.holder else "")
    audit.add(
        "dmarc_lookup_differs",
        {"holder_by_list": listed.holder, "policy_by_list": listed.in_force},
        detail=f"{walked} by the tree walk, {other} by the list",
        advice=f"publish one DMARC record at _dmarc.{policy.author_domain} itself, where both look first",
    )


class _Audit:
    """The findings on one policy, as they come up."""

    def __init__(self, policy: AppliedPolicy) -> None:
        self.policy = policy
        self.organization = organizational_domain_by_list(policy.author_domain)
        # What stands above the registered domain is not this admin's to repair.
        self.own_looks = {
            name: look for name, look in policy.walk.looks.items() if is_at_or_below(name, self.organization)
        }
        self.is_own_record = is_at_or_below(policy.holder, self.organization)
        self.findings: list[Finding] = []

    def add(self, code: str, more: dict[str, JSON] | None = None, **names: object) -> None:
        policy, record = self.policy, self.policy.record
        evidence: dict[str, JSON] = {
            "asked": [f"_dmarc.{name}" for name in policy.walk.looks],
            "holder": policy.holder if record else None,
            "record": hide_addresses(record.text) if record else None,
            "deciding_tag": policy.deciding_tag,
            "policy_in_force": policy.in_force,
            "adkim": ("s" if record.is_dkim_strict else "r") if record else None,
            "aspf": ("s" if record.is_spf_strict else "r") if record else None,
            "ignored_tags": list(record.ignored_tags) if record else [],
            "cname": {name: look.chain[-1] for name, look in policy.walk.looks.items() if look.chain},
            "organizational_domain": policy.walk.organizational_domain,
            "organizational_domain_by_list": self.organization,
        }
        names = {
            "domain": policy.author_domain,
            "holder": policy.holder if self.is_own_record else self.organization,
            "tag": (policy.deciding_tag or "p") if self.is_own_record else "p",
            "stated": policy.stated,
            "in_force": policy.in_force,
        } | names
        subject = policy.author_domain
        self.findings.append(make_finding(code, SubjectKind.DOMAIN, subject, evidence | (more or {}), **names))

    def judge_names(self) -> None:
        """Records that receivers pass over: several at one name, and those that only look like DMARC."""
        crowded = next((name for name, look in self.own_looks.items() if len(look.records) > 1), None)
        if crowded is not None:
            texts: list[JSON] = [hide_addresses(one.text) for one in self.own_looks[crowded].records]
            self.add("dmarc_multiple", {"records": texts}, holder=crowded)
        for name, look in self.own_looks.items():
            # Where another record applies, one that would not have been used is no harm.
            is_used = name == self.policy.author_domain or self.policy.record is None
            if look.lookalikes and not look.records and is_used:
                text = look.lookalikes[0]
                self.add(
                    "dmarc_unreadable",
                    {"unreadable": hide_addresses(text)},
                    holder=name,
                    detail=describe_lookalike(text),
                )
                return

    def judge_absence(self) -> None:
        """No record applies: missing, where nothing that was found already says why."""
        if self.findings:
            return
        place = f"_dmarc.{self.organization}"
        for name, look in self.own_looks.items():
            if look.chain:
                place = f"_dmarc.{name}, in place of the CNAME to {look.chain[-1]}, which leads to none"
        self.add("dmarc_missing", place=place)

    def judge_record(self) -> None:
        """Mistakes in the record that applies."""
        policy, record = self.policy, self.policy.record
        if record is None or not self.is_own_record:
            return
        if record.faults:
            self.add("dmarc_syntax", detail="; ".join(record.faults))
        mistakes = list(record.mistakes)
        if record.psd == "y" and not is_public_suffix(policy.holder):
            mistakes.append(
                f"psd=y makes a stranger of every domain below {policy.holder}, as if it were a public suffix"
            )
        beside = self.own_looks[policy.holder].lookalikes
        if beside:
            mistakes.append(
                f"a second TXT record at the name looks like DMARC and is none ({describe_lookalike(beside[0])})"
            )
        if mistakes:
            self.add("dmarc_mistake", detail="; ".join(mistakes))

    def judge_policy(self) -> None:
        """What is in force; nothing more where a fault in the record has already decided it."""
        policy, record = self.policy, self.policy.record
        if record is None or (record.faults and self.is_own_record):
            return
        if not policy.is_applied:
            self.judge_absence()
        elif policy.is_existing is None:
            self.add("dmarc_unknown", detail=f"whether {policy.author_domain} exists in DNS, on which np= depends")
        elif record.is_policy_missing and self.is_own_record:
            self.add("dmarc_policy_missing")
        else:
            is_milder = policy.in_force != policy.stated
            if is_milder:
                self.add("dmarc_testing")
            if policy.in_force != "none":
                self.add("dmarc_ok")
            elif not is_milder:
                self.add("dmarc_policy_none")
