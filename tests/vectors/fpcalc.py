"""Writes fpcalc.json: what Chromaprint's own program says of music that tests/gen/chords.py makes again.

Needs fpcalc (Debian: libchromaprint-tools). Run from the repository's root:
PYTHONPATH=tests/gen python tests/vectors/fpcalc.py
"""

import json
import re
import subprocess
import tempfile
from pathlib import Path

from chords import chords
from iscc_core import gen_audio_code

from gen.audio import save

CASES = (
    {"seconds": 30.0, "seed": 1, "rate": 44100, "channels": 2, "beat": 0.5},
    {"seconds": 20.0, "seed": 2, "rate": 44100, "channels": 1, "beat": 0.37},
    {"seconds": 20.0, "seed": 3, "rate": 48000, "channels": 2, "beat": 0.5},
    {"seconds": 12.0, "seed": 4, "rate": 22050, "channels": 2, "beat": 0.25},
    {"seconds": 12.0, "seed": 5, "rate": 11025, "channels": 1, "beat": 0.5},
    {"seconds": 12.0, "seed": 6, "rate": 96000, "channels": 2, "beat": 0.6},
    {"seconds": 12.0, "seed": 7, "rate": 8000, "channels": 1, "beat": 0.5},
    {"seconds": 12.0, "seed": 8, "rate": 44056, "channels": 1, "beat": 0.5},
    {"seconds": 12.0, "seed": 10, "rate": 44100, "channels": 1, "beat": 0.5, "noise": 0.2},
    {"seconds": 2.75, "seed": 9, "rate": 44100, "channels": 2, "beat": 0.5},
)


def fpcalc(path: Path) -> list[int]:
    """Signed codes. fpcalc 1.5.1 with FFmpeg 5 calls the end of a WAV file an error, and prints all codes before it."""
    command = ["fpcalc", "-raw", "-signed", "-length", "0", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [int(code) for code in re.search(r"FINGERPRINT=(\S+)", done.stdout)[1].split(",")]


def main() -> None:
    """Fingerprint every case."""
    version = subprocess.run(["fpcalc", "-version"], capture_output=True, text=True, check=True).stdout.strip()
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            path = Path(folder) / "music.wav"
            save(path, chords(**case))
            signed = fpcalc(path)
            cases.append({"music": case, "signed": signed, "iscc": gen_audio_code(signed, bits=64)["iscc"]})
    document = {"source": f"{version}; fpcalc -raw -signed -length 0 of a 16-bit WAV file", "cases": cases}
    text = re.sub(r"(?<=\d,)\s+(?=-?\d)", "", json.dumps(document, indent=1))
    Path(__file__).with_suffix(".json").write_text(text + "\n")


if __name__ == "__main__":
    main()
