"""Names of variables in the generated source: those of the `.nn` file, made into Python identifiers, each used once."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from nndsl.emit.text import BARE_NAMES
from nndsl.ir.graph import reachable
from nndsl.ir.types import Kind
from nndsl.ops import body_of, from_step, scan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndsl.ir.graph import Node
    from nndsl.ir.program import Program, StepGraph

_LONGEST = 60
_GRADIENT = "_gradient"
_AGAIN = "_again"
"""Ends the names of values that are computed a second time."""
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OTHER = re.compile(r"[^A-Za-z0-9]+")

RESERVED = frozenset(
    {
        *keyword.kwlist,
        *keyword.softkwlist,
        *dir(builtins),
        *BARE_NAMES,
        *(f"{name}_{method}" for name in BARE_NAMES for method in ("reduce", "accumulate", "outer", "at")),
        "np",
        "math",
        "l",  # style checkers refuse these three: they look like digits
        "O",
        "I",
    }
)
"""What no variable is called: Python's own names, and those that the generated lines use."""


class Names:
    """Unique identifiers within one scope: the second `mean` is `mean_2`. What is reserved gets a `_` behind it."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._reserved = RESERVED | frozenset(reserved)
        self._taken = set(self._reserved)
        self._counts: dict[str, int] = {}

    def keep_free(self, names: Iterable[str]) -> None:
        """Never give these out: functions that the scope calls."""
        self._reserved |= frozenset(names)
        self._taken.update(names)

    def unique(self, wish: str) -> str:
        """An identifier like `wish` that nothing else in this scope has."""
        base = identifier(wish)
        first = f"{base}_" if base in self._reserved else base
        if first not in self._taken:
            self._taken.add(first)
            return first
        count = self._counts.get(base, 1)
        while True:
            count += 1
            name = f"{base}_{count}"
            if name not in self._taken:
                self._counts[base] = count
                self._taken.add(name)
                return name


@cache
def identifier(text: str) -> str:
    """`text` as an ASCII identifier, never empty or a keyword: `block[0]/conv` -> `block_0_conv`, `α` -> `alpha`."""
    if not text.isascii():
        text = "".join(
            letter if letter.isascii() else _spelled(letter) for letter in unicodedata.normalize("NFKC", text)
        )
    if not _WORD.fullmatch(text):
        text = _OTHER.sub("_", text).strip("_")
    text = text.lstrip("_")[:_LONGEST] or "value"
    if text[0].isdigit():
        text = f"x{text}"
    return f"{text}_" if keyword.iskeyword(text) else text


def _spelled(letter: str) -> str:
    """A letter outside of ASCII by its name: `é` -> `e`, `λ` -> `lambda`, `ж` -> `zhe`; others by their number."""
    bare = unicodedata.normalize("NFKD", letter)[0]
    if bare.isascii():
        return bare
    words = unicodedata.name(letter, "").split(" LETTER ")
    if len(words) == 2 and letter.isalpha():
        return words[1].split(" WITH ")[0].replace(" ", "_").replace("LAMDA", "LAMBDA").lower()
    return f"u{ord(letter):04x}" if letter.isalnum() else "_"


def _stacked(node: Node) -> Node | None:
    """What a loop's body stacks, where `node` is that of all times."""
    what, _, number = str(node["output"]).partition(":") if node.op is scan else ("", "", "")
    return body_of(node).stacked[int(number)] if what == "stack" else None


class NodeNames:
    """What a node would best be called.

    A name inside a step is its path ("Digits/features/kernel"). The model's name is left out (`features_kernel`)
    unless another model has the same path behind it.
    """

    def __init__(self, program: Program) -> None:
        owners: dict[str, set[str]] = {}
        scopes = [layer.path for model in program.models for layer in model.layers]
        scopes += [kept.path.rpartition("/")[0] for kept in (*program.weights, *program.states)]
        for scope in scopes:
            model, _, rest = scope.partition("/")
            owners.setdefault(rest, set()).add(model)
        self._shared = {rest for rest, models in owners.items() if len(models) > 1}
        self._roots: dict[Node, str] = {}
        self._roles: dict[Node, str] = {}
        self._renamed: dict[str, str] = {}
        self._found: dict[Node, str | None] = {}
        for train in program.trains:
            for graph in (train.training, train.evaluation):
                self._name_roles(graph)
                self._find_renamed(graph)
                self._name_loops(reachable(graph.roots()))
        self._found.clear()  # what was asked for before all roles were known

    def _name_loops(self, nodes: Iterable[Node]) -> None:
        """Names in and of loops that nobody gave: `x_t` for one time of `x`, `z_all` for `z` of all times."""
        for node in nodes:
            if node.op is not scan:
                continue
            body = body_of(node)
            self._name_loops(reachable(body.roots))
            for element, sequence in zip(body.elements, node.inputs[len(body.carries) :], strict=False):
                if self.given(element) is None:
                    self._roles[element] = f"{self.wish(_stacked(sequence) or sequence)}_t"
            for carry, after in zip(body.carries, body.next, strict=True):
                if self.given(carry) is None and not after.op.leaf:
                    self._roles[carry] = self.wish(after)
            value = _stacked(node)
            if value is not None and self.given(node) in (None, self.given(value)):
                self._roles[node] = f"{self.wish(value)}_all"

    def _find_renamed(self, graph: StepGraph) -> None:
        """Values that only a later step gave a name, which they will not be called by: so won't their gradients."""
        for node in reachable(graph.roots()):
            if node.names and (name := self._own_name(node)) != node.names[-1]:
                self._renamed[f"{node.names[-1]}{_GRADIENT}"] = f"{name}{_GRADIENT}"

    def _name_roles(self, graph: StepGraph) -> None:
        """Names that values have by what they are for."""
        for minimize in graph.minimizes:
            for path, node in minimize.gradients:
                self._roles.setdefault(node, f"{self.path(path)}_gradient")
            for update in minimize.updates:
                for slot, node in zip(update.slots, update.new_slots, strict=True):
                    self._roles.setdefault(node, f"new_{identifier(slot.name)}")
                self._roles.setdefault(update.new_weight, "new_weight")
        for path, node in graph.states:
            if not node.op.leaf:
                self._roles.setdefault(node, f"new_{self.path(path)}")
        for name, node, _ in graph.predictions:
            if not node.op.leaf and not node.names:
                self._roles.setdefault(node, identifier(name))

    def path(self, path: str) -> str:
        """A name for what `path` says."""
        model, _, rest = path.partition("/")
        scope, _, name = rest.rpartition("/")
        whole = not rest or scope in self._shared or rest in self._shared
        return identifier(path if whole else f"{scope}_{name}" if scope else name or model)

    def given(self, node: Node) -> str | None:
        """The name that a person gave the node or that it has by what it is for, None where it has none."""
        role = self._roles.get(node)
        if role is not None:
            return role
        if node not in self._found:
            name = self._given(node)
            self._found[node] = f"{name}{_AGAIN}" if node.turn and name is not None else name
        return self._found[node]

    def _given(self, node: Node) -> str | None:
        if node.op is from_step:
            return self.given(node.inputs[0])
        if not node.names:
            return None
        name = next((self._renamed[each] for each in reversed(node.names) if each in self._renamed), None)
        name = name or self._own_name(node)
        if "/" in name:
            return self.path(name)
        scope = node.origins[0].scope if node.origins and len(node.names) == 1 else ""
        if "/" not in scope or scope.endswith(f"/{name}"):
            return identifier(name)
        return self.path(f"{scope}/{name}")

    def _own_name(self, node: Node) -> str:
        """The last name that the node's own step or what is around it gave; a later step calls it `x`."""
        step = node.origins[0].scope if node.origins else ""
        foreign = False
        for name in reversed(node.names):
            scope = name.rpartition("/")[0]
            if not scope or f"{step}/".startswith(f"{scope}/") or name.endswith(_GRADIENT):
                return name
            foreign = True
        return step if foreign and step else node.names[-1]

    def wish(self, node: Node) -> str:
        """The given name, or one made of the first operand that has one and the operation: `scores_exp`."""
        given = self.given(node)
        if given is not None:
            return given
        root = self._root(node)
        if root:
            return f"{root}{node.op.name}"
        if node.type.kind is Kind.STEP:
            return "scale"
        backward = bool(node.origins) and node.origins[0].backward
        return "gradient" if backward else f"{node.op.name}_result"

    def root_operand(self, node: Node) -> Node | None:
        """The operand that the name of a node that nobody named begins with."""
        return next((i for i in node.inputs if i.inputs or i.names), None)

    def _root(self, node: Node) -> str:
        """Start of the name of a node that nobody named: the nearest named operand's, or the step's."""
        passed: list[Node] = []
        root = ""
        while node not in self._roots:
            passed.append(node)
            operand = self.root_operand(node)
            if operand is None:
                scope = node.origins[0].scope if node.origins else ""
                root = f"{self.path(scope)}_" if "/" in scope else ""
                break
            given = self.given(operand)
            if given is not None:
                root = f"{given}_"
                break
            node = operand
        else:
            root = self._roots[node]
        for each in passed:
            self._roots[each] = root
        return root
