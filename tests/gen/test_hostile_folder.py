"""The whole folder of tests/gen/hostile.py through the confined decoder: each file has its word, and that is all."""

import os
import time
from pathlib import Path

import hostile
import pytest

from gen.audio import load
from gen.confined import ConfinedDecoder, Limits
from gen.corpus import Examination, examine, examine_all, scan
from gen.errors import (
    AudioError,
    ChangedFile,
    CorruptAudio,
    EmptyAudio,
    NotAudio,
    NotFinite,
    RateTooHigh,
    RateTooLow,
    SilentAudio,
    TooExpensive,
    TooLong,
    TooManyChannels,
    UnreadableFile,
)

pytestmark = pytest.mark.slow

# Tight: 256 MB beyond the idle decoder, 48 s of stereo, 10 s of processor time.
LIMITS = Limits(memory=256 << 20, processor_seconds=10, seconds=60, most_samples=1 << 22)

# Which broken file is called what depends on the decoders' versions; that it is broken does not.
BROKEN = (CorruptAudio, EmptyAudio, TooExpensive, SilentAudio)
ERRORS: dict[type[AudioError], str] = {
    NotAudio: "gzip.wav gzip_bomb.mp3 id3_chain.mp3 id3_claims_256_mb.mp3 id3_only.mp3 page.mp3 playlist.wav "
    "program.mp3 seven_zip.wav tar.wav zip.wav zip_bomb.mp3 zip_in_zip.wav",
    NotFinite: "infinity.wav nan.wav",
    RateTooHigh: "rate_10000000.wav rate_1e300.aiff rate_infinite.aiff",
    RateTooLow: "rate_1.wav rate_1999.wav rate_8000.wav",
    SilentAudio: "denormal.wav",
    TooLong: "bomb.flac chained.opus",
    TooManyChannels: "channels_3.wav channels_32.wav channels_1024.wav",
    UnreadableFile: "circle.wav circle_too.wav gone.wav memory.wav pipe.wav socket.wav zero.wav",
}
# Lies that cost nothing: the sound behind them is all there.
HARMLESS = {
    "bits_0.aiff",
    "bits_1.wav",
    "bits_12.wav",
    "bits_20.wav",
    "bits_7.wav",
    "block_align_0.wav",
    "block_align_65535.wav",
    "chained_500.ogg",
    "channels_8.flac",
    "claims_4_g_frames.aiff",
    "claims_4_gb.au",
    "claims_4_gb.wav",
    "cut_95.mp3",
    "cut_95.ogg",
    "cut_95.opus",
    "data_before_fmt.wav",
    "data_size_0.wav",
    "data_size_absurd.caf",
    "data_size_odd.wav",
    "id3_compressed_bomb.mp3",
    "id3_many_frames.mp3",
    "list_huge.wav",
    "many_blocks.flac",
    "many_chunks.wav",
    "md5_wrong.flac",
    "moov_size_huge.m4a",
    "no_frames.aiff",
    "no_moov.m4a",
    "pages_again.ogg",
    "pages_backwards.ogg",
    "rate_0.flac",
    "rf64_lies.wav",
    "rf64_table_huge.wav",
    "rf64_without_ds64.wav",
    "riff_size_0.wav",
    "seektable_huge.flac",
    "size_absurd.w64",
    "ssnd_absurd.aiff",
    "two_fmts.wav",
    "xing_lies.mp3",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("hostile") / "folder"
    made.mkdir()
    hostile.put_into(made)
    (made / "up").unlink()  # the folder above holds the other tests' files
    return made


@pytest.fixture(scope="module")
def outcomes(folder) -> dict[str, tuple[Examination, float, int]]:
    """By name: what came out, after how many seconds, and the most memory the decoder has held, in KiB."""
    found = {}
    with ConfinedDecoder(LIMITS) as decoder:
        for path in scan(folder).recordings:
            start = time.monotonic()
            (outcome,) = examine_all([path], decoder=decoder)
            found[path.name] = outcome, time.monotonic() - start, held(decoder.pid)
    return found


def held(pid: int | None) -> int:
    """Seen from outside; 0 if the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def test_they_are_more_than_sixty(folder):
    assert len(hostile.files()) >= 150
    assert len(scan(folder).recordings) == len(hostile.files()) + len(ERRORS[UnreadableFile].split())


def test_each_gets_its_word(outcomes):
    expected = {name: error for error, names in ERRORS.items() for name in names.split()}
    wrong = {
        name: str(outcome.error)
        for name, (outcome, _, _) in outcomes.items()
        if not (
            name in HARMLESS
            or (name in expected and type(outcome.error) is expected[name])
            or (name not in expected and isinstance(outcome.error, BROKEN))
        )
    }
    assert wrong == {}
    assert set(expected) | HARMLESS <= set(outcomes)


def test_words_name_the_file_and_say_what_to_do(outcomes):
    for name, (outcome, _, _) in outcomes.items():
        assert (outcome.error is None) == (outcome.waveform is not None) == (outcome.findings is not None)
        if outcome.error is not None:
            assert str(outcome.error).startswith(f"{name}: ")
            assert "; " in str(outcome.error)


def test_none_takes_memory_or_time(outcomes):
    assert max(memory for _, _, memory in outcomes.values()) < 320 << 10  # KiB: the limit, and 64 MB that is idle
    assert max(seconds for _, seconds, _ in outcomes.values()) < 60


def test_none_leaves_anything(folder, outcomes):
    before = sorted(os.listdir(folder))  # noqa: PTH208
    expected = set(hostile.files()) | {
        name for name in before if (folder / name).is_symlink() or not (folder / name).is_file()
    }
    assert set(before) == expected
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    commands = [Path(f"/proc/{child}/cmdline").read_bytes() for child in children if Path(f"/proc/{child}").exists()]
    assert not any(b"gen.decoder" in command for command in commands)


def test_without_confinement_every_one_is_named_too(folder):
    for path in scan(folder).recordings:
        if path.name in ("stts_absurd.m4a", "id3_compressed_bomb.mp3", "bomb.flac", "chained.opus"):
            continue  # what these cost is why there is a confined decoder
        try:
            load(path, most_samples=1 << 22)
        except AudioError as error:
            assert str(error).startswith(f"{path.name}: ")


class TestChangedWhileRead:
    @pytest.mark.parametrize("change", ["longer", "shorter", "other"])
    def test_is_told(self, tmp_path, change):
        path = tmp_path / "song.wav"
        data = hostile.written("WAV", "PCM_16")
        path.write_bytes(data)
        with ConfinedDecoder(LIMITS) as confined:

            def meanwhile(file, name, most_samples):
                if change == "longer":
                    with path.open("ab") as other:
                        other.write(bytes(1000))
                elif change == "shorter":
                    os.truncate(path, len(data) // 2)
                else:
                    with path.open("r+b") as other:
                        other.seek(1000)
                        other.write(b"other")
                    os.utime(path, ns=(1, 1))
                return confined(file, name, most_samples)

            found = examine(path, decoder=meanwhile).error
        assert isinstance(found, ChangedFile | CorruptAudio)
        assert str(found).startswith("song.wav: ")

    def test_a_file_that_grows_for_ever_is_read_once(self, tmp_path):
        path = tmp_path / "song.wav"
        path.write_bytes(hostile.put(hostile.written("WAV", "PCM_16"), 40, "<I", 0xFFFFFFFF))
        with ConfinedDecoder(LIMITS) as confined:

            def meanwhile(file, name, most_samples):
                decoded = confined(file, name, most_samples)
                with path.open("ab") as other:
                    other.write(bytes(1000))
                return decoded

            with pytest.raises(ChangedFile, match=r"^song\.wav: "):
                load(path, decoder=meanwhile)


class TestResampled:
    def test_lower_rates_are_taken_if_allowed_and_recorded(self, tmp_path):
        path = tmp_path / "song.wav"
        path.write_bytes(hostile.written("WAV", "PCM_16", hostile.music(2.0, 22050)))
        assert isinstance(examine(path).error, RateTooLow)
        found = examine(path, allow_resampled=True)
        assert found.waveform is not None
        assert found.findings is not None
        assert (found.waveform.rate, found.waveform.frames) == (44100, 88200)
        assert (found.findings.rate, found.findings.resampled) == (22050, True)
        assert found.findings.to_dict()["loudness"]["integrated"] == found.findings.loudness.integrated

    def test_others_stay_as_they_are(self, tmp_path):
        path = tmp_path / "song.wav"
        path.write_bytes(hostile.written("WAV", "PCM_16", hostile.music(2.0, 48000)))
        found = examine(path, allow_resampled=True)
        assert found.findings is not None
        assert (found.findings.rate, found.findings.resampled) == (48000, False)
        assert found.waveform == load(path)

    def test_a_claim_of_2_khz_is_not_blown_up(self, tmp_path):
        import soundfile

        path = tmp_path / "song.flac"
        soundfile.write(path, (hostile.np.arange(30_000_000) % 100).astype("<i2"), 2000)
        assert isinstance(examine(path, allow_resampled=True).error, TooLong)
