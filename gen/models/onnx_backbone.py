"""The network of a backbone vocoder as an ONNX graph, for onnxruntime: the same operations, fused.

Written out operation by operation, since torch's own exporters take seconds, and ask for more packages.
"""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gen.errors import ConfigError

if TYPE_CHECKING:
    from gen.models.backbone_vocoder import BackboneVocoder

_OPSET = 20
_IR = 10
_EPSILON = 1e-5


class OnnxBackbone:
    """Log-mel frames to magnitude and phase, as `BackboneVocoder.spectrum` has them; on one thread, float32."""

    def __init__(self, vocoder: "BackboneVocoder") -> None:
        """Raises ConfigError if onnx and onnxruntime are not installed, or the weights lie on a GPU."""
        if vocoder.head.weight.device.type != "cpu":
            raise ConfigError("vocoder: onnx renders on the processor; bring the weights there")
        try:
            import onnx
            import onnxruntime
        except ImportError as error:
            raise ConfigError("vocoder: rendering by onnx needs: pip install 'stemmata[fast]'") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session: Any = onnxruntime.InferenceSession(
            _Graph(onnx).of(vocoder).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Magnitude and phase, each (B, window / 2 + 1, T)."""
        magnitude, phase = self.session.run(None, {"frames": frames.contiguous().numpy()})
        return torch.from_numpy(magnitude), torch.from_numpy(phase)


class _Graph:
    """Writes nodes down one after the other; each is known by the name of what it gives."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def of(self, vocoder: "BackboneVocoder") -> Any:
        """The whole model."""
        channels = vocoder.config.channels
        heard = self.convolution("frames", vocoder.enter)
        for block in vocoder.blocks:
            found = self.norm(self.turned(self.convolution(heard, block.time)), channels)
            found = self.linear(self.node("Gelu", self.linear(found, block.widen)), block.narrow)
            share = self.constant(torch.tensor(block.share))
            heard = self.node("Add", heard, self.turned(self.node("Mul", found, share)))
        made = self.turned(self.linear(self.norm(self.turned(heard), channels), vocoder.head))
        louder, phase = self.node("Split", made, outputs=2, axis=1, num_outputs=2)
        most, least = (self.constant(torch.tensor(value)) for value in (vocoder.furthest, vocoder.least))
        moved = self.node("Exp", self.node("Mul", self.node("Tanh", self.node("Div", louder, most)), most))
        inverse = self.constant(vocoder.get_buffer("inverse"))
        ground = self.node("Max", self.node("MatMul", inverse, self.node("Exp", "frames")), least)
        helper, kind = self.onnx.helper, self.onnx.TensorProto.FLOAT
        bands, bins = vocoder.mel.bands, vocoder.mel.window // 2 + 1
        graph = helper.make_graph(
            self.nodes,
            "backbone",
            [helper.make_tensor_value_info("frames", kind, ["B", bands, "T"])],
            [
                helper.make_tensor_value_info(name, kind, ["B", bins, "T"])
                for name in (self.node("Mul", ground, moved), phase)
            ],
            self.constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)

    def node(self, kind: str, *inputs: str, outputs: int = 1, **settings: Any) -> Any:
        """Add an operation; returns the name of what it gives, or the names."""
        names = [f"{kind.lower()}_{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, names, **settings))
        return names[0] if outputs == 1 else names

    def constant(self, value: Tensor) -> str:
        """Add a constant; returns its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(value.detach().contiguous().numpy(), name))
        return name

    def turned(self, name: str) -> str:
        """(B, a, b) to (B, b, a)."""
        return str(self.node("Transpose", name, perm=[0, 2, 1]))

    def norm(self, name: str, channels: int) -> str:
        """Layer norm over the last axis, with gains of 1."""
        gains = self.constant(torch.ones(channels))
        return str(self.node("LayerNormalization", name, gains, axis=-1, epsilon=_EPSILON))

    def linear(self, name: str, layer: Any) -> str:
        """A linear layer over the last axis."""
        product = self.node("MatMul", name, self.constant(layer.weight.T))
        return str(self.node("Add", product, self.constant(layer.bias)))

    def convolution(self, name: str, layer: Any) -> str:
        """A convolution over time."""
        edge = layer.padding[0]
        weights = (self.constant(layer.weight), self.constant(layer.bias))
        return str(self.node("Conv", name, *weights, pads=[edge, edge], group=layer.groups))
