"""Which rule for which layer."""

import dataclasses
from collections.abc import Callable

from fdin_tf.explain.lrp.first_layer_rules import Flat
from fdin_tf.explain.lrp.first_layer_rules import ZBox
from fdin_tf.explain.lrp.rules import AlphaBeta
from fdin_tf.explain.lrp.rules import Epsilon
from fdin_tf.explain.lrp.rules import Gamma
from fdin_tf.explain.lrp.rules import ZPlus

_EPSILON = Epsilon()


@dataclasses.dataclass(frozen=True)
class Composite:
    """A rule for every kind of layer.

    Attributes:
        dense: Rule of dense layers, those inside of `PairwiseRelation`
            included.
        convolution: Rule of convolutions.
        first: Rule of the layers with weights that the input meets first;
            None: that of their kind.
        last: Rule of the convolutions that no other one follows; None: that
            of all.
        linear: Rule of what sums without a kernel: addition, average pooling,
            weighted sums over regions or frames, batch normalisation that
            cannot be folded.
        recurrent: `Epsilon` of recurrent layers (Arras et al., 2017).
        layers: Rules of single layers by name, above all others.

    Raises:
        ValueError: If what is given as a rule is none, or its class.

    Example:

    >>> Composite(dense=Epsilon(0.1), convolution=ZPlus(), first=Flat()).first
    Flat()
    """

    dense: Callable = _EPSILON
    convolution: Callable = _EPSILON
    first: Callable | None = None
    last: Callable | None = None
    linear: Epsilon = _EPSILON
    recurrent: Epsilon = _EPSILON
    layers: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        kinds = ("dense", "convolution", "linear", "recurrent")
        rules = [(kind, getattr(self, kind)) for kind in kinds]
        for kind in ("first", "last"):
            rule = getattr(self, kind)
            rules += [] if rule is None else [(kind, rule)]
        for name, rule in (*rules, *self.layers.items()):
            has_no_brackets = isinstance(rule, type) or rule is ZPlus
            if has_no_brackets or not callable(rule):
                raise ValueError(
                    "A rule must be one of `fdin_tf.explain.lrp`, with "
                    "brackets, such as `Epsilon()`. "
                    f"Received: {name}={rule!r}"
                )

    def rule(self, kind, name, is_first=False, is_last=False):
        """The rule of a layer.

        Args:
            kind: `"dense"`, `"convolution"`, `"linear"` or `"recurrent"`.
            name: Name of the layer.
            is_first: Whether the input meets it first.
            is_last: Whether no other convolution follows.

        Returns:
            A rule of `fdin_tf.explain.lrp`.
        """
        if name in self.layers:
            return self.layers[name]
        has_kernel = kind in ("dense", "convolution")
        if is_first and has_kernel and self.first is not None:
            return self.first
        if is_last and kind == "convolution" and self.last is not None:
            return self.last
        return getattr(self, kind)


#: Composites by name. `alpha_beta` is the one rule of Arbabzadah et al. (GCPR
#: 2016) for all layers; those from `epsilon_plus` on are the usual mixtures
#: for networks of convolutions and dense layers (Kohlbrenner et al., 2020;
#: Montavon et al., 2019), named from the dense layers down: `_plus` is
#: `ZPlus` in the convolutions, behind `_alpha2_beta1` in all but the last.
#: `_flat` ends in equal shares for the pixels, `_box` uses that pixels lie in
#: 0..255.
COMPOSITES = {
    "alpha_beta": Composite(AlphaBeta(), AlphaBeta()),
    "epsilon": Composite(),
    "z_plus": Composite(ZPlus(), ZPlus()),
    "epsilon_plus": Composite(convolution=ZPlus()),
    "epsilon_plus_flat": Composite(convolution=ZPlus(), first=Flat()),
    "epsilon_alpha2_beta1": Composite(convolution=AlphaBeta()),
    "epsilon_alpha2_beta1_flat": Composite(
        convolution=AlphaBeta(), first=Flat()
    ),
    "epsilon_alpha2_beta1_plus_flat": Composite(
        convolution=ZPlus(), first=Flat(), last=AlphaBeta()
    ),
    "epsilon_gamma_box": Composite(convolution=Gamma(), first=ZBox()),
}


def get_composite(composite):
    """The composite of a name, or the composite itself.

    Args:
        composite: A name in `COMPOSITES`, or a `Composite`.

    Returns:
        `Composite`.

    Raises:
        ValueError: If it is neither.

    Example:

    >>> get_composite("epsilon").dense
    Epsilon(epsilon=1e-09, bias=True)
    """
    if isinstance(composite, Composite):
        return composite
    if isinstance(composite, str) and composite in COMPOSITES:
        return COMPOSITES[composite]
    raise ValueError(
        "`composite` must be a `Composite` or one of "
        f"{', '.join(map(repr, COMPOSITES))}. Received: {composite!r}"
    )
