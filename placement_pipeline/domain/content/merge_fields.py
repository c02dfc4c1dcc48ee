"""Merge fields that nobody filled, in the notations of the tools that sales teams use.

The one definition: what is to be sent is held against it, in a dry run and by the doctor too,
and so is what was received. A notation is listed only where prose, style sheets and data do not
look like it: braces, brackets and percent signs have other uses, so most need a field's name inside.
"""

import re
from collections.abc import Iterable

_MAX_FIELDS = 10

_WHOSE = (
    "first|last|full|middle|given|family|contact|company|account|organi[sz]ation|person|customer|client|recipient|"
    "prospect|lead|deal|rep|sender|owner|user|your|my"
)
_NAMED = rf"(?:(?:{_WHOSE})[ _.-]?(?:name|title|role|company|e-?mail|phone|city|domain)|[fl]name)"
_RECORD = "person|contact|deal|organi[sz]ation|org|lead|company|account|user|sender|owner|rep"

_NOTATIONS = (
    # Jinja, Liquid, Handlebars; HubSpot, Outreach, Salesloft, Apollo, lemlist, Klaviyo. Not: data, {{"a": 1}} {{a: 1}}.
    r"\{\{(?!\s{0,5}(?:[\"'\[]|[\w-]{1,40}\s{0,3}:))[^{}\n]{0,120}\}\}",
    r"\{%-?\s{0,5}[a-z][^{}%\n]{0,80}%\}",
    # Zoho CRM, JavaScript.
    r"\$\{[a-z_][\w. ]{0,60}\}",
    # Zoho Campaigns.
    r"\$\[[a-z][\w:| ]{1,60}\]\$",
    # Mailchimp.
    r"\*\|[a-z][^|*\n]{0,60}\|\*",
    # Salesforce Marketing Cloud.
    r"%%=[^%\n]{1,80}=%%",
    r"%%[a-z_]\w{1,40}%%",
    # ActiveCampaign, Follow Up Boss.
    rf"(?<![\w%])%(?:{_NAMED}|name|company|e-?mail|phone|[a-z]{{2,20}}(?:_[a-z]{{2,20}}){{1,4}})%(?![\w%])",
    # Salesforce, Dynamics, Word.
    r"\{!\$?[a-z][\w.:$ ;]{1,60}\}",
    r"\{\s?MERGEFIELD [^{}\n]{1,40}\}",
    rf"«(?:{_NAMED}|\w{{1,30}}_\w{{1,30}})»",
    rf"<<(?:{_NAMED}|company|name|\w{{1,30}}[_.]\w{{1,30}})>>",
    r"\[\[[a-z][\w. ]{0,40}\]\]",
    # GMass, Reply, Yesware.
    r"\{[a-z]{2,30}(?:[_.][a-z]{2,30}){1,3}\}",
    rf"\{{{_NAMED}\}}",
    # What people type for a field; Campaign Monitor; records' fields in brackets.
    rf"\[{_NAMED}(?:,\s?fallback=[^\]\n]{{0,40}})?\]",
    rf"\[(?:{_RECORD})[._][a-z][a-z._]{{1,40}}\]",
)
_FIELD = re.compile("|".join(_NOTATIONS), re.IGNORECASE)


def find_unfilled(texts: Iterable[str]) -> tuple[str, ...]:
    """The merge fields in these texts, each once, the first ten; in the order they stand."""
    found: dict[str, None] = {}
    for text in texts:
        for field in _FIELD.finditer(text):
            found.setdefault(field[0])
            if len(found) >= _MAX_FIELDS:
                return tuple(found)
    return tuple(found)
