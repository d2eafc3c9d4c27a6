"""A very small run in a process of its own, so that it can be killed: python micro_run.py OUT STATE [STEPS]."""

import dataclasses
import sys
from pathlib import Path

from studio import MICRO, melody

from gen.models.config import TrainingConfig
from gen.training.loop import Saving, StyleCorpus, train

RUN = dataclasses.replace(
    MICRO,
    name="run",
    generator=dataclasses.replace(MICRO.generator, steps=12),
    vocoder=dataclasses.replace(MICRO.vocoder, steps=6, batch=2, adversarial=1.0),
    training=TrainingConfig(average=0.9, evaluate_every=4, patience=100),
)


def music() -> list[StyleCorpus]:
    return [StyleCorpus.of("low", [melody(10, pitch=110)]), StyleCorpus.of("high", [melody(10, pitch=440, seed=1)])]


if __name__ == "__main__":
    out, state = Path(sys.argv[1]), Path(sys.argv[2])
    train(
        music(),
        RUN,
        5,
        out,
        lambda p: print(p.phase, p.step, flush=True),  # noqa: T201
        saving=Saving(state, steps=int(sys.argv[3]) if len(sys.argv) > 3 else 1),
    )
