"""What looks like a key in words that came from outside, starred out.

A provider that refuses a key repeats it, whole or in part, and a proxy between repeats another's. The
form is all that is known of those, so this errs on the side of stars; it is for the words of errors, never
for an answer. Every repetition is bounded or possessive, so the time is linear in the text.
"""

from __future__ import annotations

import re

STARS = "***"
# As long a piece of a key tells something; shorter ones, as the last four characters, are customary.
_TELLING = 8

_KEY_SHAPED = re.compile(
    r"""
    # The makers' own forms.
    \b(?:
        (?:sk|pk|rk|gsk|xai|csk|fw|hf|nvapi|pplx|tgp|r8|key|dapi|glpat|gh[opsur]|github_pat|llx|lsv2|jina)
        [-_][\w*.+/=-]{8,}+
        | AIza[\w*-]{16,}+
        | ya29\.[\w*.-]{8,}+
        | A(?:KIA|SIA|BIA|CCA)[A-Z0-9*]{10,}+
        | eyJ[\w-]{8,}+\.[\w*.-]{8,}+
    )
    # What a header says behind its scheme, if there is a digit or a star in it: prose has none.
    | (?i:(?<=\bBearer\ )|(?<=\bBasic\ ))(?=[\w.~+/-]{0,512}[0-9*])[\w.~+/=*-]{6,}+
    # A field that is named as one, in an address, in JSON or in words.
    | (?i:(?<=[?&;]key=)|(?<=[?&;]sig=)|(?<=[?&;]token=)|(?<=api[_-]key=)|(?<=apikey=)|(?<=_token=)
        |(?<=signature=)|(?<=password=)|(?<=secret=)|(?<=Security-Token=)|(?<=Credential=))
      [^\s&"'<>\\#;,)\]}]{4,}+
    | (?i:(?<=api[_-]key":")|(?<=api[_-]key":\ ")|(?<=-token":")|(?<=-token":\ ")|(?<=_token":"))[^"\\]{4,}+
    # What somebody else has starred out in part; four characters at its end are what makers show.
    | (?<![\w*-])[\w-]{1,64}+\*{3,}+[\w*-]{0,64}+
    | (?<![\w*-])\*{3,}+[\w-]{5,64}+
    # A user in an address.
    | (?<=://)[^\s/?\#@"'<>]{1,512}+(?=@)
    """,
    re.VERBOSE | re.ASCII,
)


def redacted(text: str, /) -> str:
    """The text with all that looks like a key or a user of an address starred out."""
    return _KEY_SHAPED.sub(STARS, text)


def without(text: str, secret: str, /) -> str:
    """The text without a secret that is known, also where only its beginning or its end is repeated."""
    text = text.replace(secret, STARS)
    if len(secret) < 2 * _TELLING:
        return text
    begun = _without_beginning(text, secret)
    return _without_beginning(begun[::-1], secret[::-1])[::-1]


def _without_beginning(text: str, secret: str) -> str:
    pieces: list[str] = []
    at, start = 0, secret[:_TELLING]
    while (found := text.find(start, at)) >= 0:
        size = _TELLING
        while size < len(secret) and text[found + size : found + size + 1] == secret[size]:
            size += 1
        pieces += (text[at:found], STARS)
        at = found + size
    return "".join((*pieces, text[at:]))
