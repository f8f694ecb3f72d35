"""Sums in a sentence: "what is 2 + 3 * 4?" is 14. A parser of five rules, and nothing is executed."""

from __future__ import annotations

import re
from decimal import Decimal, DecimalException, localcontext

_SUM = re.compile(r"[-+]?[\d(][\d\s.+*/×÷x()-]*\d\)*")
_TOKEN = re.compile(r"\s*(\d+(?:\.\d+)?|[-+*/()])")
_SIGNS = str.maketrans("×x÷", "**/")
# A minus without spaces is more often a range, a date or a telephone number.
_OPERATION = re.compile(r"\d\s*\)*(\s*[+*/×÷x]\s*|\s-\s)\(*\s*[-+]?\d")


def solve(text: str) -> str | None:
    """The first sum in ``text`` and its result, ``2 + 2 = 4``; None when there is none."""
    for found in _SUM.finditer(text):
        if not _OPERATION.search(found[0]):
            continue
        try:
            with localcontext(prec=28):
                result = _Parser(found[0].translate(_SIGNS)).result()
        except (ValueError, DecimalException):
            continue
        return f"{found[0].strip()} = {_plain(result)}"
    return None


def _plain(number: Decimal) -> str:
    rounded = round(number, 10).normalize()
    return f"{rounded:f}"


class _Parser:
    """Recursive descent: sum → product → factor. Raises ValueError for anything else."""

    def __init__(self, text: str) -> None:
        self.tokens = _TOKEN.findall(text)
        if "".join(self.tokens) != re.sub(r"\s", "", text):
            raise ValueError("not a sum")
        self.at = 0

    def result(self) -> Decimal:
        value = self._sum(0)
        if self.at != len(self.tokens):
            raise ValueError("something is left over")
        return value

    def _peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self.at += 1
        return token

    def _sum(self, depth: int) -> Decimal:
        value = self._product(depth)
        while self._peek() in ("+", "-"):
            sign = self._next()
            other = self._product(depth)
            value = value + other if sign == "+" else value - other
        return value

    def _product(self, depth: int) -> Decimal:
        value = self._factor(depth)
        while self._peek() in ("*", "/"):
            sign = self._next()
            other = self._factor(depth)
            value = value * other if sign == "*" else value / other
        return value

    def _factor(self, depth: int) -> Decimal:
        token = self._next()
        if depth > 50:
            raise ValueError("too deep")
        if token == "(":
            value = self._sum(depth + 1)
            if self._next() != ")":
                raise ValueError("unbalanced")
            return value
        if token in ("+", "-"):
            value = self._factor(depth + 1)
            return value if token == "+" else -value
        if not token or not token[0].isdigit():
            raise ValueError("a number is missing")
        return Decimal(token)
