"""What the service counts, for Prometheus (text format 0.0.4): requests by route, jobs by state, how far it follows.

Several processes that answer at one place count in files of one folder, since a scraper reaches only one of them.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

    from api.service.service import Service

_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"  # the library's own variable; it is read when the library is imported
_BOUNDS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


def share(folder: Path, group: int) -> None:
    """Count together with the other processes of a group, in this process's first moments.

    Args:
        folder: where groups have a folder each; those of groups that have ended are removed.
        group: the id of the process that began all of them.
    """
    if "prometheus_client" in sys.modules:
        raise RuntimeError("the library was imported before it was told where to count")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in folder.iterdir():
        if each.name.isdigit() and each.name != str(group) and not Path("/proc", each.name).exists():
            shutil.rmtree(each, ignore_errors=True)
    own = folder / str(group)
    own.mkdir(mode=0o700, exist_ok=True)
    os.environ[_FOLDER] = str(own)


class Metrics:
    """The counters of one application."""

    def __init__(self, service: Service) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram
        from prometheus_client.multiprocess import MultiProcessCollector

        self._service = service
        self._registry = CollectorRegistry()
        shared = _FOLDER in os.environ
        own: CollectorRegistry | None = None if shared else self._registry
        labels = ("method", "route", "status")
        self._requests = Counter("stemmata_requests", "Requests that were answered.", labels, registry=own)
        self._seconds = Histogram(
            "stemmata_request_seconds", "Until the end of an answer.", ("route",), buckets=_BOUNDS, registry=own
        )
        if shared:
            MultiProcessCollector(self._registry)  # type: ignore[no-untyped-call]
        self._registry.register(_Standing(service))
        self._children: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request. ``route`` is a template, of which there are few."""
        key = (method, route, status)
        children = self._children.get(key)
        if children is None:
            children = (self._requests.labels(method, route, str(status)), self._seconds.labels(route))
            self._children[key] = children
        children[0].inc()
        children[1].observe(seconds)

    def text(self) -> bytes:
        """All of it, as a scraper reads it."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)


class _Standing:
    """What is read from the database when it is asked for."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        """Jobs, and the directory."""
        from prometheus_client.metrics_core import GaugeMetricFamily

        from api.service.follower import standing
        from api.service.jobs import Jobs

        jobs = GaugeMetricFamily("stemmata_jobs", "Jobs that are kept, by state.", labels=["state"])
        for state, number in Jobs.of(self._service).count().items():
            jobs.add_metric([state], number)
        yield jobs
        found = standing(self._service.database)
        if found is not None:
            yield GaugeMetricFamily("stemmata_directory_block", "Last block in the directory.", value=found.block)
            age = max(0, self._service.now().timestamp() - found.at)
            yield GaugeMetricFamily(
                "stemmata_directory_age_seconds", "Since the directory was seen to be up to date.", value=age
            )
