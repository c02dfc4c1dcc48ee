"""Header layouts of real receivers, written anew: the same order and habits, other names and addresses.

Each is only the receiver's part. ``AUTHORS_PART`` is what came with the message, left-overs
and forgeries included: whatever stands there, no receiver said it.
"""

from dataclasses import dataclass

from placement_pipeline.domain.words import ProviderFamily

AUTHORS_PART = """\
DKIM-Signature: v=1; a=rsa-sha256; d=acme.example; s=s1; h=From; bh=x; b=x
Received: from laptop by out.acme.example (Postfix) with ESMTPSA id 1; d
Authentication-Results: mx.google.com; dkim=fail; spf=fail smtp.mailfrom=evil.example; dmarc=fail
Authentication-Results: mx.mailhaus.example; dkim=fail; spf=fail smtp.mailfrom=evil.example; dmarc=fail
From: Mia Berg <mia@acme.example>
To: sam@seed.example
authentication-results: seed.example; dkim=none (message not signed)
 header.d=none;seed.example; dmarc=none action=none header.from=acme.example;
X-Forefront-Antispam-Report-Untrusted: SCL:-1;SFV:SKN;
Received-SPF: fail (mx.mailhaus.example: domain of evil.example) client-ip=203.0.113.66; envelope-from=x@evil.example

"""


@dataclass(frozen=True)
class Layout:
    """One receiver's part of a header.

    Attributes:
        header: as text.
        family: the seed's family.
        results: what its own fields say.
        authserv_id: whom they name.
        ip: the client's address; empty where the receiver does not say.
        helo: the client's name; empty where it does not say.
        guessed: what the header alone shows, where that is another family.
        is_found_unaided: whether the results count without a word of who the receiver is.
    """

    header: str
    family: ProviderFamily
    results: tuple[str, ...]
    authserv_id: str
    ip: str = "192.0.2.25"
    helo: str = "out.acme.example"
    guessed: ProviderFamily | None = None
    is_found_unaided: bool = True


ALL = ("dkim=pass", "spf=pass", "dmarc=pass")
REGIONAL = ProviderFamily.REGIONAL

LAYOUTS: dict[str, Layout] = {
    "gmail": Layout(
        """\
Delivered-To: sam@gmail.com
Received: by 2002:a05:6402:1234:b0:1:2 with SMTP id x1csp2; Mon, 23 Nov 2026 01:00:00 -0800 (PST)
X-Google-Smtp-Source: AGHT+IE
X-Received: by 2002:a05:600c:1234:b0:1:2 with SMTP id y1mr2; Mon, 23 Nov 2026 01:00:00 -0800 (PST)
ARC-Seal: i=1; a=rsa-sha256; t=1; cv=none; d=google.com; s=arc-20240605; b=x
ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=google.com; s=arc-20240605; h=from; bh=x; b=x
ARC-Authentication-Results: i=1; mx.google.com; dkim=pass header.i=@acme.example; spf=pass; dmarc=pass
Return-Path: <mia@acme.example>
Received: from out.acme.example (out.acme.example. [192.0.2.25])
        by mx.google.com with ESMTPS id z1 for <sam@gmail.com>
        (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256);
        Mon, 23 Nov 2026 01:00:00 -0800 (PST)
Received-SPF: pass (google.com: domain of mia@acme.example designates 192.0.2.25 as permitted sender)
 client-ip=192.0.2.25;
Authentication-Results: mx.google.com;
       dkim=pass header.i=@acme.example header.s=s1 header.b=AbCdEfGh;
       spf=pass (google.com: domain of mia@acme.example designates 192.0.2.25 as permitted sender)
       smtp.mailfrom=mia@acme.example;
       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=acme.example
""",
        ProviderFamily.GMAIL,
        ALL,
        "mx.google.com",
    ),
    "google workspace, arc set alone": Layout(
        """\
Delivered-To: sam@seed.example
Received: by 2002:a17:906:9c01:b0:1:2 with SMTP id x1; Mon, 23 Nov 2026 01:00:00 -0800 (PST)
ARC-Authentication-Results: i=2; mx.google.com;
       dkim=pass header.i=@acme.example;
       spf=pass smtp.mailfrom=mia@acme.example;
       dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=acme.example;
       arc=pass (i=1 spf=pass spfdomain=acme.example dkim=fail dmarc=fail fromdomain=acme.example)
Return-Path: <mia@acme.example>
Received: from out.acme.example (out.acme.example. [192.0.2.25]) by mx.google.com with ESMTPS id z1; d
ARC-Authentication-Results: i=1; mx.microsoft.com 1; spf=pass smtp.mailfrom=acme.example; dmarc=fail
""",
        ProviderFamily.GOOGLE_WORKSPACE,
        (*ALL, "arc=pass"),
        "mx.google.com",
    ),
    "exchange online": Layout(
        """\
Received: from DB1PEPF00012345.eurprd02.prod.outlook.com (2603:10a6:10:2e4::1) by
 DB9PR02MB1234.eurprd02.prod.outlook.com (2603:10a6:10:459::12)
 with Microsoft SMTP Server (version=TLS1_2, cipher=X) id 15.20.8158.14; Mon, 23 Nov 2026
Received: from DB1PEPF.eurprd02.prod.outlook.com (2603:10a6:10:2e4:cafe::5c) by DB1.outlook.office365.com
 (2603:10a6:10:2e4::1) with Microsoft SMTP Server (version=TLS1_3) id 15.20.8158.14 via Frontend Transport; d
Authentication-Results: spf=pass (sender IP is 192.0.2.25)
 smtp.mailfrom=acme.example; dkim=pass (signature was verified)
 header.d=acme.example;dmarc=pass action=none
 header.from=acme.example;compauth=pass reason=100
Received-SPF: Pass (protection.outlook.com: domain of acme.example designates
 192.0.2.25 as permitted sender) receiver=protection.outlook.com;
 client-ip=192.0.2.25; helo=out.acme.example; pr=C
Received: from out.acme.example (192.0.2.25) by DB1PEPF.mail.protection.outlook.com
 (10.167.242.36) with Microsoft SMTP Server (version=TLS1_3) id 15.20.8158.14 via Frontend Transport; d
ARC-Authentication-Results: i=1; mx.microsoft.com 1; spf=fail smtp.mailfrom=evil.example; dmarc=fail
""",
        ProviderFamily.MICROSOFT365,
        ("spf=pass", "dkim=pass", "dmarc=pass", "compauth=pass"),
        "",
    ),
    "outlook.com, from another tenant": Layout(
        """\
Received: from SA1PEPF.namprd19.prod.outlook.com (2603:10b6:806:2d3::9) by SJ0PR19MB1234.namprd19.prod.outlook.com
 with HTTPS; Mon, 23 Nov 2026 09:00:00 +0000
X-Message-Info: qZelhIiYnPl
Authentication-Results: spf=pass (sender IP is 192.0.2.25) smtp.mailfrom=acme.example; dkim=pass (signature was
 verified) header.d=acme.example;dmarc=pass action=none header.from=acme.example;compauth=pass reason=100
Received: from EUR05-DB8-obe.outbound.protection.outlook.com (192.0.2.25) by SA1PEPF.mail.protection.outlook.com
 (10.167.18.1) with Microsoft SMTP Server id 15.20.8158.14 via Frontend Transport; d
ARC-Seal: i=1; a=rsa-sha256; s=arcselector10001; d=microsoft.com; cv=none; b=x
""",
        ProviderFamily.OUTLOOK_COM,
        ("spf=pass", "dkim=pass", "dmarc=pass", "compauth=pass"),
        "",
        helo="eur05-db8-obe.outbound.protection.outlook.com",
    ),
    "yahoo": Layout(
        """\
X-Apparently-To: sam@yahoo.com; Mon, 23 Nov 2026 09:00:00 +0000
Return-Path: <mia@acme.example>
X-YMailISG: x
X-Originating-IP: [192.0.2.25]
Received: from 127.0.0.1
 by atlas-production.v2-mail-prod1-ir2.omega.yahoo.com pod-id NONE with HTTP; Mon, 23 Nov 2026 09:00:00 +0000
X-Originating-Ip: [192.0.2.25]
Received-SPF: pass (domain of acme.example designates 192.0.2.25 as permitted sender)
Authentication-Results: atlas-production.v2-mail-prod1-ir2.omega.yahoo.com;
 dkim=pass header.i=@acme.example header.s=s1;
 spf=pass smtp.mailfrom=acme.example;
 dmarc=success(p=REJECT,sp=REJECT) header.from=acme.example;
Received: from 192.0.2.25 (EHLO out.acme.example)
 by 10.217.135.23 with SMTPs
 (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256);
 Mon, 23 Nov 2026 09:00:00 +0000
""",
        REGIONAL,
        ALL,
        "atlas-production.v2-mail-prod1-ir2.omega.yahoo.com",
    ),
    "icloud": Layout(
        """\
Return-path: <mia@acme.example>
Received: from p54-mailgateway-smtp-7f by p54-mailgateway-smtp-7f (mailgateway 2544B123) with SMTP id 1; d
X-Apple-MoveToFolder: INBOX
X-Apple-Action: MOVE_TO_FOLDER/INBOX
Received: from out.acme.example (out.acme.example [192.0.2.25]) by st43p00im-qukt05021701.me.com (Postfix) with ESMTPS
 id EC1AC for <sam@icloud.com>; Mon, 23 Nov 2026 09:00:00 +0000 (UTC)
X-ICL-SCORE: 3.33
Authentication-Results: bimi.icloud.com; bimi=skipped reason="insufficient dmarc"
X-ARC-Info: policy=fail; arc=none
Authentication-Results: arc.icloud.com; arc=none
Authentication-Results: dmarc.icloud.com; dmarc=pass header.from=acme.example
X-DMARC-Info: pass=pass; dmarc-policy=none; s=r1; d=r1; pdomain=acme.example
Authentication-Results: dkim-verifier.icloud.com;
 dkim=pass (2048-bit key) header.d=acme.example header.i=@acme.example header.b=AbCdEfGh
Authentication-Results: spf.icloud.com; spf=pass (spf.icloud.com: domain of mia@acme.example designates 192.0.2.25
 as permitted sender) smtp.mailfrom="mia@acme.example"
Received-SPF: pass (spf.icloud.com: ...) receiver=spf.icloud.com; client-ip=192.0.2.25; helo=out.acme.example
""",
        REGIONAL,
        ("bimi=skipped", "arc=none", "dmarc=pass", "dkim=pass", "spf=pass"),
        "bimi.icloud.com",
    ),
    "fastmail": Layout(
        """\
Return-Path: <mia@acme.example>
Received: from phl-compute-02.internal (phl-compute-02.phl.internal [10.202.2.42])
 by sloti01n01 (Cyrus 3.13) with LMTPA; Mon, 23 Nov 2026 04:00:00 -0500
X-Spam-score: 0.0
X-Spam-source: IP='192.0.2.25', Host='out.acme.example', Country='DE', FromHeader='example', MailFrom='example'
X-Delivered-to: sam@fastmail.com
X-Mail-from: mia@acme.example
Received: from phl-mx-04 ([10.202.2.203])
  by phl-compute-02.internal (LMTPProxy); Mon, 23 Nov 2026 04:00:00 -0500
Received: from phl-mx-04.messagingengine.com (localhost [127.0.0.1])
 by mailmx.phl.internal (Postfix) with ESMTP id A7 for <sam@fastmail.com>; Mon, 23 Nov 2026 04:00:00 -0500 (EST)
Received: from mailmx.phl.internal (localhost [127.0.0.1])
    by phl-mx-04.messagingengine.com (Authentication Milter) with ESMTP id 35; Mon, 23 Nov 2026 04:00:00 -0500
ARC-Authentication-Results: i=1; phl-mx-04.messagingengine.com; x-csa=none; spf=pass
Authentication-Results: phl-mx-04.messagingengine.com;
    arc=none (no signatures found);
    dkim=pass (2048-bit rsa key sha256) header.d=acme.example header.i=@acme.example header.b=P1aa x-bits=2048;
    dmarc=pass policy.published-domain-policy=none policy.applied-disposition=none header.from=acme.example;
    iprev=pass smtp.remote-ip=192.0.2.25 (out.acme.example);
    spf=pass smtp.mailfrom=mia@acme.example smtp.helo=out.acme.example;
    x-ptr=pass smtp.helo=out.acme.example policy.ptr=out.acme.example;
    x-tls=pass smtp.version=TLSv1.3 smtp.cipher=TLS_AES_256_GCM_SHA384 smtp.bits=256/256
Received-SPF: pass (acme.example: 192.0.2.25 is authorized to use 'mia@acme.example' in 'mfrom' identity)
    receiver=phl-mx-04.messagingengine.com; identity=mailfrom; envelope-from="mia@acme.example";
    helo=out.acme.example; client-ip=192.0.2.25
Received: from out.acme.example (out.acme.example [192.0.2.25])
 (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)) (No client certificate requested)
 by phl-mx-04.messagingengine.com (Postfix) with ESMTPS id 28 for <sam@fastmail.com>; d
""",
        REGIONAL,
        ("arc=none", "dkim=pass", "dmarc=pass", "iprev=pass", "spf=pass", "x-ptr=pass", "x-tls=pass"),
        "phl-mx-04.messagingengine.com",
    ),
    "gmx, from a mailbox of its own": Layout(
        """\
Return-Path: <mia@acme.example>
Authentication-Results: gmx.net; dkim=pass header.i=@acme.example
Received: from out.acme.example ([192.0.2.25]) by mx-ha.gmx.net (mxgmx114
 [212.227.17.5]) with ESMTPS (Nemesis) id 1MaJKP for <sam@gmx.net>; Mon, 23 Nov 2026 10:00:00 +0100
""",
        REGIONAL,
        ("dkim=pass",),
        "gmx.net",
    ),
    "web.de at the gmx hosts": Layout(
        """\
Return-Path: <mia@acme.example>
Authentication-Results: web.de; dkim=pass header.i=@acme.example; spf=pass smtp.mailfrom=mia@acme.example
Received: from out.acme.example ([192.0.2.25]) by mx-ha.web.de (mxweb012 [212.227.15.17]) with ESMTPS (Nemesis)
 id 1 for <sam@web.de>; d
""",
        REGIONAL,
        ("dkim=pass", "spf=pass"),
        "web.de",
    ),
    "zoho": Layout(
        """\
Delivered-To: sam@zohomail.eu
Received-SPF: pass (zohomail.com: domain of acme.example designates 192.0.2.25 as permitted sender)
 client-ip=192.0.2.25; envelope-from=mia@acme.example; helo=out.acme.example;
Authentication-Results: mx.zohomail.com;
 dkim=pass;
 spf=pass (zohomail.com: domain of acme.example designates 192.0.2.25 as permitted sender)
  smtp.mailfrom=mia@acme.example;
 dmarc=pass(p=reject dis=none)  header.from=acme.example
Return-Path: <mia@acme.example>
Received: from out.acme.example (out.acme.example [192.0.2.25]) by mx.zohomail.com
 with SMTPS id 17; Mon, 23 Nov 2026 01:00:00 -0800 (PST)
""",
        REGIONAL,
        ALL,
        "mx.zohomail.com",
    ),
    "proton, above": Layout(
        """\
Return-Path: <mia@acme.example>
X-Original-To: sam@proton.me
Delivered-To: sam@proton.me
Authentication-Results: mail.protonmail.ch; dkim=pass (Good 2048
    bit rsa-sha256 signature) header.d=acme.example header.a=rsa-sha256
Authentication-Results: mail.protonmail.ch; dmarc=pass (p=none dis=none) header.from=acme.example
Authentication-Results: mail.protonmail.ch; spf=pass smtp.mailfrom=acme.example
Authentication-Results: mail.protonmail.ch; arc=none smtp.remote-ip=192.0.2.25
Received: from out.acme.example (out.acme.example [192.0.2.25]) (using TLSv1.3 with cipher
 TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519) by mailin042.protonmail.ch (Postfix) with ESMTPS id 4; d
""",
        REGIONAL,
        ("dkim=pass", "dmarc=pass", "spf=pass", "arc=none"),
        "mail.protonmail.ch",
    ),
    "proton, below": Layout(
        """\
Return-Path: <mia@acme.example>
Received: from out.acme.example (out.acme.example [192.0.2.25]) by mailin.protonmail.ch (Postfix) with ESMTPS id 4; d
Authentication-Results: mail.protonmail.ch; dmarc=pass (p=quarantine dis=none) header.from=acme.example
Authentication-Results: mail.protonmail.ch; spf=pass smtp.mailfrom=acme.example
Authentication-Results: mail.protonmail.ch; dkim=pass (1024-bit key) header.d=acme.example header.i=@acme.example
""",
        REGIONAL,
        ("dmarc=pass", "spf=pass", "dkim=pass"),
        "mail.protonmail.ch",
    ),
    "yandex": Layout(
        """\
Received: from mail-nwsmtp-mxfront-42.sas.yp-c.yandex.net (mail-nwsmtp-mxfront-42.sas.yp-c.yandex.net
 [IPv6:2a02:6b8:c1c:3425:0:640:6940:0]) by postback8b.mail.yandex.net (Yandex) with ESMTPS id C7; d
Received: from out.acme.example (out.acme.example [192.0.2.25])
 by mail-nwsmtp-mxfront-42.sas.yp-c.yandex.net (mxfront/Yandex) with ESMTPS id oY; Mon, 23 Nov 2026 12:00:00 +0300
 (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))
 (Client certificate not present)
Return-Path: mia@acme.example
X-Yandex-Front: mail-nwsmtp-mxfront-42
Authentication-Results: mail-nwsmtp-mxfront-42.sas.yp-c.yandex.net; spf=pass (domain of acme.example designates
 192.0.2.25 as permitted sender, rule=[ip4:192.0.2.0/24]) smtp.mail=mia@acme.example; dkim=pass header.i=@acme.example
X-Yandex-Spam: 1
""",
        REGIONAL,
        ("spf=pass", "dkim=pass"),
        "mail-nwsmtp-mxfront-42.sas.yp-c.yandex.net",
    ),
    "mail.ru": Layout(
        """\
Delivered-To: sam@mail.ru
Return-path: <mia@acme.example>
Authentication-Results: mxs.mail.ru; spf=pass (mx289.i.mail.ru: domain of acme.example designates 192.0.2.25
 as permitted sender) smtp.mailfrom=mia@acme.example smtp.helo=out.acme.example;
 dkim=pass header.d=acme.example; dmarc=pass header.from=mia@acme.example
Received-SPF: pass (mx289.i.mail.ru: domain of acme.example) client-ip=192.0.2.25; envelope-from=mia@acme.example;
 helo=out.acme.example;
Received: from [192.0.2.25] (port=54884 helo=out.acme.example)
 by mx289.i.mail.ru with esmtp (envelope-from <mia@acme.example>)
 id 1VCnps-0000Ww-8W for sam@mail.ru; Mon, 23 Nov 2026 12:00:00 +0300
""",
        REGIONAL,
        ("spf=pass", "dkim=pass", "dmarc=pass"),
        "mxs.mail.ru",
    ),
    "postfix with openarc, opendmarc and opendkim": Layout(
        """\
Return-Path: <mia@acme.example>
X-Original-To: sam@mailhaus.example
Delivered-To: sam@mailhaus.example
Received: from out.acme.example (out.acme.example [192.0.2.25])
 (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))
 (No client certificate requested)
 by mx.mailhaus.example (Postfix) with ESMTPS id 1FDF5; Mon, 23 Nov 2026 10:00:00 +0100 (CET)
Authentication-Results: mx.mailhaus.example; arc=none smtp.client-ip=192.0.2.25
ARC-Seal:i=1; a=rsa-sha256; d=mailhaus.example; s=arc; t=1; cv=none; b=x
ARC-Authentication-Results:i=1; mx.mailhaus.example; dmarc=fail; spf=fail
Authentication-Results: mx.mailhaus.example; dmarc=pass (p=none dis=none) header.from=acme.example
Authentication-Results: mx.mailhaus.example; spf=pass smtp.mailfrom=acme.example
DKIM-Filter: OpenDKIM Filter v2.11.0 mx.mailhaus.example 1FDF5
Authentication-Results: mx.mailhaus.example;
 dkim=pass (2048-bit key; unprotected) header.d=acme.example header.i=@acme.example header.b="AbC/dE=="
""",
        REGIONAL,
        ("arc=none", "dmarc=pass", "spf=pass", "dkim=pass"),
        "mx.mailhaus.example",
    ),
    "postfix with rspamd, delivered by dovecot": Layout(
        """\
Return-Path: <mia@acme.example>
Delivered-To: sam@mailhaus.example
Received: from mail.mailhaus.example ([172.22.1.253])
 by 3f2a9c with LMTP id kAbC (envelope-from <mia@acme.example>) for <sam@mailhaus.example>; d
X-Spamd-Result: default: False [-2.10 / 15.00]; R_DKIM_ALLOW(-0.20)[acme.example:s=s1]
Authentication-Results: mail.mailhaus.example;
 dkim=pass header.d=acme.example header.s=s1 header.b="AbC";
 spf=pass (mail.mailhaus.example: domain of mia@acme.example designates 192.0.2.25 as permitted sender)
 smtp.mailfrom=mia@acme.example;
 dmarc=pass (policy=none) header.from=acme.example
Received: from out.acme.example (out.acme.example [192.0.2.25]) by mail.mailhaus.example (Postcow) with ESMTPS id 7; d
""",
        REGIONAL,
        ALL,
        "mail.mailhaus.example",
    ),
    "postfix with policyd-spf alone": Layout(
        """\
Return-Path: <mia@acme.example>
Received-SPF: Pass (mailfrom) identity=mailfrom; client-ip=192.0.2.25; helo=out.acme.example;
 envelope-from=mia@acme.example; receiver=<UNKNOWN>
Received: from out.acme.example (out.acme.example [192.0.2.25]) by mx.mailhaus.example (Postfix) with ESMTPS id 7; d
""",
        REGIONAL,
        ("spf=pass",),
        "",
    ),
    "amavis between two postfixes": Layout(
        """\
Return-Path: <mia@acme.example>
Received: from localhost (localhost [127.0.0.1]) by mx.mailhaus.example (Postfix) with ESMTP id 2; d
X-Virus-Scanned: Debian amavisd-new at mx.mailhaus.example
Authentication-Results: mx.mailhaus.example (amavisd-new); dkim=pass (2048-bit key) header.d=acme.example
Received: from mx.mailhaus.example ([127.0.0.1]) by localhost (mx.mailhaus.example [127.0.0.1])
 (amavisd-new, port 10024) with ESMTP id 3; d
Received: from out.acme.example (out.acme.example [192.0.2.25]) by mx.mailhaus.example (Postfix) with ESMTPS id 1; d
""",
        REGIONAL,
        ("dkim=pass",),
        "mx.mailhaus.example",
    ),
    "exim": Layout(
        """\
Return-path: <mia@acme.example>
Received: from [192.0.2.25] (helo=out.acme.example)
 by mx.mailhaus.example with esmtps (TLS1.3) tls TLS_AES_256_GCM_SHA384 (Exim 4.98)
 (envelope-from <mia@acme.example>) id 1smkL5; Mon, 23 Nov 2026 09:00:00 +0000
Authentication-Results: mx.mailhaus.example;
 iprev=pass (out.acme.example) smtp.remote-ip=192.0.2.25;
 spf=pass smtp.mailfrom=acme.example;
 dkim=pass header.d=acme.example header.s=s1 header.a=rsa-sha256;
 dmarc=pass header.from=acme.example
""",
        REGIONAL,
        ("iprev=pass", "spf=pass", "dkim=pass", "dmarc=pass"),
        "mx.mailhaus.example",
    ),
    "amazon ses": Layout(
        """\
Return-Path: <mia@acme.example>
Received: from out.acme.example (out.acme.example [192.0.2.25])
 by inbound-smtp.eu-west-1.amazonaws.com with SMTP id 8i6cr4
 for sam@seed.example; Mon, 23 Nov 2026 09:00:00 +0000 (UTC)
X-SES-Spam-Verdict: PASS
X-SES-Virus-Verdict: PASS
Received-SPF: pass (spfCheck: domain of acme.example designates 192.0.2.25 as permitted sender) client-ip=192.0.2.25;
 envelope-from=mia@acme.example; helo=out.acme.example;
Authentication-Results: amazonses.com;
 spf=pass (spfCheck: domain of acme.example designates 192.0.2.25 as permitted sender) client-ip=192.0.2.25;
 envelope-from=mia@acme.example; helo=out.acme.example;
 dkim=pass header.i=@acme.example;
 dmarc=pass header.from=acme.example;
X-SES-RECEIPT: AEFB
""",
        REGIONAL,
        ("spf=pass", "dkim=pass", "dmarc=pass"),
        "amazonses.com",
    ),
    "cloudflare email routing": Layout(
        """\
Received: from out.acme.example (192.0.2.25)
        by cloudflare-email.net (cloudflare) id RG92 for <sam@seed.example>; Mon, 23 Nov 2026 09:00:00 +0000
ARC-Authentication-Results: i=1; mx.cloudflare.net; dkim=fail; dmarc=fail
Received-SPF: pass (mx.cloudflare.net: domain of mia@acme.example designates 192.0.2.25 as permitted sender)
 receiver=mx.cloudflare.net; client-ip=192.0.2.25; envelope-from="mia@acme.example"; helo=out.acme.example;
Authentication-Results: mx.cloudflare.net;
 dkim=pass header.d=acme.example header.s=s1 header.b=L6CZ3OJ0;
 dmarc=pass header.from=acme.example policy.dmarc=none;
 spf=none (mx.cloudflare.net: no SPF records found for postmaster@out.acme.example) smtp.helo=out.acme.example;
 spf=pass (mx.cloudflare.net: domain of mia@acme.example) smtp.mailfrom=mia@acme.example;
 arc=none smtp.remote-ip="192.0.2.25"
""",
        REGIONAL,
        ("dkim=pass", "dmarc=pass", "spf=none", "spf=pass", "arc=none"),
        "mx.cloudflare.net",
    ),
    "cisco": Layout(
        """\
Received-SPF: None (esa5.mailhaus.example: no sender authenticity information available from domain of mia@acme.example)
 identity=pra; client-ip=192.0.2.25; receiver=esa5.mailhaus.example; envelope-from="mia@acme.example";
 x-sender="mia@acme.example"; x-conformance=sidf_compatible
Received-SPF: Pass (esa5.mailhaus.example: domain of mia@acme.example designates 192.0.2.25 as permitted sender)
 identity=mailfrom; client-ip=192.0.2.25; receiver=esa5.mailhaus.example; envelope-from="mia@acme.example";
 x-record-type="v=spf1"; x-record-text="v=spf1 ip4:192.0.2.0/24 ~all"
Authentication-Results: esa5.mailhaus.example; spf=None smtp.pra=mia@acme.example;
 spf=Pass smtp.mailfrom=mia@acme.example; spf=None smtp.helo=postmaster@out.acme.example;
 dkim=pass (signature verified) header.i=@acme.example; dmarc=pass (p=none dis=none) d=acme.example
X-IronPort-AV: E=Sophos;i="5.63,369,1557212400"; d="scan'208";a="35722735"
Received: from out.acme.example (HELO out.acme.example) ([192.0.2.25])
  by esa5.mailhaus.example with ESMTP/TLS/AES256-SHA256; 23 Nov 2026 08:37:26 -0700
""",
        REGIONAL,
        ("spf=none", "spf=pass", "spf=none", "dkim=pass", "dmarc=pass"),
        "esa5.mailhaus.example",
    ),
    "proofpoint": Layout(
        """\
Received: from pps.filterd (m0077473.ppops.net [127.0.0.1])
 by mx0a-00012345.pphosted.com (8.18.1.2/8.18.1.2) with ESMTP id x6O9; Mon, 23 Nov 2026 04:37:49 -0500
Authentication-Results: ppops.net;
 spf=pass smtp.mailfrom=mia@acme.example;
 dkim=pass header.d=acme.example header.s=s1;
 dmarc=pass header.from=acme.example
Received: from out.acme.example (out.acme.example [192.0.2.25])
 by mx0a-00012345.pphosted.com (PPS) with ESMTPS id 2tx61 (version=TLSv1.3 bits=256 verify=NOT); d
""",
        REGIONAL,
        ("spf=pass", "dkim=pass", "dmarc=pass"),
        "ppops.net",
    ),
    "mimecast": Layout(
        """\
Received: from out.acme.example (out.acme.example [192.0.2.25]) by relay.mimecast.com with ESMTP with STARTTLS
 (version=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384) id eu-mta-124-hreA-1; Mon, 23 Nov 2026 09:00:00 +0000
X-MC-Unique: VUsHuQEFPO24RvyLz-hreA-1
Authentication-Results: relay.mimecast.com;
 dkim=pass header.d=acme.example header.s=s1 header.b=AbC;
 dmarc=pass (policy=none) header.from=acme.example;
 spf=pass (relay.mimecast.com: domain of mia@acme.example designates 192.0.2.25 as permitted sender)
 smtp.mailfrom=mia@acme.example
X-Mimecast-Spam-Score: 0
""",
        REGIONAL,
        ("dkim=pass", "dmarc=pass", "spf=pass"),
        "relay.mimecast.com",
    ),
    "a host that signs with the name of its provider": Layout(
        """\
Return-Path: <mia@acme.example>
Authentication-Results: hoster.example; dkim=pass header.i=@acme.example
Received: from out.acme.example ([192.0.2.25]) by mx.mailhaus.example (mxx014 [198.51.100.9]) with ESMTP id 1; d
""",
        REGIONAL,
        ("dkim=pass",),
        "hoster.example",
        is_found_unaided=False,
    ),
}
