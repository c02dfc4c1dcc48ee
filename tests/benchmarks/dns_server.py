"""A DNS server of realistic sending domains that answers each question after a fixed delay.

Runs as a process of its own (``python -m tests.benchmarks.dns_server``), so that what it
costs is not in what is measured: every answer is made before the first question, and one
costs it about 20 microseconds. It prints its port. A datagram ``count`` asks how many
questions came since the last one.
"""

import argparse
import base64
import hashlib
import select
import socket
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from placement_pipeline.domain.auth.providers import PROVIDERS
from placement_pipeline.domain.words import MailProvider

COUNT = b"count"

Host = Literal["google", "microsoft", "other"]

_TTL_SECONDS = 300
_TYPES = {"A": 1, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16}
_NXDOMAIN = 3
_RECEIVE_BUFFER_BYTES = 4 * 2**20
# An RSA key of 2,048 bits before and after its modulus (RFC 3279 section 2.3.1).
_KEY_HEAD = bytes.fromhex("30820122300d06092a864886f70d01010105000382010f003082010a0282010100")
_KEY_TAIL = bytes.fromhex("0203010001")

Records = dict[tuple[str, str], list[bytes]]


@dataclass(frozen=True, slots=True)
class Server:
    """A running one."""

    port: int

    def count(self) -> int:
        """How many questions came since this was last asked."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            sock.sendto(COUNT, ("127.0.0.1", self.port))
            return int(sock.recv(32))


def domain_name(number: int) -> str:
    return f"customer{number:05}.example"


def host_of(number: int) -> Host:
    """Who takes a domain's mail: of ten, five at Google, four at Microsoft, one elsewhere."""
    digit = number % 10
    return "google" if digit < 5 else "microsoft" if digit < 9 else "other"


@contextmanager
def running(domains: int, delay_seconds: float) -> Iterator[Server]:
    """A server in a process of its own, for as long as the block runs."""
    command = [sys.executable, "-m", __name__, "--domains", str(domains), "--delay", str(delay_seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield Server(int(process.stdout.readline()))
        finally:
            process.terminate()


def zone(domains: int) -> Records:
    """The records of so many domains, and of those that their SPF includes."""
    records = _shared()
    for number in range(domains):
        _add_domain(records, number)
    return records


def _shared() -> Records:
    records: Records = {("example", "SOA"): [_soa()]}
    for facts in PROVIDERS.values():
        terms = [f"ip6:{block}" if ":" in block else f"ip4:{block}" for block in facts.blocks]
        records[facts.spf_include, "TXT"] = [_txt(" ".join(["v=spf1", *terms, "-all"]))]
    for name, text in {
        "sendgrid.net": "ip4:167.89.0.0/17 ip4:208.117.48.0/20 ip4:50.31.32.0/19 ip4:198.37.144.0/20 ip4:198.21.0.0/21 "
        "ip4:192.254.112.0/20 ip4:168.245.0.0/17 ip4:149.72.0.0/16 ip4:159.183.0.0/16 include:ab.sendgrid.net ~all",
        "ab.sendgrid.net": "ip4:223.165.113.0/24 ip4:223.165.115.0/24 ip4:223.165.118.0/23 ip4:223.165.120.0/23 ~all",
        "mailgun.org": "include:_spf.mailgun.org include:_spf.eu.mailgun.org -all",
        "_spf.mailgun.org": "ip4:209.61.151.0/24 ip4:166.78.68.0/22 ip4:198.61.254.0/23 ip4:192.237.158.0/23 ~all",
        "_spf.eu.mailgun.org": "ip4:141.193.32.0/23 ip4:159.135.140.80/29 ip4:161.38.204.0/22 ~all",
        "servers.mcsv.net": "ip4:205.201.128.0/20 ip4:198.2.128.0/18 ip4:148.105.8.0/21 -all",
        "_spf.salesforce.com": "exists:%{i}._spf.mta.salesforce.com -all",
        "mail.zendesk.com": "ip4:192.161.144.0/20 ip4:185.12.80.0/22 ip4:188.172.128.0/20 ip4:216.198.0.0/18 ~all",
    }.items():
        records[name, "TXT"] = [_txt(f"v=spf1 {text}")]
    return records


def _add_domain(records: Records, number: int) -> None:
    domain, host = domain_name(number), host_of(number)
    extras = ("", "include:sendgrid.net", "include:mailgun.org include:mail.zendesk.com", "include:servers.mcsv.net")
    google, microsoft = PROVIDERS[MailProvider.GOOGLE], PROVIDERS[MailProvider.MICROSOFT365]
    own = {
        "google": f"include:{google.spf_include}",
        "microsoft": f"include:{microsoft.spf_include}",
        # Terms that name the domain's own hosts cost questions nobody else asks: one domain in a hundred has some.
        "other": "ip4:192.0.2.0/24" if number % 100 != 9 else "ip4:192.0.2.0/24 mx",
    }[host]
    terms = ["v=spf1", *filter(None, (own, extras[number % 7 % 4])), "-all" if number % 3 else "~all"]
    verification = hashlib.sha256(domain.encode()).hexdigest()
    texts = [" ".join(terms), f"google-site-verification={verification[:43]}", f"MS=ms{number:08}"]
    texts += [f"{service}-domain-verification={verification}" for service in ("facebook", "apple", "atlassian")]
    records[domain, "TXT"] = [_txt(text) for text in texts]
    mx = {
        "google": [(1, "smtp.google.com")],
        "microsoft": [(0, f"{domain.replace('.', '-')}.mail.protection.outlook.com")],
        "other": [(10, f"mx1.{domain}"), (20, f"mx2.{domain}")],
    }[host]
    records[domain, "MX"] = [struct.pack("!H", preference) + _name(target) for preference, target in mx]
    for _, target in mx:
        records[target, "A"] = [bytes((192, 0, 2, number % 250))]
    if number % 6:
        policy = ("none", "quarantine", "reject")[number % 3]
        records[f"_dmarc.{domain}", "TXT"] = [_txt(f"v=DMARC1; p={policy}; rua=mailto:dmarc@{domain}")]
    if host == "google" and number % 4:
        records[f"google._domainkey.{domain}", "TXT"] = [_txt(f"v=DKIM1; k=rsa; p={_public_key(domain)}")]
    if host == "microsoft":
        for selector in ("selector1", "selector2"):
            target = f"{selector}-{domain.replace('.', '-')}._domainkey.tenant{number:05}.onmicrosoft.com"
            records[f"{selector}._domainkey.{domain}", "CNAME"] = [_name(target)]
            if selector == "selector1" or number % 4:
                records[target, "TXT"] = [_txt(f"v=DKIM1; k=rsa; p={_public_key(target)};")]


def _public_key(seed: str) -> str:
    """Something that reads as a key of 2,048 bits; nobody has the other half."""
    modulus = bytearray(hashlib.shake_256(seed.encode()).digest(256))
    modulus[0] |= 0x80
    modulus[-1] |= 0x01
    return base64.b64encode(_KEY_HEAD + bytes(modulus) + _KEY_TAIL).decode()


def _name(text: str) -> bytes:
    return b"".join(bytes((len(label),)) + label.encode() for label in text.split(".")) + b"\0"


def _txt(text: str) -> bytes:
    data = text.encode()
    pieces = (data[start : start + 255] for start in range(0, len(data), 255))
    return b"".join(bytes((len(piece),)) + piece for piece in pieces)


def _soa() -> bytes:
    return _name("ns.example") + _name("hostmaster.example") + struct.pack("!IIIII", 1, 7200, 900, 1209600, 60)


def answers(records: Records) -> dict[bytes, bytes]:
    """What comes after the question, by question: flags, counts and records, each in wire form."""
    made = {}
    for name, rtype in records:
        made[_question(name, rtype)] = _answer(records, name, rtype)
        if rtype == "CNAME":
            made[_question(name, "TXT")] = _answer(records, name, "TXT")
    return made


def _answer(records: Records, name: str, rtype: str) -> bytes:
    """Flags and counts in the first eight bytes, the records after them."""
    found, owner, code = b"", b"\xc0\x0c", 0  # the question's name
    count = 0
    if (name, rtype) not in records and (name, "CNAME") in records:
        (target,) = records[name, "CNAME"]
        found, owner, count = _record(owner, "CNAME", target), target, 1
        name = _text(target)
    for rdata in records.get((name, rtype), ()):
        found += _record(owner, rtype, rdata)
        count += 1
    if (name, rtype) in records:
        return struct.pack("!HHHH", 0x8180, 1, count, 0) + found
    code = 0 if any((name, other) in records for other in _TYPES) else _NXDOMAIN
    return struct.pack("!HHHH", 0x8180 | code, 1, count, 1) + found + _record(b"\0", "SOA", _soa())


def _question(name: str, rtype: str) -> bytes:
    return _name(name) + struct.pack("!HH", _TYPES[rtype], 1)


def _record(owner: bytes, rtype: str, rdata: bytes) -> bytes:
    return owner + struct.pack("!HHIH", _TYPES[rtype], 1, _TTL_SECONDS, len(rdata)) + rdata


def _text(wire: bytes) -> str:
    labels, position = [], 0
    while wire[position]:
        labels.append(wire[position + 1 : position + 1 + wire[position]].decode())
        position += 1 + wire[position]
    return ".".join(labels)


def serve(sock: socket.socket, records: Records, delay_seconds: float) -> None:
    """Answer until the process ends."""
    made = answers(records)
    names = {question[:-4] for question in made}
    negative = _record(b"\0", "SOA", _soa())
    nothing = struct.pack("!HHHH", 0x8180, 1, 0, 1) + negative
    unknown = struct.pack("!HHHH", 0x8180 | _NXDOMAIN, 1, 0, 1) + negative
    due: deque[tuple[float, bytes, tuple[str, int]]] = deque()
    count = 0
    while True:
        select.select([sock], [], [], max(0.0, due[0][0] - time.monotonic()) if due else None)
        now = time.monotonic()
        try:
            while True:
                query, address = sock.recvfrom(4096)
                if query == COUNT:
                    sock.sendto(str(count).encode(), address)
                    count = 0
                    continue
                count += 1
                end = query.index(0, 12) + 5
                question = query[12:end]
                answer = made.get(question) or made.get(key := question[:-4].lower() + question[-4:])
                if answer is None:
                    answer = nothing if key[:-4] in names else unknown
                reply = query[:2] + answer[:8] + b"\0\0" + question + answer[8:]
                due.append((now + delay_seconds, reply, address))
        except BlockingIOError:
            pass
        now = time.monotonic()
        while due and due[0][0] <= now:
            _, reply, address = due.popleft()
            sock.sendto(reply, address)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--domains", type=int, required=True)
    parser.add_argument("--delay", type=float, required=True, help="in seconds")
    options = parser.parse_args()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, buffer, _RECEIVE_BUFFER_BYTES)
        records = zone(options.domains)
        print(sock.getsockname()[1], flush=True)  # noqa: T201 - whoever started it waits for it
        serve(sock, records, options.delay)


if __name__ == "__main__":
    main()
