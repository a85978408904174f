from __future__ import annotations

import pytest

from trunkline.wire.charset import received_charset


@pytest.mark.parametrize("name", ["utf-8", "UTF8", "cp1251", "latin-1", "shift_jis"])
def test_charsets_of_text_are_taken(name: str) -> None:
    assert received_charset(name) == name


@pytest.mark.parametrize("name", ["punycode", "PunyCode", "idna", "zzz", "", "utf-8\0", "x" * 99])
def test_others_are_refused(name: str) -> None:
    with pytest.raises(LookupError):
        received_charset(name)
