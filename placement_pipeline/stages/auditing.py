"""Audits: what is wrong with a test's domains, hosts, messages and mailbox.

A test is audited when it is closed: what DNS says after a fix says nothing about the mail
before it. Only an audit that left something unknown is made again, for two days. A month
that is over is judged again from its stored messages alone.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

from placement_pipeline.domain.audit.history import audit_history, audit_sync
from placement_pipeline.domain.audit.links import audit_links
from placement_pipeline.domain.audit.message import ReceivedMessage, audit_message, audit_stored_message
from placement_pipeline.domain.audit.sender import SendingAddress, audit_sender
from placement_pipeline.domain.dns import Resolver
from placement_pipeline.domain.findings import REASONS, Finding
from placement_pipeline.domain.reputation.blocklists import Blocklist, prove
from placement_pipeline.domain.reputation.senders import audit_sending_address
from placement_pipeline.domain.roster import RosterEntry
from placement_pipeline.domain.words import CheckStatus, ProviderFamily, Role, TestState
from placement_pipeline.stages.access import Access
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import plan, seed_messages, verdicts
from placement_pipeline.warehouse.plan import StoredTest
from placement_pipeline.warehouse.roster import load_activity, load_roster
from placement_pipeline.warehouse.seed_messages import Evidence

_ALL_CHECKS = frozenset(reason.check for reason in REASONS.values())
_STORED_CHECKS = frozenset({"content", "receiver"})
_AT_ONCE = 20
_FRESH = timedelta(days=2)


async def audit_month(place: Workplace, access: Access, month: date) -> Counter[str]:
    """Audit the month's closed tests that are due, and judge the stored messages of the others again if it is over.

    Returns:
        ``audited_tests``, ``findings`` and findings by status.
    """
    auditor = _Auditor(place, access.resolver(), month)
    due = auditor.due_tests()
    if due:
        await auditor.prove_lists()
    stored = [] if month == place.this_month else [test for test in auditor.closed_tests() if test not in due]
    gate = asyncio.Semaphore(_AT_ONCE)

    async def audit(test: StoredTest) -> list[Finding]:
        async with gate:
            return await auditor.audit(test)

    audited = await asyncio.gather(*(audit(test) for test in due))
    judged = [auditor.judge_again(test) for test in stored]
    with place.engine.begin() as connection:
        for tests, results, checks in ((due, audited, _ALL_CHECKS), (stored, judged, _STORED_CHECKS)):
            for test, findings in zip(tests, results, strict=True):
                verdicts.save_findings(connection, test.test_id, checks, findings, place.now())
    everything = [finding for findings in (*audited, *judged) for finding in findings]
    counts = Counter({"audited_tests": len(due) + len(stored), "findings": len(everything)})
    counts.update(str(finding.status) for finding in everything)
    return counts


class _Auditor:
    """The audits of one month."""

    def __init__(self, place: Workplace, resolver: Resolver, month: date) -> None:
        self._place = place
        self._resolver = resolver
        self._link_lists = place.settings.link_lists
        self._address_lists = place.settings.address_lists
        self._month = month
        with place.engine.begin() as connection:
            self._roster = {entry.mailbox_id: entry for entry in load_roster(connection, month)}
            self._tests = plan.load_tests(connection, month=month)
        self._families = {seed.id: seed.family for seed in place.settings.seeds}

    async def prove_lists(self) -> None:
        """Find out, once a run, which blocklists refuse this resolver in a way that looks like an answer."""

        async def proven(lists: Sequence[Blocklist]) -> tuple[Blocklist, ...]:
            return tuple(await asyncio.gather(*(prove(one, self._resolver) for one in lists)))

        self._link_lists, self._address_lists = await proven(self._link_lists), await proven(self._address_lists)

    def closed_tests(self) -> list[StoredTest]:
        """Tests that nothing more is waited for."""
        return [test for test in self._tests if test.state is not TestState.OPEN]

    def due_tests(self) -> list[StoredTest]:
        """Tests closed a short while ago that have no findings, or whose findings leave something unknown.

        What DNS says later says nothing about the mail of then, so the short while ends it.
        """
        since = self._place.now() - _FRESH
        fresh = [test for test in self.closed_tests() if test.closed_at is not None and test.closed_at >= since]
        with self._place.engine.begin() as connection:
            findings = verdicts.load_findings(connection, [test.test_id for test in fresh])
        return [test for test in fresh if self._is_due(findings.get(test.test_id, ()))]

    def _is_due(self, findings: Sequence[Finding]) -> bool:
        return not findings or any(finding.status is CheckStatus.UNKNOWN for finding in findings)

    async def audit(self, test: StoredTest) -> list[Finding]:
        """Everything that can be found out now."""
        mailbox = self._roster[test.mailbox_id]
        received = self._received(test, mailbox)
        audits = [await audit_message(message, self._resolver) for message in received]
        sender = SendingAddress(
            mailbox.domain,
            (mailbox.provider,),
            mailbox.envelope_domain,
            mailbox.account_address.rpartition("@")[0],
            tuple(dict.fromkeys(selector for audit in audits for selector in audit.selectors)),
        )
        findings = await audit_sender(sender, self._resolver)
        for message, audit in zip(received, audits, strict=True):
            findings += audit.findings
            findings += await audit_sending_address(
                audit.client_ip, message.subject, self._resolver, self._address_lists
            )
        contents = [audit.content for audit in audits if audit.content is not None]
        findings += await audit_links(contents, mailbox.domain, self._resolver, self._link_lists)
        return [*findings, *self._audit_mailbox(mailbox)]

    def judge_again(self, test: StoredTest) -> list[Finding]:
        """What stored messages say by themselves."""
        received = self._received(test, self._roster[test.mailbox_id])
        return [finding for message in received for finding in audit_stored_message(message)]

    def _received(self, test: StoredTest, mailbox: RosterEntry) -> list[ReceivedMessage]:
        """One received message a provider family: the others are the same message at another seed."""
        with self._place.engine.begin() as connection:
            stored = seed_messages.load_evidence(connection, test.test_id)
        chosen: dict[ProviderFamily, Evidence] = {}
        # One that is there as a whole tells more.
        for message in sorted(stored, key=lambda one: not one.is_whole):
            if (family := self._families.get(message.seed_id)) is not None:
                chosen.setdefault(family, message)
        return [
            ReceivedMessage(
                one.raw,
                f"{test.test_id}/{one.seed_id}",
                family,
                mailbox.provider,
                one.received_at,
                signature_html=mailbox.signature_html,
                is_whole=one.is_whole,
            )
            for family, one in chosen.items()
        ]

    def _audit_mailbox(self, mailbox: RosterEntry) -> list[Finding]:
        with self._place.engine.begin() as connection:
            history = load_activity(connection, self._month, mailbox.mailbox_id)
        findings = [audit_history(history, mailbox.mailbox_id)]
        if mailbox.role is Role.REP:
            findings.append(audit_sync(mailbox.sync_mode, mailbox.mailbox_id))
        return findings
