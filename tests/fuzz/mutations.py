"""Ways to spoil a text, a file of bytes, or a setting."""

from __future__ import annotations

import random

NASTY = [
    "", "null", "~", "[]", "{}", "-1", "0", "1e309", "1e-400", "-0.0", ".inf", ".nan", "true",
    "no", "9" * 400, "x" * 400, "'" + "y" * 400 + "'", "[1, 2, 3]", "{a: 1}", "[[[[[[]]]]]]",
    "2024-13-45", "2024-01-02T99:99", "0001-01-01", "9999-12-31T23:59:59", "250 EUR", "5 bananas",
    "-5 USD", "1/0", "${NOPE}", "${NOPE:-x}", "${FUZZ_KEY}", "${", "$", "../../etc/passwd",
    "/dev/zero", "/dev/stdin", "/", ".", "..", "~/", "a\x00b", '"\\0"', '"\\ud800"', '"\\x1b[2J"',
    '"\\u202e"', "é", "𝕏", "*a", "&a b", "<<", "? a", "!!python/object/apply:os.system [id]",
    "!!binary aGk=", "!x y", "|", ">", "MES", "ES", "ZN", "MESH24.XCME", "MESH24", "ESZ13.XCME",
    "ES.c.0", ".XCME", "XCME", "-", "@", "`", "1000000000", "-9223372036854775809",
    "18446744073709551616", "340282366920938463463374607431768211456", "00:00:00", "24:00", "1d",
    "0s", "-1s", "1e6 bps", "101%", "os:system", "os.path:join", ":", "a:b:c",
    "tests.engine.traders:BuysAtMarket", "SignalFollower", "NETTING", "HEDGING", "CASH", "EUR",
    "JPY", "1", "2", "3", "7", "30", "5000", "100000", "1000000", "0.5", "0.0001", "1000000.5",
    "1_000 USD", "15m", "500ms", "20 bps", "50%", "2024-01-02", "2024-01-03T15:00", "[MES]",
    "[MESH24.XCME]", "1-MINUTE-LAST", "5-MINUTE-LAST", "1-SECOND-BID", "long_short", "volume",
    "flat", "SIM", "A-001",
]  # fmt: skip
"""Values that a setting may be given, as YAML writes them."""

BYTES = [
    b"\x00",
    b"\xff",
    b"\xff" * 8,
    b"\x00" * 8,
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"DBN",
]


def text(words: str, dice: random.Random) -> str:
    """Return `words` with a few lines, characters or values spoiled."""
    for _ in range(dice.choice([1, 1, 1, 2, 4])):
        lines = words.split("\n")
        at = dice.randrange(len(lines))
        match dice.randrange(8):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, dice.choice(lines))
            case 2:
                lines[at] = " " * dice.randint(1, 4) + lines[at]
            case 3:
                lines[at] = lines[at].lstrip()
            case 4 | 5:
                key, colon, _ = lines[at].partition(":")
                lines[at] = f"{key}{colon} {dice.choice(NASTY)}"
            case 6:
                lines[at] = f"{lines[at]} {dice.choice(NASTY)}"
            case _:
                cut = dice.randint(0, len(lines[at]))
                lines[at] = lines[at][:cut] + chr(dice.randrange(0x250)) + lines[at][cut:]
        words = "\n".join(lines) or "\n"
    return words


def content(data: bytes, dice: random.Random) -> bytes:
    """Return `data` with a few bytes changed, or cut, or with parts of it moved."""
    spoiled = bytearray(data)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(spoiled)) if spoiled else 0
        match dice.randrange(7):
            case 0:
                spoiled[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                spoiled[at : at + 8] = dice.choice(BYTES)
            case 2:
                del spoiled[at : at + dice.randint(1, 64)]
            case 3:
                spoiled[at:at] = spoiled[at : at + dice.randint(1, 64)]
            case 4:
                spoiled[at : at + 8] = dice.randbytes(8)
            case 5 if dice.random() < 0.3:
                del spoiled[at:]
            case _:
                spoiled[at : at + 1] = bytes(
                    [spoiled[at] ^ 1 << dice.randrange(8)] if spoiled else b""
                )
    return bytes(spoiled)
