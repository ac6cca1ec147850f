"""A functional Keras model as a list of steps, nested models taken apart.

The one file that reads how Keras records its graphs.
"""

import dataclasses
import functools
from typing import Any

import keras


@dataclasses.dataclass(frozen=True, eq=False)
class Slot:
    """The place of one tensor in a graph.

    Attributes:
        spec: `KerasTensor` of its shape and dtype.
    """

    spec: Any

    @property
    def carries(self):
        """Whether it may carry relevance: numbers and pixels, no indices."""
        dtype = keras.backend.standardize_dtype(self.spec.dtype)
        return dtype == "uint8" or keras.backend.is_float_dtype(dtype)


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    """One call of a layer or operation.

    Attributes:
        operation: The Keras layer or operation.
        name: Its name, behind those of the models that it is nested in, and
            numbered from the second call on: `"dense (2)"`.
        args: Positional arguments; a `Slot` for every tensor.
        kwargs: Keyword arguments, likewise.
        inputs: All slots of the arguments, in their order.
        outputs: Slots of what it returns, flat.
    """

    operation: Any
    name: str
    args: tuple
    kwargs: dict
    inputs: tuple
    outputs: tuple


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
    """Steps in the order of their computation.

    Attributes:
        steps: List of `Step`.
        inputs: Slots in the structure of the model's inputs.
        outputs: Slots in the structure of its outputs.
    """

    steps: list
    inputs: Any
    outputs: Any

    @functools.cached_property
    def producers(self):
        """Dict from a slot to the step that it comes out of."""
        return {slot: step for step in self.steps for slot in step.outputs}

    @functools.cached_property
    def readers(self):
        """Dict from a slot to the list of steps that read it."""
        readers = {}
        for step in self.steps:
            for slot in step.inputs:
                readers.setdefault(slot, []).append(step)
        return readers

    @functools.cached_property
    def variable(self):
        """Set of the slots that depend on numbers or pixels of the input."""
        flat = keras.tree.flatten(self.inputs)
        variable = {slot for slot in flat if slot.carries}
        for step in self.steps:
            if variable.intersection(step.inputs):
                variable.update(slot for slot in step.outputs if slot.carries)
        return variable


def read_graph(model):
    """The steps of a functional model.

    Args:
        model: Functional or sequential Keras model, built.

    Returns:
        `Graph`; functional models inside of the model are taken apart.

    Raises:
        ValueError: If the model is not functional, or not built.
    """
    model = as_functional(model)
    inputs = keras.tree.map_structure(Slot, model.input)
    steps = []
    outputs = _read(model, keras.tree.flatten(inputs), "", steps)
    return Graph(steps, inputs, outputs)


def as_functional(model):
    """The graph of a model, which a sequential one holds inside.

    Args:
        model: Keras model.

    Returns:
        A functional Keras model.

    Raises:
        ValueError: If the model is not functional, or not built.
    """
    if isinstance(model, keras.Sequential):
        if not model.built or getattr(model, "_functional", None) is None:
            raise ValueError(
                "The model must be built; call it once, or begin it with a "
                f"`keras.Input`. Received: model={model.name!r}"
            )
        return model._functional
    if not is_functional(model):
        raise ValueError(
            "`model` must be a functional or sequential Keras model, whose "
            f"layers are known. Received: model={model!r}"
        )
    return model


def is_functional(model):
    """Whether a layer is a model whose layers are known."""
    return isinstance(model, keras.Model) and (
        isinstance(model, keras.Sequential) or hasattr(model, "operations")
    )


def _read(model, inputs, path, steps):
    """Appends the steps of a model; returns the structure of its outputs."""
    slots = {id(x): slot for x, slot in zip(model.inputs, inputs)}

    def slot_of(x):
        return slots[id(x)] if isinstance(x, keras.KerasTensor) else x

    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if node.is_input or any(
                id(x) not in slots for x in node.input_tensors
            ):
                continue
            name = _free_name(path + node.operation.name, steps)
            args, kwargs = node.arguments.convert(slot_of)
            read = tuple(slots[id(x)] for x in node.input_tensors)
            if is_functional(node.operation):
                inner = as_functional(node.operation)
                given = keras.tree.flatten(args[0] if args else kwargs)
                outputs = keras.tree.flatten(
                    _read(inner, given, f"{name}/", steps)
                )
            else:
                outputs = tuple(map(Slot, node.outputs))
                steps.append(
                    Step(node.operation, name, args, kwargs, read, outputs)
                )
            slots.update(
                (id(x), slot) for x, slot in zip(node.outputs, outputs)
            )
    return keras.tree.map_structure(slot_of, model.output)


def _free_name(name, steps):
    """The name, numbered where a layer or model is called several times."""
    taken = {step.name for step in steps}
    number, free = 1, name
    while free in taken or any(t.startswith(f"{free}/") for t in taken):
        number += 1
        free = f"{name} ({number})"
    return free
