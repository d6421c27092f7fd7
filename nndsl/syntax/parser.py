"""Tokens to tree: the LALR automaton, and how it goes on after a mistake."""

from __future__ import annotations

from bisect import bisect_left
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from nndsl.diagnostics.model import Diagnostic, error
from nndsl.source import SourceFile, Span
from nndsl.syntax.layout import CONTINUING_WORDS, DEEPEST
from nndsl.syntax.lexer import BROKEN, END, NEWLINE, Token
from nndsl.syntax.tables import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nndsl.syntax.build import Builder
    from nndsl.syntax.tree import Program


_LISTS = {"item", "statement"}
"""What a list of the grammar is made of: after a mistake, parsing goes on with the next of them."""

BLOCK_WORDS = {
    *("layer", "function", "metric", "model", "optimizer", "data", "train", "if", "else", "for", "repeat", "scan"),
    *("def", "class", "while", "elif", "with", "try", "except"),
}
"""Words of a header line, also of other languages."""


class Mistake(NamedTuple):
    """A token that does not fit: `tokens[place]`, what came before, and what would have fitted."""

    file: SourceFile
    tokens: Sequence[Token]
    place: int
    expected: frozenset[str]
    statement: int
    """Index of the first token of the statement that it stands in."""
    top_level: bool

    @property
    def complete(self) -> bool:
        """Whether the statement could have ended before the token."""
        return NEWLINE in self.expected


class _Rule(NamedTuple):
    action: str | None
    origin: str
    length: int
    single: int | None
    parts: tuple[int, ...]
    plain: bool
    """Whether `parts` are all parts, in their order."""
    unit: bool
    """Whether the rule only gives its one part another name."""


@cache
def _rules() -> list[_Rule]:
    rules: list[_Rule] = []
    for action, origin, length, recipe in tables()["rules"]:
        single = recipe if isinstance(recipe, int) else None
        parts = () if isinstance(recipe, int) else tuple(recipe)
        rules.append(
            _Rule(action, origin, length, single, parts, parts == tuple(range(length)), length == 1 and single == 0)
        )
    return rules


class Parser:
    """One parse. Stacks run in parallel: states (one more than the others), values, their places and depths."""

    def __init__(
        self,
        file: SourceFile,
        tokens: list[Token],
        builder: Builder,
        report: Callable[[Diagnostic], None],
        explain: Callable[[Mistake], Diagnostic],
    ) -> None:
        self.file = file
        self.tokens = tokens
        self.builder = builder
        self.report = report
        self.explain = explain
        self.table = tables()
        self.states = [0]
        self.values: list[Any] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.depths: list[int] = []
        self.reached = 0
        """The token after the last one that was skipped: every mistake gets further."""
        self.steps = 0
        """Shifts and reductions so far: grows with the text's length, whatever the text."""

    def parse(self) -> Program:
        """The tree of all that could be read; every mistake has been reported."""
        actions, gotos, words = self.table["actions"], self.table["gotos"], self.table["words"]
        rules, end_state = _rules(), self.table["end_state"]
        tokens, states, text = self.tokens, self.states, self.file.text
        index = 0
        while True:
            token = tokens[index]
            kind, start, end, _ = token
            word = words.get(text[start:end]) if kind == "NAME" else None
            if word is not None and tokens[index + 1].kind == "EQUAL" and text[start:end] in CONTINUING_WORDS:
                word = None  # an argument's name: `ModelCheckpoint(every=5)`
            choices = actions[states[-1]]
            action = choices.get(word) if word is not None else None
            if action is None:  # not a keyword, or not here
                action = choices.get(kind)
            self.steps += 1
            if action is None:
                index = self._recover(index)
                continue
            if action >= 0:
                states.append(action)
                self.values.append(token)
                self.starts.append(start)
                self.ends.append(end)
                self.depths.append(0)
                index += 1
                continue
            rule = rules[-1 - action]
            if rule.unit:  # the value stays, under another name
                states[-1] = gotos[states[-2]][rule.origin]
            elif not self._reduce(rule, token):
                index = self._too_deep(index)
            if kind == END and states[-1] == end_state:
                return cast("Program", self.values[-1])

    # ------------------------------------------------------------------------------------------ reducing

    def _reduce(self, rule: _Rule, following: Token) -> bool:
        """Replaces the parts of `rule` on the stacks by its value. False if the tree would become too deep."""
        states = self.states
        length = rule.length
        if length:
            values = self.values[-length:]
            start, end, depth = self.starts[-length], self.ends[-1], max(self.depths[-length:])
        else:
            start = end = min(following.start, self.ends[-1] if self.ends else following.start)
            values, depth = [], 0
        if rule.single is not None:
            value = values[rule.single]
        else:
            arguments = values if rule.plain else _arguments(values, rule.parts)
            if rule.action is None:
                value = arguments
            else:
                value = getattr(self.builder, rule.action)(Span(self.file, start, end), *arguments)
                depth += not isinstance(value, (tuple, str))
                if depth > DEEPEST:
                    return False
        if length:
            del (
                states[-length:],
                self.values[-length:],
                self.starts[-length:],
                self.ends[-length:],
                self.depths[-length:],
            )
        self._push(rule.origin, value, start, end, depth)
        return True

    def _push(self, origin: str, value: object, start: int, end: int, depth: int) -> None:
        self.states.append(self.table["gotos"][self.states[-1]][origin])
        self.values.append(value)
        self.starts.append(start)
        self.ends.append(end)
        self.depths.append(depth)

    def _too_deep(self, index: int) -> int:
        place = Span(self.file, self.tokens[index - 1].start, self.tokens[index - 1].end)
        message = f"this is nested more than {DEEPEST} levels deep, operators in a row among them"
        help = "give the first part a name of its own, and go on with that"
        self.report(error("NN006", message, place, help=help))
        return self._skip(index)

    # ------------------------------------------------------------------------------------------ mistakes

    def _recover(self, index: int) -> int:
        """Says what is wrong with token `index` and goes on after the statement that it stands in."""
        if self.tokens[index].kind != BROKEN:
            statement = self._statement_start(index)
            expected = frozenset(kind for kind in self.table["actions"][self.states[-1]] if self._fits(kind))
            top_level = "statement" not in self._open_lists()
            self.report(self.explain(Mistake(self.file, self.tokens, index, expected, statement, top_level)))
        return self._skip(index)

    def _open_lists(self) -> list[str]:
        """The lists of items or statements that are being read, outermost first."""
        gotos = self.table["gotos"]
        return ["item" if "item" in gotos[s] else "statement" for s in self.states if _LISTS & gotos[s].keys()]

    def _list_depth(self) -> int:
        """Index of the state in which the innermost list of statements (or items) that is still open goes on."""
        gotos = self.table["gotos"]
        depth, closed = len(self.states) - 1, 0
        while closed or not _LISTS & gotos[self.states[depth]].keys():
            depth -= 1
            value = self.values[depth]
            if isinstance(value, Token):  # braces that are read but not yet reduced to a block
                closed += (value.kind == "CLOSE_BRACE") - (value.kind == "OPEN_BRACE" and closed > 0)
        return depth

    def _statement_start(self, place: int) -> int:
        """Index of the first token of the innermost statement (or item) that token `place` stands in."""
        depth = self._list_depth()
        if depth >= len(self.starts):
            return place
        return bisect_left(self.tokens, self.starts[depth], key=lambda token: token.start)

    def _fits(self, kind: str) -> bool:
        """Whether a token of this kind could really come next (the table may reduce first and fail afterwards)."""
        states = list(self.states)
        while True:
            action = self.table["actions"][states[-1]].get(kind)
            if action is None:
                return False
            if action >= 0:
                return True
            rule = _rules()[-1 - action]
            if rule.length:
                del states[-rule.length :]
            states.append(self.table["gotos"][states[-1]][rule.origin])
            if kind == END and states[-1] == self.table["end_state"]:
                return True

    def _skip(self, index: int) -> int:
        """Puts nothing in the place of the statement being read, and gives the index of the token that ends it."""
        gotos = self.table["gotos"]
        first = self._statement_start(index)
        end = self._statement_end(first, index, "item" in gotos[self.states[self._list_depth()]])
        depth = self._list_depth()
        if self.tokens[end].kind == END:  # out of all blocks
            depth = next(depth for depth, state in enumerate(self.states) if "item" in gotos[state])
        del self.states[depth + 1 :], self.values[depth:], self.starts[depth:], self.ends[depth:], self.depths[depth:]
        place = self.ends[-1] if self.ends else 0
        self._push("item" if "item" in gotos[self.states[-1]] else "statement", None, place, place, 0)
        return end

    def _statement_end(self, first: int, index: int, top_level: bool) -> int:
        """Index of the NEWLINE, brace or END after the statement that begins with token `first` and fails at `index`.

        Where its block has no braces, the lines that are indented more than its own belong to it.
        """
        tokens = self.tokens
        index = min(max(index, self.reached), len(tokens) - 1)
        braces = any(token.kind == "OPEN_BRACE" for token in tokens[first:index])
        word = self.file.text[tokens[first].start : tokens[first].end]
        indent = self._indent(tokens[first])
        depth = 0
        while (kind := tokens[index].kind) != END:
            if depth == 0 and kind == "CLOSE_BRACE" and not top_level:
                break
            if depth == 0 and kind == NEWLINE:
                following = tokens[index + 1]
                if braces or word not in BLOCK_WORDS:
                    break
                if (
                    following.kind != "OPEN_BRACE"
                    and self._indent(following) <= indent
                    and not self._goes_on(index + 1)
                ):
                    break
            braces = braces or kind == "OPEN_BRACE"
            depth += (kind == "OPEN_BRACE") - (kind == "CLOSE_BRACE")
            index += 1
        self.reached = index + 1
        return index

    def _goes_on(self, index: int) -> bool:
        """Whether the line is an `else:` or the like, which belongs to a block of indented lines."""
        token = self.tokens[index]
        if self.file.text[token.start : token.end] not in ("else", "elif", "except", "finally"):
            return False
        while self.tokens[index].kind not in (NEWLINE, END):
            index += 1
        return self.tokens[index - 1].kind == "COLON"

    def _indent(self, token: Token) -> int:
        """Columns before the first token of the line that `token` stands on."""
        text = self.file.text
        begin = text.rfind("\n", 0, token.start) + 1
        line = text[begin : token.start]
        return len(line) - len(line.lstrip())


def _arguments(values: list[Any], parts: tuple[int, ...]) -> list[Any]:
    """The values that `parts` name (see `generate._recipe`). The list of a growing `_rule` is taken over, uncopied."""
    if parts and parts[0] == -2:
        arguments: list[Any] = values[0]
        parts = parts[1:]
    else:
        arguments = []
    for part in parts:
        if part >= 0:
            arguments.append(values[part])
        elif part == -1:
            arguments.append(None)
        else:
            arguments.extend(values[-2 - part])
    return arguments
