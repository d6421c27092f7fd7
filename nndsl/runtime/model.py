"""A checked and compiled `.nn` file, ready to be trained, evaluated and asked."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nndsl.diagnostics import UserError, did_you_mean, error
from nndsl.runtime.once import once_told
from nndsl.runtime.readiness import cautions, keeps, require_memory, require_usable
from nndsl.runtime.rows import columns_for, columns_of, needs_columns
from nndsl.runtime.sources import KEPT_PARTS, NewRows, Sources

if TYPE_CHECKING:
    from nndsl.data import Table as DataTable
    from nndsl.diagnostics import Diagnostic
    from nndsl.ir.program import DataProgram, Program, ReaderCall, TrainProgram
    from nndsl.plan import Sharing
    from nndsl.runtime.gradient_flow import Flow
    from nndsl.runtime.modules import Generated
    from nndsl.runtime.rows import Rows
    from nndsl.runtime.standalone.batches import DataPart
    from nndsl.runtime.standalone.loop import Event, Fitting
    from nndsl.runtime.standalone.program import Array, Data, Memory, State, Table, Train
    from nndsl.runtime.standalone.shows import Shown


class Model:
    """A `.nn` file that `nndsl.load` has opened.

    checked: its graphs. generated: its NumPy source, executed. sets: the `let`s that were given other values. seed:
    what its weights were drawn by, its rows split by and its samples shuffled by; `fit` may give another.
    sharings: how each train block uses the processor. planned: its graphs as its source was written from them. device:
    where it computes, "cpu" or "gpu".

    The first `fit` of a model begins with weights drawn by the seed, later ones go on from the weights that there are.
    """

    def __init__(
        self,
        checked: Program,
        generated: Generated,
        sets: Mapping[str, str],
        seed: int,
        *,
        sharings: Mapping[str, Sharing] | None = None,
        planned: Program | None = None,
        device: str = "cpu",
    ) -> None:
        self.device = device
        self.checked = checked
        self.sharings = dict(sharings or {})
        self.planned = planned
        self.generated = generated
        self.sets = dict(sets)
        self.seed = seed
        self.memory = generated.memory(seed)
        self._untouched = True
        self._began: tuple[Array, Array] | None = None
        self._alone: tuple[Program, Generated] | None = None
        self._sources = Sources(generated)
        self._new: NewRows | None = None
        self._parts: dict[tuple[str, int, bool], dict[str, DataPart]] = {}

    # -------------------------------------------------------------------------------------------- what it holds

    @property
    def source(self) -> str:
        """The Python that `nndsl build` would write, and that runs here."""
        return self.generated.source

    @property
    def weights(self) -> dict[str, Array]:
        """The weights by path ("Digits/features/kernel"): views to look at; `set_weights` writes."""
        return {path: _read_only(self.memory.weight(path)) for path, _ in self.generated.program.weights}

    @property
    def states(self) -> dict[str, Array]:
        """The states (moving averages) by path, as `weights`."""
        return {path: _read_only(self.memory.state(path)) for path, _ in self.generated.program.states}

    def set_weights(self, values: Mapping[str, Any]) -> None:
        """Gives some weights or states other values. Raises UserError NN604 for unknown paths or other shapes."""
        import numpy as np

        places = {path: self.memory.weight(path) for path, _ in self.generated.program.weights}
        places |= {path: self.memory.state(path) for path, _ in self.generated.program.states}
        arrays = {path: np.asarray(value) for path, value in values.items()}
        for path, array in arrays.items():
            if path not in places:
                close = did_you_mean(path, places)
                raise UserError(error("NN604", f"there is no weight {path}", help=close and f"did you mean {close}?"))
            if array.shape != places[path].shape:
                message = f"{path} has shape {list(places[path].shape)}, the given values {list(array.shape)}"
                raise UserError(error("NN604", message))
        for path, array in arrays.items():
            places[path][...] = array
        self._untouched = False

    def train_named(self, name: str | None) -> TrainProgram:
        """The train block called `name`; the first if None. Raises UserError NN606."""
        trains = {train.name: train for train in self.checked.trains}
        if not trains:
            raise UserError(error("NN606", f"{self.checked.file.name} has no train block"))
        if name is None:
            return self.checked.trains[0]
        if name not in trains:
            close = did_you_mean(name, trains)
            help = f"did you mean {close}?" if close else f"there are: {', '.join(trains)}"
            raise UserError(error("NN606", f"{self.checked.file.name} has no train block called {name}", help=help))
        return trains[name]

    # -------------------------------------------------------------------------------------------- training

    def fit(
        self, train: str | None = None, *, epochs: int | None = None, seed: int | None = None
    ) -> list[dict[str, float]]:
        """Trains and gives the history, a row for each epoch: "epoch", "train.loss", ..., "validation.loss", ...

        train: which train block; by default all, in the file's order. Raises UserError.
        """
        import numpy as np

        rows: list[dict[str, float]] = []
        for block in [self.train_named(train)] if train else self.checked.trains:
            with np.errstate(all="ignore"):
                events: Iterator[Any] = self.training(block, epochs=epochs, seed=seed)
                rows += [event.row() for event in events if type(event).__name__ == "EpochDone"]
        return rows

    def training(self, train: TrainProgram, *, epochs: int | None = None, seed: int | None = None) -> Iterator[Event]:
        """The events of training one block; the weights are this model's. Raises UserError."""
        yield from self.events(train, self.fitting(train, epochs=epochs, seed=seed))

    def fitting(self, train: TrainProgram, *, epochs: int | None = None, seed: int | None = None) -> Fitting:
        """Training of one block that is about to begin, or to go on from a state; `events` are its events.

        Raises UserError.
        """
        if seed is not None:
            self.seed = seed
        self._began = None
        if self._untouched:
            self.memory = self.generated.memory(self.seed)
            self._parts.clear()
            self._untouched = False
        else:
            self._began = (self.memory.weights.copy(), self.memory.states.copy())
        self.planned_epochs(train, epochs)
        with self._explained(train):
            parts = self.parts(train, learning=True)
            require_memory(self, train, parts)
            require_usable(self, train, parts)
            return self.generated.fitting(self._trained(train, parts), self.memory, parts, self.seed, epochs)

    def cautions(self, train: TrainProgram) -> list[Diagnostic]:
        """What is probably not meant of training this block, as far as its rows tell. Raises UserError."""
        return cautions(self, train, self.parts(train))

    def restore(self, train: TrainProgram, fitting: Fitting, state: State) -> None:
        """Lets training go on from a state; the memory has been given its own before. Raises UserError."""
        with self._explained(train):
            fitting.restore(state)

    def events(
        self, train: TrainProgram, fitting: Fitting, begin: Callable[[Fitting], bool] | None = None
    ) -> Iterator[Event]:
        """The events of training that `fitting` gave. Raises UserError.

        begin: lets another fitting go on from a moment of this training, if there is one: training that leaves the
        finite numbers is run again from there, or from its start, to say why.
        """
        with self._explained(train):
            try:
                yield from fitting.events()
            except Exception as failure:
                if not self.generated.raised(failure, "DivergedError"):
                    raise
                from nndsl.runtime.divergence import diverged

                raise UserError(diverged(self, train, failure, fitting, begin or self.start)) from None

    def start(self, fitting: Fitting) -> bool:
        """Puts what the last training began with into a fitting's memory; there always is something."""
        began = self._began
        if began is None:
            drawn = self.generated.memory(fitting.seed)
            began = (drawn.weights, drawn.states)
        fitting.memory.weights[...], fitting.memory.states[...] = began
        return True

    def training_of(self, train: TrainProgram, memory: Memory, *, epochs: int | None = None) -> Iterator[Event]:
        """The events of training weights that are not this model's: those of `memory`. Raises UserError."""
        with self._explained(train):
            parts = self.parts(train)
            yield from self.generated.fit(self._trained(train, parts), memory, parts, self.seed, epochs)

    def shows(self, train: TrainProgram, *, epochs: int | None = None) -> Callable[[Event], Iterator[Shown]]:
        """What the block's `show` lines give after each event of `training`, which begins at the first event."""
        made: list[Any] = []

        def after(event: Event) -> Iterator[Shown]:
            block = self._train(train)
            if not block.shows:
                return iter(())
            if not made:
                shows_of: Any = self.generated.names["shows_of"]
                made.append(shows_of(block, self.memory, self.parts(train), self.seed, epochs))
            return made[0].after(event)

        return after

    def planned_epochs(self, train: TrainProgram, epochs: int | None = None) -> int:
        """How many epochs training will have if nothing stops it. Raises UserError NN616: `epochs` without data."""
        if train.data is None and epochs is not None:
            message = f"the train block {train.name} has no data and so no epochs"
            raise UserError(error("NN616", message, train.span, help="its setting `steps` says how long it trains"))
        epoch_count: Any = self.generated.names["epoch_count"]
        return epoch_count(self._train(train), epochs)

    # -------------------------------------------------------------------------------------------- using it

    def evaluate(
        self, rows: Rows | None = None, *, part: str | None = None, train: str | None = None
    ) -> dict[str, float]:
        """The loss and the metrics over a part of the data, or over other rows.

        rows: raw columns by name, or the path of a file of them. part: "train", "validation" or "test"; by default the
        last there is.
        train: which train block; by default the first. Raises UserError.
        """
        import numpy as np

        block = self.train_named(train)
        with self._explained(block), np.errstate(all="ignore"):
            if rows is not None:
                fields = self._fields_of(rows, block, self._train(block).fields)
            else:
                fields = self._part(block, part)
            return self.generated.evaluate(self._train(block), self.memory, fields, self.seed)

    def predict(self, rows: Rows, *, train: str | None = None, model: str | None = None) -> dict[str, Array]:
        """What the block's `predict` names, by name, for each row: class names where ids stand for classes.

        rows: raw columns by name; or an array, where only one column is needed; or the path of a file. train: which
        train block; by default the first that predicts. model: instead, all outputs of this model on its own; its
        inputs that are no fields of the data are arrays by their names. Raises UserError.
        """
        import numpy as np

        if model is not None:
            return self._apply(model, rows)

        class_names: Any = self.generated.names["class_names"]
        block = self._predicting(train)
        with self._explained(block), np.errstate(all="ignore"):
            fields = self._fields_of(rows, block, self._train(block).prediction_fields)
            found = self.generated.predict(self._train(block), self.memory, fields, self.seed)
        return class_names(self._train(block), found)

    def _apply(self, name: str, rows: Rows) -> dict[str, Array]:
        """The outputs of a model on its own."""
        import numpy as np

        from nndsl.runtime.parts import network_named, with_networks

        if self._alone is None:
            here = self.checked.networks
            dtype = self.generated.program.dtype
            self._alone = (self.checked, self.generated) if here else with_networks(self.checked, self.sets, dtype)
        checked, generated = self._alone
        found = network_named(checked, name)
        network = generated.program.networks[name]
        block = next((train for train in self.checked.trains if train.data == found.data), self.checked.trains[0])
        with self._explained(block, generated), np.errstate(all="ignore"):
            if found.data is not None:
                self._learnt(block)
            data = generated.program.data.get(found.data or "")
            columns = columns_for(rows, network, data, self._reader(found.data))
            fields = generated.network_fields(generated.program, network, self.memory, columns)
            return generated.apply_network(network, self.memory, fields, self.seed)

    def features(
        self, layer: str, rows: Rows | None = None, *, part: str | None = None, train: str | None = None
    ) -> dict[str, Array]:
        """What a step gives for each sample of a part of the data (or of other rows), under its path.

        layer: a label or listed step ("features", "Digits/dense_1"). With a part come its fields that are classes, by
        name. part, rows, train: as for `evaluate`. Raises UserError.
        """
        import numpy as np

        from nndsl.runtime.parts import predicting_step, step_path

        block = self.train_named(train)
        path = step_path(block, layer)
        generated = predicting_step(self.checked, block, path, self.generated.program.dtype)
        predicting = generated.program.trains[block.name]
        classes: dict[str, Array] = {}
        with self._explained(block, generated), np.errstate(all="ignore"):
            if rows is not None:
                fields = self._fields_of(rows, block, predicting.prediction_fields)
            else:
                fields = self._part(block, part, classes=True)
                classes = self._classes_in(block, fields)
            found = generated.predict(predicting, self.memory, fields, self.seed)
        return {**found, **classes}

    def gradient_flows(
        self, train: str | None = None, *, part: str = "train", samples: int | None = None
    ) -> list[Flow]:
        """How large the gradients of each `minimize` of a block are, at these weights, in one batch of training.

        samples: of how many samples, the first of the part; by default the block's batch size. Raises UserError.
        """
        from nndsl.runtime.gradient_flow import flows

        block = self.train_named(train)
        if not block.training.minimizes:
            raise UserError(error("NN616", f"the train block {block.name} minimizes nothing", block.span))
        with self._explained(block):
            count = samples or int(self._train(block).settings["batch_size"] or 1)
            fields: Table = {}
            if block.data is not None:
                fields = self._first(self._part(block, part), self._train(block).fields, count)
                count = min([count, *map(len, fields.values())])
            return flows(self.checked, block, self.memory, fields, self.seed, count)

    def _classes_in(self, train: TrainProgram, part: DataPart) -> dict[str, Array]:
        """The fields that are classes, by their names."""
        import numpy as np

        known = _class_fields(self._data(train.data or ""))
        found = self._first(part, tuple(known))
        return {name: np.array(names, np.str_)[found[name]] for name, names in known.items()}

    def _first(self, part: DataPart, names: tuple[str, ...], count: int | None = None) -> Table:
        """Fields of the first `count` samples, of all by default, in memory."""
        if isinstance(part, dict):
            return {name: part[name][:count] for name in names}
        samples = len(part) if count is None else min(count, len(part))
        found = part.buffers(samples, names)
        part.fill(slice(0, samples), found)
        return found

    def _predicting(self, train: str | None) -> TrainProgram:
        blocks = [self.train_named(train)] if train or not self.checked.trains else list(self.checked.trains)
        predicting = [block for block in blocks if self._train(block).prediction is not None]
        for block in predicting:
            fields = self._train(block).prediction_fields
            if block.data is not None and needs_columns(self._data(block.data), fields):
                return block
        if predicting:
            block = predicting[0]
            message = (
                f"what the train block {block.name} predicts needs no columns of data: there is nothing to predict from"
            )
            help = "ask one model for its outputs, with inputs of your own: `--model NAME`, or `model=` in Python"
            raise UserError(error("NN610", message, block.span, help=help))
        message = f"the train block {blocks[0].name} predicts nothing"
        raise UserError(error("NN610", message, blocks[0].span, help="add a line `predict name = expression` to it"))

    # -------------------------------------------------------------------------------------------- weights files

    def save(self, path: str | Path, about: Mapping[str, Any] | None = None) -> None:
        """Writes all that was learnt to a `.safetensors` or `.npz` file. Raises UserError NN608."""
        from nndsl.runtime.weights import write_weights

        program = self.generated.program
        said = {"source_hash": program.source_hash, "version": program.version, "seed": self.seed, "sets": self.sets}
        write_weights(Path(path), program, self.memory, {**said, **(about or {})})

    def load_weights(self, path: str | Path) -> None:
        """Reads a weights file, or the one in a run folder. Raises UserError: NN601, NN603, NN604 or NN605."""
        from nndsl.runtime.weights import constants_of, read_weights, seed_of

        program = self.generated.program
        about = read_weights(Path(path), program, self.memory, constants_of(self.checked, program))
        seed = seed_of(about)
        self.seed = self.seed if seed is None else seed
        self._untouched = False
        self._parts.clear()

    # -------------------------------------------------------------------------------------------- data

    def tables(self, data: DataProgram) -> dict[str, DataTable]:
        """The tables that a data block reads, by part. Raises UserError."""
        return self._sources.tables(data)

    def parts(self, train: TrainProgram, *, learning: bool = False, classes: bool = False) -> dict[str, DataPart]:
        """Every part of the block's data, split by the seed; none for a block without data.

        A part is its fields by name, or what computes them batch by batch where they are too large for the memory.

        learning: what the data teach (means, names) is learnt anew from the training rows, not taken from the memory.
        classes: the fields that are classes are wanted, too, even if the block reads none.
        """
        if train.data is None:
            return {}
        key = (train.name, self.seed, classes)
        if key in self._parts:
            return self._parts[key]
        data, checked = self._data(train.data), self.checked.data_named(train.data)
        fields = (*self._train(train).fields, *(_class_fields(data) if classes else ()))
        reading = self._sources.reading(checked, train, fields)
        prepared = self.generated.load_data(
            data,
            self._sources.columns(checked, reading),
            self.seed,
            dtype=self.generated.program.dtype,
            fitted=None if learning else self.memory.fitted.get(data.name),
            fields=fields,
            stream=reading.stream,
        )
        self.memory.fitted[data.name] = prepared.fitted
        self._parts = {key: prepared.parts}
        return prepared.parts

    def data_notes(self, train: TrainProgram) -> list[str]:
        """What is to be said of the block's data: "streams 2.0 GB from x.npy", what is kept of it. Raises UserError."""
        if train.data is None:
            return []
        reading = self._sources.reading(self.checked.data_named(train.data), train, self._train(train).fields)
        notes = [reading.note()]
        if self.planned is not None and keeps(self, train, parts := self.parts(train)):
            once = next(each.once for each in self.planned.trains if each.name == train.name)
            rows = sum(self.generated.names["len_of"](parts.get(part)) for part in KEPT_PARTS)
            notes.append(once and once_told(once, self.memory.dtype.itemsize, rows))
        return [note for note in notes if note is not None]

    def _part(self, train: TrainProgram, part: str | None, *, classes: bool = False) -> DataPart:
        parts = self.parts(train, classes=classes)
        if not parts:
            raise UserError(error("NN611", f"the train block {train.name} has no data to evaluate on", train.span))
        if part is None:
            part = next((name for name in ("test", "validation") if name in parts), "train")
        if part not in parts:
            help = f"there {'is' if len(parts) == 1 else 'are'}: {', '.join(parts)}"
            raise UserError(error("NN611", f"the data {train.data} has no part called {part}", help=help))
        return parts[part]

    def _fields_of(self, rows: Rows, train: TrainProgram, names: tuple[str, ...]) -> DataPart:
        """The fields called `names` of other rows."""
        if train.data is None:
            raise UserError(
                error("NN611", f"the train block {train.name} has no data, so it takes no rows", train.span)
            )
        data = self._data(train.data)
        fitted = self._learnt(train)
        self._new = new = NewRows(self.generated, self.checked.data_named(train.data), train, names)
        columns = columns_of(rows, data, names, self._reader(train.data), new.read)
        return self.generated.new_part(data, columns, fitted, names, self.generated.program.dtype, new.stream)

    def _learnt(self, train: TrainProgram) -> Table:
        """What the block's data taught: with the weights, or now from its training rows."""
        name = train.data or ""
        if name not in self.memory.fitted and self._data(name).columns and self._learns(name):
            self.parts(train, learning=True)
        return self.memory.fitted.get(name, {})

    def _learns(self, name: str) -> bool:
        """Whether fields of the data depend on its training rows."""
        data = self.checked.data_named(name)
        return bool(data.fits) or any(column.learns_names for column in data.columns)

    def _train(self, train: TrainProgram) -> Train:
        return self.generated.program.trains[train.name]

    def _trained(self, train: TrainProgram, parts: Mapping[str, DataPart]) -> Train:
        """The block as it is trained on these parts."""
        block = self._train(train)
        return block if keeps(self, train, parts) else self.generated.of_rows(block)

    def _data(self, name: str) -> Data:
        return self.generated.program.data[name]

    def _reader(self, name: str | None) -> ReaderCall | None:
        """What reads the rows of the data called `name`: all of them, or those of a part; None without a file."""
        data = next((data for data in self.checked.data if data.name == name), None)
        if data is None:
            return None
        return data.reader or next((call for _, call in data.part_readers), None)

    # -------------------------------------------------------------------------------------------- mistakes

    @contextmanager
    def _explained(self, train: TrainProgram, generated: Generated | None = None) -> Generator[None]:
        """Turns what the generated module raises for its user's mistakes into UserErrors with places."""

        def raised(failure: Exception, name: str) -> bool:
            # Rows that are streamed are read by the model's own module, whichever asks for them.
            return any(module.raised(failure, name) for module in (self.generated, generated) if module is not None)

        try:
            yield
        except Exception as failure:
            if raised(failure, "FileError"):
                raise UserError(error("NN616", str(failure))) from None
            if raised(failure, "DataError") and train.data is not None:
                from nndsl.data import explain

                tables = self._sources.opened(train.data) if self._new is None else self._new.tables
                problem: Any = failure
                raise explain(problem, self.checked.data_named(train.data), tables) from None
            if raised(failure, "DivergedError"):
                span = train.training.minimizes[0].span if train.training.minimizes else train.span
                help = "try a smaller learning rate; look for a logarithm or a division that can meet 0"
                raise UserError(error("NN617", str(failure), span, "of this loss", help=help)) from None
            if raised(failure, "TrainingError"):
                raise UserError(error("NN616", str(failure), train.span)) from None
            raise
        finally:
            self._new = None


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view


def _class_fields(data: Data) -> dict[str, tuple[str, ...]]:
    """The fields that are one class a row, and the names of their classes."""
    return {field.name: field.classes for field in data.fields if field.classes is not None and field.shape == ()}
