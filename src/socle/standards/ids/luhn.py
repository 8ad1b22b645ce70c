"""The Luhn key that RPPS, FINESS, SIREN and SIRET share."""

from __future__ import annotations

from typing import Final

#: FINESS numbers of Corsica hold a letter, that the key reads as a digit.
_LETTERS: Final = str.maketrans("AB", "12")


def is_luhn(text: str) -> bool:
    """Whether ``text`` (digits, ``A`` read 1, ``B`` read 2) sums to a multiple of ten.

    >>> is_luhn("10109876549"), is_luhn("10109876548"), is_luhn("2A0987657")
    (True, False, True)
    """
    digits = text.translate(_LETTERS)
    return digits.isascii() and digits.isdigit() and _luhn_sum(digits) % 10 == 0


def luhn_key(text: str) -> str:
    """The digit to append to ``text`` so that ``is_luhn`` holds.

    >>> luhn_key("1010987654")
    '9'
    """
    return str(-_luhn_sum(text.translate(_LETTERS) + "0") % 10)


def _luhn_sum(digits: str) -> int:
    plain = sum(map(int, digits[-1::-2]))
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return plain + doubled
