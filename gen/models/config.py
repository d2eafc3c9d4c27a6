"""What can be set about the networks and how they learn, as frozen dataclasses. Nothing here imports torch."""

from dataclasses import dataclass

from gen.config import MelConfig, require


@dataclass(frozen=True)
class GeneratorConfig:
    """The LSTM that writes mel frames, and how it is trained.

    It writes `stack` mel frames at a time, as a point with `latent` coordinates, near one of `codes` learned places.
    noise: standard deviation of what is added to its own past while learning, in units of a coordinate's own.
    steadiness: what a change of place costs, in units of the usual squared distance to a place: more, longer notes.
    adversarial and matching weigh the discriminator's two losses; free is the length of the free-running stretch (in
    stacks) that the discriminator hears every `free_every` steps, from step `free_from` on.
    """

    stack: int = 2
    latent: int = 64
    codes: int = 256
    hidden: int = 256
    layers: int = 1
    style_tokens: int = 4
    style_size: int = 32
    noise_size: int = 8
    dropout: float = 0.2
    noise: float = 0.3
    steadiness: float = 2.0
    steps: int = 180
    batch: int = 8
    length: int = 128
    learning_rate: float = 2e-3
    discriminator_channels: int = 64
    discriminator_learning_rate: float = 3e-4
    adversarial: float = 0.05
    matching: float = 0.5
    free: int = 24
    free_every: int = 5
    free_from: int = 60
    nucleus: float = 0.95

    def __post_init__(self) -> None:
        for name in ("stack", "latent", "codes", "hidden", "layers", "style_tokens", "style_size", "noise_size"):
            require(getattr(self, name) >= 1, f"generator.{name}", "at least 1")
        for name in ("steps", "batch", "discriminator_channels", "free_every"):
            require(getattr(self, name) >= 1, f"generator.{name}", "at least 1")
        require(self.length >= 2, "generator.length", "at least 2")
        require(2 <= self.free <= self.length, "generator.free", "between 2 and generator.length")
        require(self.free_from >= 0, "generator.free_from", "at least 0")
        require(0 <= self.dropout < 1, "generator.dropout", "at least 0 and below 1")
        require(0 < self.nucleus <= 1, "generator.nucleus", "above 0 and at most 1")
        for name in ("noise", "steadiness", "adversarial", "matching"):
            require(getattr(self, name) >= 0, f"generator.{name}", "at least 0")
        for name in ("learning_rate", "discriminator_learning_rate"):
            require(getattr(self, name) > 0, f"generator.{name}", "above 0")


@dataclass(frozen=True)
class VocoderConfig:
    """The network that turns mel frames into samples, and how it is trained.

    upsample: factors of the transposed convolutions; their product divides mel.hop, and what is left is the hop of the
    inverse STFT. kernels and dilations shape the residual blocks (one kernel size and all dilations each).
    phase_refinement: Griffin-Lim iterations that start from the network's phase when rendering. segment: samples of
    one training example. adversarial 0 leaves the discriminators out.
    """

    channels: int = 128
    upsample: tuple[int, ...] = ()
    kernels: tuple[int, ...] = (3, 7)
    dilations: tuple[int, ...] = (1, 3)
    phase_refinement: int = 16
    steps: int = 60
    batch: int = 2
    segment: int = 65536
    learning_rate: float = 1e-3
    dither: float = 3e-4
    discriminator_channels: int = 16
    discriminator_learning_rate: float = 2e-4
    adversarial: float = 0.0
    matching: float = 2.0

    def __post_init__(self) -> None:
        for name in ("channels", "steps", "batch", "discriminator_channels"):
            require(getattr(self, name) >= 1, f"vocoder.{name}", "at least 1")
        require(all(factor >= 2 for factor in self.upsample), "vocoder.upsample", "a list of factors of at least 2")
        require(
            len(self.kernels) > 0 and all(k % 2 == 1 for k in self.kernels), "vocoder.kernels", "a list of odd numbers"
        )
        require(
            len(self.dilations) > 0 and all(d >= 1 for d in self.dilations),
            "vocoder.dilations",
            "numbers of at least 1",
        )
        require(self.phase_refinement >= 0, "vocoder.phase_refinement", "at least 0")
        require(self.segment >= 1, "vocoder.segment", "at least 1")
        for name in ("dither", "adversarial", "matching"):
            require(getattr(self, name) >= 0, f"vocoder.{name}", "at least 0")
        for name in ("learning_rate", "discriminator_learning_rate"):
            require(getattr(self, name) > 0, f"vocoder.{name}", "above 0")

    def head_hop(self, mel: MelConfig) -> int:
        """Samples between the frames of the inverse STFT. Raises ConfigError if the factors do not divide mel.hop."""
        hop = mel.hop
        for factor in self.upsample:
            require(hop % factor == 0, "vocoder.upsample", f"factors whose product divides mel.hop ({mel.hop})")
            hop //= factor
        return hop
