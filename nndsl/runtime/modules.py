"""Generated source, executed: the very text that `nndsl build` writes, as a module of this process."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from nndsl.diagnostics import InternalError, UserError, error
from nndsl.runtime.sections import codes_of

if TYPE_CHECKING:
    from pathlib import Path

    from nndsl.ir.program import Program as CheckedProgram
    from nndsl.runtime.standalone.batches import DataPart
    from nndsl.runtime.standalone.data import Prepared
    from nndsl.runtime.standalone.loop import Event, Fitting
    from nndsl.runtime.standalone.program import Array, Memory, Program, Table, Train


class Generated:
    """A generated module that has been executed.

    source: its text. filename: what tracebacks call it; they show its lines. names: everything that it defines. Its
    classes are its own, alike to those of `nndsl.runtime.standalone` and not the same. runs: where the runs are that it
    takes weights out of. given: names that the text takes for granted, and what they are.
    """

    def __init__(
        self,
        source: str,
        filename: str,
        runs: Mapping[str, Path] | None = None,
        given: Mapping[str, object] | None = None,
    ) -> None:
        self.source = source
        self.filename = filename
        self.names: Mapping[str, Any] = _executed(source, filename, given or {})
        if runs:
            self.names["RUN_FOLDERS"].update(runs)

    @property
    def program(self) -> Program:
        """What the module declares about itself."""
        return self.names["PROGRAM"]

    @property
    def fit(self) -> Callable[..., Iterator[Event]]:
        """`nndsl.runtime.standalone.loop.fit`, as the module has it."""
        return self.names["fit"]

    @property
    def fitting(self) -> Callable[..., Fitting]:
        """`nndsl.runtime.standalone.loop.Fitting`, as the module has it."""
        return self.names["Fitting"]

    @property
    def evaluate(self) -> Callable[..., dict[str, float]]:
        """`nndsl.runtime.standalone.loop.evaluate`, as the module has it."""
        return self.names["evaluate"]

    @property
    def predict(self) -> Callable[..., dict[str, Array]]:
        """`nndsl.runtime.standalone.loop.predict`, as the module has it."""
        return self.names["predict"]

    @property
    def load_data(self) -> Callable[..., Prepared]:
        """`nndsl.runtime.standalone.data.load_data`, as the module has it."""
        return self.names["load_data"]

    @property
    def prepare_new(self) -> Callable[..., Table]:
        """`nndsl.runtime.standalone.data.prepare_new`, as the module has it."""
        return self.names["prepare_new"]

    @property
    def new_part(self) -> Callable[..., DataPart]:
        """`nndsl.runtime.standalone.data.new_part`, as the module has it."""
        return self.names["new_part"]

    @property
    def of_rows(self) -> Callable[[Train], Train]:
        """`nndsl.runtime.standalone.once.of_rows`, as the module has it."""
        return self.names["of_rows"]

    @property
    def kept_bytes(self) -> Callable[..., int]:
        """`nndsl.runtime.standalone.once.kept_bytes`, as the module has it."""
        return self.names["kept_bytes"]

    @property
    def take_rows(self) -> Callable[..., None]:
        """`nndsl.runtime.standalone.batches.take_rows`, as the module has it."""
        return self.names["take_rows"]

    @property
    def apply_network(self) -> Callable[..., dict[str, Array]]:
        """`nndsl.runtime.standalone.networks.apply_network`, as the module has it."""
        return self.names["apply_network"]

    @property
    def network_fields(self) -> Callable[..., Table]:
        """`nndsl.runtime.standalone.networks.network_fields`, as the module has it."""
        return self.names["network_fields"]

    def memory(self, seed: int) -> Memory:
        """Fresh weights and states, drawn by `seed`, or out of earlier runs. Raises UserError NN605."""
        try:
            return self.program.memory(seed)
        except Exception as failure:
            if not self.raised(failure, "FileError"):
                raise
            raise UserError(error("NN605", str(failure))) from None

    def raised(self, failure: BaseException, name: str) -> bool:
        """Whether `failure` is the module's exception called `name`."""
        return isinstance(failure, self.names[name])


def run_folders(checked: CheckedProgram) -> dict[str, Path]:
    """Where the runs are that a program takes weights out of, by the names that it calls them."""
    kept = (*checked.weights, *checked.states)
    return {each.source.run: each.source.folder for each in kept if each.source is not None}


def _executed(source: str, filename: str, given: Mapping[str, object]) -> Mapping[str, Any]:
    """The names that the text defines. Raises InternalError where it is not Python."""
    # With no modification time `linecache` never looks for a file of that name.
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    try:
        codes = codes_of(source, filename)
    except SyntaxError as failure:
        message = f"emit: line {failure.lineno} of the generated source is not Python: {failure.msg}"
        raise InternalError(message) from failure
    module = ModuleType(f"nndsl_generated_{id(codes):x}")
    module.__file__ = filename
    module.__dict__.update(given)
    with _findable(module):
        # This is what nndsl is for: the text was made from a checked program by the emitter, which quotes all that
        # users write.
        for code in codes:
            exec(code, module.__dict__)  # noqa: S102
    return module.__dict__


@contextmanager
def _findable(module: ModuleType) -> Generator[None]:
    """Dataclasses look their module up by name while they are made."""
    sys.modules[module.__name__] = module
    try:
        yield
    finally:
        del sys.modules[module.__name__]
