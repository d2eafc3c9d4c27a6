"""The whole service under load: 200 readers at once while 20 audits are in flight.

    python benchmarks/service_load.py [--readers 200] [--audits 20] [--seconds 30]

Needs Debian's `wrk` and `ffmpeg`. Runs `stemmata serve` with its own settings but for the limit on one network address,
in a new home with the instrument that comes with the package. Readers ask for pages and for the API in turn, first
alone, then while strangers send audits of 30 seconds of music as MP3. Counts answers that are no success, and waits
until every audit has ended. Prints Markdown.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

PATHS = ("/", "/v1/models", "/v1/datasets", "/models/1", "/v1/models/1", "/healthz", "/market", "/v1/tracks")
SCRIPT = """
local paths, at = {%s}, 0
function request()
  at = at %% #paths + 1
  return wrk.format("GET", paths[at])
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("said %%d %%d %%d %%d %%.1f %%.1f\\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.timeout, e.status, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


@contextlib.contextmanager
def serving(folder: Path, processes: int) -> Iterator[str]:
    """The service's address."""
    environ = {**os.environ, "STEMMATA_HOME": str(folder / "home"), "STEMMATA_PASSPHRASE": "for a benchmark alone"}
    environ |= {"STEMMATA_RATE": "1000000", "OMP_NUM_THREADS": "1"}
    program = str(Path(sys.executable).with_name("stemmata"))
    command = [program, "serve", "--port", "0", "--json", "--workers", "2", "--processes", str(processes)]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )
        assert server.stdout is not None
        try:
            url = str(json.loads(server.stdout.readline())["url"])
            for path in PATHS:
                urllib.request.urlopen(url + path, timeout=120).close()
            yield url
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def read(url: str, script: Path, readers: int, seconds: int) -> tuple[float, int, int, float, float]:
    """Requests a second, broken connections, answers that are no success, and milliseconds (median, 99 %)."""
    command = ["wrk", "-t1", f"-c{readers}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script), url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"^said (.*)$", done.stdout, re.MULTILINE)
    if found is None:
        sys.exit(f"wrk says what is not understood: {done.stdout}")
    requests, micros, broken, refused, median, tail = map(float, found[1].split())
    return requests / micros * 1e6, int(broken), int(refused), median, tail


def audit(url: str, sound: bytes, ended: list[tuple[str, float]]) -> None:
    """Send one audit, wait for its end, and note its state and seconds."""
    begun = time.monotonic()
    headers = {"Content-Type": "audio/mpeg", "Accept": "application/json"}
    while True:
        try:
            with urllib.request.urlopen(
                urllib.request.Request(f"{url}/v1/audits", sound, headers), timeout=120
            ) as said:
                job = json.load(said)["id"]
            break
        except urllib.error.HTTPError as error:
            if error.code != 429:
                raise
            time.sleep(float(error.headers.get("Retry-After", "1")))
    while True:
        with urllib.request.urlopen(f"{url}/v1/jobs/{job}", timeout=120) as said:
            state = str(json.load(said)["state"])
        if state in ("done", "failed", "cancelled"):
            ended.append((state, time.monotonic() - begun))
            return
        time.sleep(1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--audits", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script, sound = folder / "readers.lua", folder / "sound.mp3"
        script.write_text(SCRIPT % ", ".join(f'"{path}"' for path in PATHS))
        tone = "sine=frequency=330:duration=30,tremolo=f=3,volume=0.5"
        subprocess.run(["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", tone, "-b:a", "128k", sound], check=True)
        with serving(folder, options.processes) as url:
            alone = read(url, script, options.readers, options.seconds)
            ended: list[tuple[str, float]] = []
            threads = [
                threading.Thread(target=audit, args=(url, sound.read_bytes(), ended)) for _ in range(options.audits)
            ]
            begun = time.monotonic()
            for thread in threads:
                thread.start()
            beside = read(url, script, options.readers, options.seconds)
            for thread in threads:
                thread.join()
            took = time.monotonic() - begun
    print("| | requests/s | broken | no success | median ms | p99 ms |\n|---|---|---|---|---|---|")
    for label, told in ((f"{options.readers} readers", alone), (f"beside {options.audits} audits", beside)):
        print(f"| {label} | {told[0]:.0f} | {told[1]} | {told[2]} | {told[3]:.0f} | {told[4]:.0f} |")
    done = sum(state == "done" for state, _ in ended)
    print(f"\n{done} of {options.audits} audits done, the last after {took:.0f} s.")


if __name__ == "__main__":
    main()
