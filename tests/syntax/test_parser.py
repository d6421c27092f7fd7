"""What a text means as a tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from nndsl.diagnostics import UserError
from nndsl.source import SourceFile, Span
from nndsl.syntax import parse, parse_part, tree
from nndsl.syntax.node import Node

TOP = Path(__file__).parents[2]


def program(text: str) -> tree.Program:
    return parse(SourceFile("test.nn", text))


def statements(text: str, header: str = "layer A") -> tuple[tree.Statement, ...]:
    (item,) = program(f"{header} {{\n{text}\n}}\n").items
    assert isinstance(item, tree.Definition | tree.Train | tree.Data)
    return item.body


def statement(text: str, header: str = "layer A") -> tree.Statement:
    (only,) = statements(text, header)
    return only


def expression(text: str) -> tree.Expression:
    (item,) = program(f"let x = {text}").items
    assert isinstance(item, tree.Let)
    return item.value


def short(node: object) -> str:
    """An expression with all its brackets."""
    match node:
        case tree.Number(value=value) | tree.Boolean(value=value):
            return repr(value)
        case tree.String(value=value):
            return repr(value)
        case tree.Dots():
            return "..."
        case tree.Name(name=name):
            return name
        case tree.ListOf(items=items):
            return f"[{', '.join(map(short, items))}]"
        case tree.Unary(operator=operator, operand=operand):
            return f"({operator} {short(operand)})"
        case tree.Binary(operator=operator, left=left, right=right):
            return f"({short(left)} {operator} {short(right)})"
        case tree.Call(function=function, arguments=arguments):
            return f"{short(function)}({', '.join(map(short, arguments))})"
        case tree.Argument(name=name, value=value):
            return short(value) if name is None else f"{name}={short(value)}"
        case tree.Index(value=value, items=items):
            return f"{short(value)}[{', '.join(map(short, items))}]"
        case tree.Slice(start=start, stop=stop):
            return f"{'' if start is None else short(start)}:{'' if stop is None else short(stop)}"
        case tree.Member(value=value, name=name):
            return f"{short(value)}.{name}"
        case tree.Chain(start=start, steps=steps):
            return " -> ".join(map(short, (start, *steps)))
        case tree.Trained(model=model, run=run, frozen=frozen):
            return f"{short(model)} from {short(run)}{' frozen' if frozen else ''}"
        case _:
            raise AssertionError(node)


def mistakes(text: str) -> list[str]:
    with pytest.raises(UserError) as mistake:
        program(text)
    return [diagnostic.code for diagnostic in mistake.value.diagnostics]


# ---------------------------------------------------------------------------------------------- expressions


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("1 + 2 * 3 - 4", "((1 + (2 * 3)) - 4)"),
        ("8 / 4 / 2", "((8 / 4) / 2)"),
        ("7 // 2 % 3", "((7 // 2) % 3)"),
        ("a @ b + c", "((a @ b) + c)"),
        ("2 ^ 3 ^ 2", "(2 ^ (3 ^ 2))"),
        ("-x^2", "(- (x ^ 2))"),
        ("2^-1", "(2 ^ (- 1))"),
        ("- - x", "(- (- x))"),
        ("a.b(c)[d].e", "a.b(c)[d].e"),
        ("Dense(10)(x)", "Dense(10)(x)"),
        ("not a == b and c or d", "(((not (a == b)) and c) or d)"),
        ("a < b and b >= c", "((a < b) and (b >= c))"),
        ("x -> A(3) -> B", "x -> A(3) -> B"),
        ("f(x -> A, k=3 + 4,)", "f(x -> A, k=(3 + 4))"),
        ("(x -> A) + 1", "(x -> A + 1)"),
        ("x[0]", "x[0]"),
        ("x[1:4, :2, 3:, :, ...]", "x[1:4, :2, 3:, :, ...]"),
        ("[[0, 1], [2, 3],]", "[[0, 1], [2, 3]]"),
        ("[]", "[]"),
        ("f()", "f()"),
        ("true != false", "(True != False)"),
        ("80% + 12.5%", "(0.8 + 0.125)"),
        ("10 % 3", "(10 % 3)"),
        ("10%3", "(10 % 3)"),
        ("10%(3)", "(10 % 3)"),
        ("1e-3 + 1_000 + .5 + 2. + 1.5e+2", "((((0.001 + 1000) + 0.5) + 2.0) + 150.0)"),
        (r'"a\"b\n\\"', "'a\"b\\n\\\\'"),
        ('"# no comment"', "'# no comment'"),
    ],
)
def test_operators_bind_as_in_mathematics(text: str, meaning: str) -> None:
    assert short(expression(text)) == meaning


def test_whole_numbers_are_int_and_others_float() -> None:
    values = [expression(text) for text in ("3", "3.0", "3e0", "300%")]
    assert [type(value.value) for value in values if isinstance(value, tree.Number)] == [int, float, float, float]


@pytest.mark.parametrize(
    "name", ["größe", "Δ", "x_1", "данные", "層", "नाम", "over", "input", "overlap", "data", "in_"]
)
def test_names_of_any_script_and_words_inside_a_line(name: str) -> None:
    assert short(expression(f"1 + {name}")) == f"(1 + {name})"


def test_names_that_look_the_same_are_the_same() -> None:
    first, second = expression("e\u0301tude"), expression("\u00e9tude")
    assert isinstance(first, tree.Name)
    assert isinstance(second, tree.Name)
    assert first.name == second.name


# ---------------------------------------------------------------------------------------------- lines


@pytest.mark.parametrize(
    "text",
    [
        "y = a +\n b",
        "y = a + # why\n\n # more\n b",
        "y =\n a + b",
        "y = f(a\n  , b)",
        "y = f(\n a,\n b\n)",
        "y = [\n 1\n]",
        "y = a\n  -> B\n  -> C",
        "y = a ->\n B",
        "y = a and\n not\n b",
    ],
)
def test_line_that_is_not_finished_continues(text: str) -> None:
    assert isinstance(statement(text), tree.Binding)


def test_minimize_continues_over_lines_that_begin_with_its_words() -> None:
    found = statement(
        "minimize f(x)\n weighted by w\n # first\n over A, B.c\n using Adam(1e-3) clip_norm=1.0\n"
        " over D using SGD\n every 5",
        "train T on d",
    )
    assert isinstance(found, tree.MinimizeStatement)
    assert found.weighted_by is not None
    assert [[short(t) for t in group.targets] for group in found.groups] == [["A", "B.c"], ["D"]]
    assert [clip.name for clip in found.groups[0].clips] == ["clip_norm"]
    assert found.every is not None


def test_words_of_statements_are_names_as_parts_of_longer_ones() -> None:
    names = ["overlap", "using_x", "everything", "else_", "inputs", "outputs", "weights", "iff"]
    found = statements("\n".join(f"{name} = 3" for name in names))
    assert [item.names[0].name for item in found if isinstance(item, tree.Binding)] == names


def test_else_may_stand_on_its_own_line() -> None:
    found = statement("if a { x }\n\n# otherwise\nelse if b { y }\nelse { z }")
    assert isinstance(found, tree.If)
    (inner,) = found.otherwise
    assert isinstance(inner, tree.If)
    assert len(inner.otherwise) == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", " \t\n", "\n\n\n", " # comment\n", "\f\n"])
def test_line_ends_and_space_do_not_matter(end: str) -> None:
    lines = ["\ufefflet a = 1", "model M {", "\tinput x: [3]", "\tDense(a)", "}"]
    assert len(program(end.join(lines)).items) == 2
    assert len(program(end.join(lines) + end).items) == 2


@pytest.mark.parametrize("text", ["", "\n", "# only a comment", "\r\n\r\n", "\ufeff", " \t "])
def test_empty_files_are_programs(text: str) -> None:
    assert program(text).items == ()


def test_blocks_on_one_line() -> None:
    found = program("model M { input x: [3] }\nlayer B { }\ntrain T on d {}\n").items
    assert [type(item) for item in found] == [tree.Definition, tree.Definition, tree.Train]


# ---------------------------------------------------------------------------------------------- statements


def test_every_statement_of_a_body() -> None:
    found = statements(
        """
        input x: [..., d]
        input mask: bool[time] = true
        input plain
        weight kernel: [d, units] = glorot_uniform
        state mean: [d] = zeros
        state t = 0
        assert units > 0, "got {units}"
        assert units > 0
        a, b = split(x, 2)
        Dense(10)
        code: x -> Dense(10)
        for i in [1, 2] { repeat 3 { relu } }
        scan x_t in x, keep in mask with h = zeros([units]), c = zeros([units]) { h = x_t + c }
        output mean = a
        output b
        """
    )
    assert [type(item) for item in found] == [
        *(tree.Input, tree.Input, tree.Input, tree.WeightStatement, tree.StateStatement, tree.StateStatement),
        *(tree.AssertStatement, tree.AssertStatement, tree.Binding, tree.Apply, tree.Apply, tree.For, tree.Scan),
        *(tree.Output, tree.Output),
    ]
    scan = found[-3]
    assert isinstance(scan, tree.Scan)
    assert [sequence.name.name for sequence in scan.sequences] == ["x_t", "keep"]
    assert [carry.names[0].name for carry in scan.carries] == ["h", "c"]


def test_every_statement_of_a_train_block() -> None:
    found = statements(
        """
        epochs = 30
        scores = Digits(image)
        minimize cross_entropy(scores, label) using Adam
        metric accuracy(scores, label)
        metric lowest = min(scores)
        predict digit = argmax(scores),
          confidence = max(softmax(scores))
        expect test accuracy >= 0.9
        show Generator(normal([32])), image every 10 epochs
        EarlyStopping(monitor=accuracy, mode=max, patience=2)
        """,
        "train T on digits",
    )
    assert [type(item) for item in found] == [
        *(tree.Binding, tree.Binding, tree.MinimizeStatement, tree.MetricStatement, tree.MetricStatement),
        *(tree.PredictStatement, tree.ExpectStatement, tree.Show, tree.Apply),
    ]
    expectation, picture = found[6], found[7]
    assert isinstance(expectation, tree.ExpectStatement)
    assert (expectation.part.name, expectation.metric.name, expectation.operator) == ("test", "accuracy", ">=")
    assert isinstance(picture, tree.Show)
    assert picture.unit is not None and picture.unit.name == "epochs"


def test_every_statement_of_a_data_block() -> None:
    found = statements(
        """
        x = [[0, 0],
             [0, 1]]
        split train 80%, validation 0.1, test 10%, stratify=label in order
        test from csv("t.csv")
        train from csv("u.csv")
        """,
        'data d from csv("d.csv")',
    )
    assert [type(item) for item in found] == [tree.Binding, tree.Split, tree.PartFrom, tree.PartFrom]
    split = found[1]
    assert isinstance(split, tree.Split)
    assert [(part.name.name, short(part.share)) for part in split.parts] == [
        ("train", "0.8"),
        ("validation", "0.1"),
        ("test", "0.1"),
    ]
    assert [option.name for option in split.options] == ["stratify"]
    assert split.in_order


def test_weight_is_a_name_in_an_optimizer() -> None:
    found = statements("state m = 0\nweight = weight - m", "optimizer O(rate = 0.1)")
    assert isinstance(found[1], tree.Binding)
    assert found[1].names[0].name == "weight"
    assert found[1].names[0].span.text == "weight"


def test_network_with_the_weights_of_a_run() -> None:
    body, head = statements('body = Digits from "runs/Digits" frozen\nhead: Digits from "runs/Digits"')
    assert isinstance(body, tree.Binding)
    assert isinstance(head, tree.Apply)
    assert short(body.value) == "Digits from 'runs/Digits' frozen"
    assert short(head.value) == "Digits from 'runs/Digits'"


# ---------------------------------------------------------------------------------------------- definitions


def test_every_definition() -> None:
    found = program(
        """
        let hidden = 64
        import Residual, Block from "blocks.nn"
        function f(x, k = 3) = x ^ k
        function g(x) { output x }
        metric m(scores: [..., n], label: int[...]) =
          mean(argmax(scores) == label)
        optimizer SGD(learning_rate = 0.01) { weight = weight - learning_rate * gradient }
        layer L(padding: valid | same = valid, units: int,) { input x }
        model M(depth = 3) { input x: [3] }
        model Deep = M(depth=9)
        data d { x = [1] }
        train T { steps = 3 }
        """
    ).items
    assert [type(item).__name__ for item in found] == [
        *("Let", "Import", "Definition", "Definition", "Definition", "Definition", "Definition", "Definition"),
        *("Alias", "Data", "Train"),
    ]
    assert [item.kind for item in found if isinstance(item, tree.Definition)] == [
        *("function", "function", "metric", "optimizer", "layer", "model")
    ]
    layer = found[6]
    assert isinstance(layer, tree.Definition)
    assert short(layer.parameters[0].type) == "(valid | same)"
    train = found[-1]
    assert isinstance(train, tree.Train)
    assert train.data is None


def test_comment_right_above_a_definition_is_its_documentation() -> None:
    text = "# about the file\n\n# Doubles.\n#\n#   really\nfunction f(x) = 2 * x\n\n# far away\n\nlayer L { input x }\n"
    function, layer = program(text).items
    assert isinstance(function, tree.Definition)
    assert isinstance(layer, tree.Definition)
    assert function.documentation == "Doubles.\n\n  really"
    assert layer.documentation == ""


def test_part_of_a_file_has_the_places_of_the_whole() -> None:
    text = "layer A { broken ( }\n# about B\nlayer B { input x }\nrest ]"
    start, end = text.index("layer B"), text.index("rest")
    (item,) = parse_part(SourceFile("test.nn", text), start, end).items
    assert isinstance(item, tree.Definition)
    assert item.span.text == "layer B { input x }"
    assert item.span.line == 3
    assert item.documentation == "about B"


# ---------------------------------------------------------------------------------------------- places


def nodes(value: object) -> list[Node]:
    if isinstance(value, tuple):
        return [node for item in value for node in nodes(item)]
    if not isinstance(value, Node):
        return []
    return [value, *(node for item in vars(value).values() for node in nodes(item))]


def sources() -> list[Path]:
    return sorted([*TOP.glob("examples/*.nn"), *TOP.glob("nndsl/std/**/*.nn")])


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.name)
def test_every_node_lies_inside_its_parent_and_spells_its_name(path: Path) -> None:
    found = parse(SourceFile(path.name, path.read_text(encoding="utf-8")))
    for node in nodes(found.items):
        span = vars(node)["span"]
        assert span.text == span.text.strip()
        assert span.text
        if isinstance(node, tree.Name):
            assert span.text == node.name
        for child in nodes(tuple(vars(node).values())):
            assert span.start <= vars(child)["span"].start <= vars(child)["span"].end <= span.end


def test_span_of_an_operation_begins_at_its_bracket() -> None:
    product = expression("(a + b) * (c)")
    assert isinstance(product, tree.Binary)
    assert product.span.text == "(a + b) * (c)"
    assert product.left.span.text == "a + b"


def test_nodes_are_frozen_values() -> None:
    file = SourceFile("a.nn", "x")
    first, second = tree.Name(Span(file, 0, 1), "x"), tree.Name(Span(file, 0, 1), "x")
    assert first == second
    assert hash(first) == hash(second)
    assert first != tree.Name(Span(file, 0, 1), "y")
    assert repr(first).startswith("Name(span=")
    assert tree.Number(Span(file, 0, 1), 3).percent is False
    with pytest.raises(AttributeError):
        first.name = "y"  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(AttributeError):
        del first.name


# ---------------------------------------------------------------------------------------------- mistakes


def test_mistakes_of_several_statements_come_in_one_go() -> None:
    text = "model A {\n  input x: (3, 3)\n  y = = 3\n  z = x ** 2\n}\ndef f(x):\n  return x\n\ntrain A on {\n}\n"
    assert mistakes(text) == ["NN013", "NN018", "NN012", "NN014", "NN001"]


def test_what_could_not_be_read_does_not_spoil_what_follows() -> None:
    forgotten = "model A {\n  if x {\n    a = (1 +\n    b = 2\n  }\n}\nmodel B {\n  c = 3 4\n}\n"
    assert mistakes(forgotten) == ["NN004", "NN001"]


def test_at_most_twenty_mistakes_are_reported() -> None:
    assert len(mistakes("model A {\n" + "  y = = 3\n" * 1000 + "}\n")) == 20
