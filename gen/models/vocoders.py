"""The vocoders there are."""

from typing import Any

from gen.config import MelConfig
from gen.models.backbone_vocoder import BackboneVocoder
from gen.models.config import VocoderConfig
from gen.models.hifigan import HifiGan
from gen.models.istft_vocoder import IstftVocoder
from gen.models.vocoder import Vocoder

_KINDS: dict[str, type[Vocoder[Any]]] = {"istft": IstftVocoder, "hifigan": HifiGan, "backbone": BackboneVocoder}


def make_vocoder(config: VocoderConfig, mel: MelConfig) -> Vocoder[Any]:
    """The network that config.kind names, with torch's own first weights. Raises ConfigError if it does not fit mel."""
    return _KINDS[config.kind](config, mel)
