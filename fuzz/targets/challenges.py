"""WWW-Authenticate, and the Digest challenges in it (RFC 9110 §11.6.1, RFC 7616 §3.3); what we write comes back."""

from trunkline.wire.challenges import parse_challenges
from trunkline.wire.digest import strongest
from trunkline.wire.errors import BadChallenge
from trunkline.wire.fields import TOKEN
from trunkline.wire.limits import MAX_CHALLENGES
from trunkline.wire.mime import quote_string


def check(data: bytes) -> None:
    """Every field is read within bounds, is answered or refused, and a well-formed one as it was meant."""
    text = data.decode("utf-8", "surrogateescape")
    challenges = parse_challenges(text.split("\n"))
    assert len(challenges) <= MAX_CHALLENGES
    for challenge in challenges:
        assert TOKEN.fullmatch(challenge.scheme)
        assert challenge.token68 is None or not challenge.parameters
    try:
        strongest(challenges)
    except BadChallenge:
        pass
    _check_round_trip(text)


def _check_round_trip(text: str) -> None:
    words = text.split()
    names = [word.lower() for word in words if TOKEN.fullmatch(word)]
    values = [word for word in words if word.isprintable()]
    parameters = dict(zip(dict.fromkeys(names), values, strict=False))
    if not parameters:
        return
    field = "Digest " + ", ".join(f"{name}={quote_string(value)}" for name, value in parameters.items())
    (challenge,) = parse_challenges([field])
    assert challenge.parameters == parameters, field
