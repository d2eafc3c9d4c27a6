"""What can be set about the networks and how they learn, as frozen dataclasses. Nothing here imports torch."""

import math
from dataclasses import dataclass

from gen.config import MelConfig, require, require_least

OPTIMISERS = ("adam", "adamw")
SCHEDULES = ("constant", "cosine", "exponential")


LATENTS = ("linear", "vae", "quantised")
"""Kinds of latent space."""


@dataclass(frozen=True)
class LatentConfig:
    """The space that the generator moves through, and how it is trained.

    A point of it stands for `stack` mel frames and has `size` coordinates. kind: "linear" are principal components,
    which need no steps, so that nothing below matters; "vae" is a variational autoencoder; "quantised" one whose
    coordinates take `levels` values each. channels: width of the networks, with `blocks` residual blocks in each stage.
    divergence: what a nat of a "vae" costs, for each number of the frames that a point stands for, beside their mean
    distance; `free_nats` of each coordinate cost nothing more. length: of what an example shows, in points.
    """

    kind: str = "linear"
    stack: int = 2
    size: int = 64
    levels: int = 9
    channels: int = 192
    blocks: int = 1
    divergence: float = 0.1
    free_nats: float = 0.0
    steps: int = 400
    batch: int = 8
    length: int = 48
    learning_rate: float = 1e-3
    betas: tuple[float, ...] = (0.9, 0.99)

    def __post_init__(self) -> None:
        require(self.kind in LATENTS, "latent.kind", f"one of {', '.join(LATENTS)}")
        require_least(self, "latent", ("stack", "size", "channels", "blocks", "steps", "batch", "length"), 1)
        require(self.levels >= 2, "latent.levels", "at least 2")
        require_least(self, "latent", ("divergence", "free_nats"), 0)
        require(self.learning_rate > 0, "latent.learning_rate", "above 0")
        require_betas(self.betas, "latent.betas")


BACKBONES = ("lstm", "transformer")
"""What may look back at the steps before."""
NORMS = ("weight", "batch")
"""What keeps the discriminator of frames in bounds."""


@dataclass(frozen=True)
class GeneratorConfig:
    """What writes points of the latent space, and how it is trained.

    It writes a point at a time, near one of `codes` learned places. backbone: what looks back at the steps before, an
    "lstm" or a "transformer"; layers of `hidden` units each. heads and window (in points) are the transformer's alone.
    label_dropout: the share of labels that is hidden while learning, so that any of them may be left unknown.
    noise: standard deviation of what is added to its own past while learning, in units of a coordinate's own.
    steadiness: what a change of place costs, in units of the usual squared distance to a place: more, longer notes.
    adversarial and matching weigh the discriminator's two losses; free is the length of the free-running stretch (in
    points) that the discriminator hears every `free_every` steps, from step `free_from` on. Its layers have
    `discriminator_kernels` frames each and are kept in bounds by "weight" or "batch" norm. perturbation: every batch is
    learnt once more with its past moved by so much of each coordinate's spread, in the direction that hurts most (the
    fast gradient sign method, arXiv:1412.6572); 0 leaves that out.
    """

    codes: int = 256
    backbone: str = "lstm"
    hidden: int = 256
    layers: int = 1
    heads: int = 4
    window: int = 512
    style_tokens: int = 4
    style_size: int = 32
    noise_size: int = 8
    label_dropout: float = 0.3
    dropout: float = 0.2
    noise: float = 0.3
    steadiness: float = 2.0
    steps: int = 180
    batch: int = 8
    length: int = 128
    learning_rate: float = 2e-3
    discriminator_channels: int = 64
    betas: tuple[float, ...] = (0.9, 0.999)
    discriminator_learning_rate: float = 3e-4
    discriminator_betas: tuple[float, ...] = (0.5, 0.9)
    adversarial: float = 0.05
    matching: float = 0.5
    discriminator_kernels: tuple[int, ...] = (5, 5, 5)
    discriminator_norm: str = "weight"
    discriminator_dropout: float = 0.2
    perturbation: float = 0.0
    free: int = 24
    free_every: int = 5
    free_from: int = 60
    nucleus: float = 0.95

    def __post_init__(self) -> None:
        require(self.backbone in BACKBONES, "generator.backbone", f"one of {', '.join(BACKBONES)}")
        require_least(
            self,
            "generator",
            ("codes", "hidden", "layers", "heads", "window", "style_tokens", "style_size", "noise_size"),
            1,
        )
        if self.backbone == "transformer":
            require(self.hidden % self.heads == 0, "generator.heads", "a divisor of generator.hidden")
        require(0 <= self.label_dropout <= 1, "generator.label_dropout", "between 0 and 1")
        require_least(self, "generator", ("steps", "batch", "discriminator_channels", "free_every"), 1)
        require(self.length >= 2, "generator.length", "at least 2")
        require(2 <= self.free <= self.length, "generator.free", "between 2 and generator.length")
        require(self.free_from >= 0, "generator.free_from", "at least 0")
        require(0 <= self.dropout < 1, "generator.dropout", "at least 0 and below 1")
        require(0 < self.nucleus <= 1, "generator.nucleus", "above 0 and at most 1")
        require(
            len(self.discriminator_kernels) >= 2 and all(k in (3, 5) for k in self.discriminator_kernels),
            "generator.discriminator_kernels",
            "a list of at least two, each 3 or 5",
        )
        require(self.discriminator_norm in NORMS, "generator.discriminator_norm", f"one of {', '.join(NORMS)}")
        require(0 <= self.discriminator_dropout < 1, "generator.discriminator_dropout", "at least 0 and below 1")
        require_least(self, "generator", ("noise", "steadiness", "adversarial", "matching", "perturbation"), 0)
        for name in ("learning_rate", "discriminator_learning_rate"):
            require(getattr(self, name) > 0, f"generator.{name}", "above 0")
        for name in ("betas", "discriminator_betas"):
            require_betas(getattr(self, name), f"generator.{name}")


VOCODERS = ("istft", "hifigan", "backbone")
"""Kinds of vocoder."""
PHASES = ("gradient", "peaks")
"""How the kind `istft` finds its first phases."""
HIFIGANS = ("v1", "v2", "v3")
"""The three generators of the HiFi-GAN paper."""
OBJECTIVES = ("spectral", "hifigan")
"""What a vocoder is told to make small."""
DISCRIMINATORS = ("spectrum", "period", "scale")
"""Kinds of discriminators of samples."""
CUES = 20
"""Bands in which a stereo picture is described."""


@dataclass(frozen=True)
class VocoderConfig:
    """The network that turns mel frames into samples, and how it is trained.

    kind: "istft" moves the classical inverse a little; "hifigan" is the paper's generator, of which variant says which;
    "backbone" works at the rate of the frames, the fastest. stereo: whether frames carry cues that place the sound.
    channels: width ("istft", "backbone"). blocks: how many a backbone has. upsample: factors of the transposed
    convolutions; for "istft" their product divides mel.hop, and what is left is the hop of the inverse STFT; for
    "hifigan" it is mel.hop, and none given means the paper's way to 256 or 512. kernels and dilations shape the
    residual blocks of "istft" (one kernel size and all dilations each). phase: how its classical inverse finds phases;
    "peaks" follows tones and keeps to the magnitudes that it took from the bands, "gradient" minds also where sound
    begins and ends, and keeps to the bands themselves. phase_refinement: Griffin-Lim iterations that start from its
    phase when rendering. segment: samples of one training example.

    objective: "spectral" are distances of spectrograms, and activations of discriminators relative to their size;
    "hifigan" is that paper's, with its sums: `mel` times the distance of log-mel frames, `matching` times that of
    activations, `adversarial` times the deception. discriminators: which ones judge, and discriminator_channels their
    width (32 in the paper); adversarial 0 leaves them out, and before step adversarial_from they do not judge.
    """

    kind: str = "istft"
    variant: str = "v2"
    stereo: bool = False
    channels: int = 128
    blocks: int = 6
    upsample: tuple[int, ...] = ()
    kernels: tuple[int, ...] = (3, 7)
    dilations: tuple[int, ...] = (1, 3)
    phase: str = "gradient"
    phase_refinement: int = 16
    steps: int = 60
    batch: int = 2
    segment: int = 65536
    learning_rate: float = 1e-3
    dither: float = 3e-4
    discriminator_channels: int = 16
    betas: tuple[float, ...] = (0.8, 0.99)
    discriminator_learning_rate: float = 2e-4
    discriminator_betas: tuple[float, ...] = (0.8, 0.99)
    objective: str = "spectral"
    discriminators: tuple[str, ...] = ("spectrum",)
    adversarial: float = 0.0
    adversarial_from: int = 0
    matching: float = 2.0
    mel: float = 45.0

    def __post_init__(self) -> None:
        require(self.objective in OBJECTIVES, "vocoder.objective", f"one of {', '.join(OBJECTIVES)}")
        named = len(self.discriminators) > 0 and all(name in DISCRIMINATORS for name in self.discriminators)
        require(named, "vocoder.discriminators", f"a list of {', '.join(DISCRIMINATORS)}")
        require(self.adversarial_from >= 0, "vocoder.adversarial_from", "at least 0")
        require(self.kind in VOCODERS, "vocoder.kind", f"one of {', '.join(VOCODERS)}")
        require(self.variant in HIFIGANS, "vocoder.variant", f"one of {', '.join(HIFIGANS)}")
        require_least(self, "vocoder", ("channels", "blocks", "steps", "batch", "discriminator_channels"), 1)
        require(all(factor >= 2 for factor in self.upsample), "vocoder.upsample", "a list of factors of at least 2")
        require(
            len(self.kernels) > 0 and all(k % 2 == 1 for k in self.kernels), "vocoder.kernels", "a list of odd numbers"
        )
        require(
            len(self.dilations) > 0 and all(d >= 1 for d in self.dilations),
            "vocoder.dilations",
            "numbers of at least 1",
        )
        require(self.phase in PHASES, "vocoder.phase", f"one of {', '.join(PHASES)}")
        require(self.phase_refinement >= 0, "vocoder.phase_refinement", "at least 0")
        require(self.segment >= 1, "vocoder.segment", "at least 1")
        require_least(self, "vocoder", ("dither", "adversarial", "matching", "mel"), 0)
        for name in ("learning_rate", "discriminator_learning_rate"):
            require(getattr(self, name) > 0, f"vocoder.{name}", "above 0")
        for name in ("betas", "discriminator_betas"):
            require_betas(getattr(self, name), f"vocoder.{name}")

    def rows(self, mel: MelConfig) -> int:
        """How many numbers a frame has: the mel bands, and with stereo two for each band of cues."""
        return mel.bands + (2 * CUES if self.stereo else 0)

    def check(self, mel: MelConfig) -> None:
        """Raises ConfigError if there is no such network for these frames."""
        if self.kind == "istft":
            self.head_hop(mel)
        if self.kind == "hifigan":
            self.factors(mel)

    def factors(self, mel: MelConfig) -> tuple[int, ...]:
        """By what each level of a HiFi-GAN raises the rate. Raises ConfigError if their product is not mel.hop."""
        if not self.upsample:
            require(mel.hop in (256, 512), "vocoder.upsample", f"given, since mel.hop is {mel.hop} and not 256 or 512")
            if self.variant == "v3":
                return (8, 8, mel.hop // 64)
            return (8, 8, mel.hop // 128, 2)
        require(
            math.prod(self.upsample) == mel.hop, "vocoder.upsample", f"factors whose product is mel.hop ({mel.hop})"
        )
        return self.upsample

    def head_hop(self, mel: MelConfig) -> int:
        """Samples between the frames of the inverse STFT. Raises ConfigError if the factors do not divide mel.hop."""
        hop = mel.hop
        for factor in self.upsample:
            require(hop % factor == 0, "vocoder.upsample", f"factors whose product divides mel.hop ({mel.hop})")
            hop //= factor
        return hop


@dataclass(frozen=True)
class TrainingConfig:
    """How every network learns, whatever it is; learning rates and Adam's betas stand with each network's settings.

    optimiser: "adam" (arXiv:1412.6980) or "adamw" (arXiv:1711.05101, with weight_decay). schedule: "cosine",
    "exponential" or "constant", after `warmup` steps of rise; the first two end at `floor` of the highest rate.
    clip: the largest norm of a gradient; 0 clips nothing. average: how much of the moving average of weights stays at
    each step, such as 0.999; 0 keeps no average. mixed: multiply in bfloat16 on a GPU. discriminator_every: a
    discriminator learns in every so-manieth step. evaluate_every: steps between evaluations on music set aside, after
    which the best weights are kept; 0 evaluates at the end alone and keeps the last. patience: so many evaluations
    without a better one end a phase; 0 never does.
    """

    optimiser: str = "adamw"
    weight_decay: float = 0.01
    schedule: str = "cosine"
    warmup: int = 20
    floor: float = 0.05
    clip: float = 1.0
    average: float = 0.0
    mixed: bool = False
    discriminator_every: int = 1
    evaluate_every: int = 0
    patience: int = 0

    def __post_init__(self) -> None:
        require(self.optimiser in OPTIMISERS, "training.optimiser", f"one of {', '.join(OPTIMISERS)}")
        require(self.schedule in SCHEDULES, "training.schedule", f"one of {', '.join(SCHEDULES)}")
        require_least(self, "training", ("weight_decay", "warmup", "clip", "evaluate_every", "patience"), 0)
        require(0 < self.floor <= 1, "training.floor", "above 0 and at most 1")
        require(0 <= self.average < 1, "training.average", "at least 0 and below 1")
        require(self.discriminator_every >= 1, "training.discriminator_every", "at least 1")
        require(self.patience == 0 or self.evaluate_every > 0, "training.patience", "0 without training.evaluate_every")


def require_betas(betas: tuple[float, ...], name: str) -> None:
    """Raise ConfigError unless these are Adam's two."""
    require(len(betas) == 2 and all(0 <= beta < 1 for beta in betas), name, "two numbers, at least 0 and below 1")
