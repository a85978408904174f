"""The Huffman code of HPACK's strings (RFC 7541 §5.2 and appendix B).

The code is canonical: codes of one length are consecutive numbers, and each length goes on where the shorter one ended.
So its table is the symbols by length of their code. Encoding joins codes as text of 0 and 1, which `int` packs at C
speed. Decoding takes four bits at a time through a state machine: a state is an inner node of the code's tree, and no
code is so short that four bits could end two. Both are built when first used. What to keep is the callers' to say.
"""

from functools import cache
from typing import Final

from trunkline.wire.errors import CompressionFault

# RFC 7541 appendix B: length of a code in bits, and the octets that have it, in order of their codes. EOS is last.
_OCTETS_BY_LENGTH: Final = (
    (5, b"012aceiost"),
    (6, b" %-./3456789=A_bdfghlmnpru"),
    (7, b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    (8, b"&*,;XZ"),
    (10, b'!"()?'),
    (11, b"'+|"),
    (12, b"#>"),
    (13, b"\0$@[]~"),
    (14, b"^}"),
    (15, b"<`{"),
    (19, b"\\\xc3\xd0"),
    (20, bytes.fromhex("80 82 83 a2 b8 c2 e0 e2")),
    (21, bytes.fromhex("99 a1 a7 ac b0 b1 b3 d1 d8 d9 e3 e5 e6")),
    (22, bytes.fromhex("81 84 85 86 88 92 9a 9c a0 a3 a4 a9 aa ad b2 b5 b9 ba bb bd be c4 c6 e4 e8 e9")),
    (23, bytes.fromhex("01 87 89 8a 8b 8c 8d 8f 93 95 96 97 98 9b 9d 9e a5 a6 a8 ae af b4 b6 b7 bc bf c5 e7 ef")),
    (24, bytes.fromhex("09 8e 90 91 94 9f ab ce d7 e1 ec ed")),
    (25, bytes.fromhex("c7 cf ea eb")),
    (26, bytes.fromhex("c0 c1 c8 c9 ca cd d2 d5 da db ee f0 f2 f3 ff")),
    (27, bytes.fromhex("cb cc d3 d4 d6 dd de df f1 f4 f5 f6 f7 f8 fa fb fc fd fe")),
    (28, bytes.fromhex("02 03 04 05 06 07 08 0b 0c 0e 0f 10 11 12 13 14 15 17 18 19 1a 1b 1c 1d 1e 1f 7f dc f9")),
    (30, bytes.fromhex("0a 0d 16")),
)
_MAX_PADDING_BITS: Final = 7  # §5.2: "strictly longer than 7 bits MUST be treated as a decoding error"

# A state: by hexadecimal digit, the state after these four bits and the octet whose code ended in them, if one did.
# Digits that would complete EOS have no entry.
_State = dict[str, tuple["_State", bytes]]


def encode(data: bytes) -> bytes:
    """Return the code of `data`, padded with ones; it may be longer than `data`."""
    bits = data.decode("latin-1").translate(_codes())
    bits += "1" * (-len(bits) % 8)
    return int(bits or "0", 2).to_bytes(len(bits) // 8)


def decode(data: bytes) -> bytes:
    """Return the octets that `data` stands for. Raises CompressionFault for EOS, and for padding that is not §5.2's."""
    start, padded = _machine()
    state = start
    octets = []
    try:
        for digit in data.hex():
            state, octet = state[digit]
            if octet:
                octets.append(octet)
    except KeyError:
        raise CompressionFault("Huffman coded string with EOS in it (RFC 7541 §5.2)") from None
    if id(state) not in padded:
        raise CompressionFault("Huffman coded string whose last bits are no padding of at most 7 ones (RFC 7541 §5.2)")
    return b"".join(octets)


@cache
def _codes() -> dict[int, str]:
    """By octet, its code as text of 0 and 1."""
    codes = {}
    code = previous = 0
    for length, octets in _OCTETS_BY_LENGTH:
        code <<= length - previous
        for octet in octets:
            codes[octet] = f"{code:0{length}b}"
            code += 1
        previous = length
    return codes


@cache
def _machine() -> tuple[_State, frozenset[int]]:
    """The state between two codes, and the ids of the states in which a string may end."""
    octets = {code: bytes([octet]) for octet, code in _codes().items()}
    prefixes = {code[:end] for code in octets for end in range(len(code))}
    states: dict[str, _State] = {prefix: {} for prefix in prefixes}
    for prefix, state in states.items():
        for digit in range(16):
            step = _step(prefix, f"{digit:04b}", octets, states)
            if step is not None:
                state[f"{digit:x}"] = step
    return states[""], frozenset(id(states["1" * count]) for count in range(_MAX_PADDING_BITS + 1))


def _step(prefix: str, bits: str, octets: dict[str, bytes], states: dict[str, _State]) -> tuple[_State, bytes] | None:
    """Where `bits` lead from the state of `prefix`; None if they complete EOS."""
    for end in range(1, len(bits) + 1):
        octet = octets.get(prefix + bits[:end])
        if octet is not None:
            return states[bits[end:]], octet
    after = states.get(prefix + bits)
    return None if after is None else (after, b"")
