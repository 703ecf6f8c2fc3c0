"""Measures one contender, in this process: `python -m benchmarks.contend NAME`. Lines of JSON on standard output.

`benchmarks.runtime` starts it, one contender after the other, each by the interpreter that has its packages.
"""

from __future__ import annotations

import argparse
import os
import sys

from benchmarks import peers
from benchmarks.contender import Report
from benchmarks.measure import QUICK, Effort
from benchmarks.sections import SECTIONS, Section


def sections_of(name: str) -> dict[str, Section]:
    """The sections by which a contender is measured: ours has more of them."""
    if name != peers.OURS:
        return SECTIONS
    from benchmarks.ours.sections import SECTIONS as OWN

    return OWN


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=peers.WHERE)
    parser.add_argument("--only", default="", help="sections, with commas")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=float, help="for each row")
    given = parser.parse_args()
    report = Report(os.fdopen(os.dup(1), "w"))
    os.dup2(2, 1)  # what packages print must not stand among the results
    effort = QUICK if given.quick else Effort() if given.seconds is None else Effort(seconds=given.seconds)
    try:
        contender = peers.make(given.name)
        report.about(
            versions=contender.versions(),
            python=sys.version.split()[0],
            isolation=contender.isolation,
            in_process=contender.in_process,
        )
    except ImportError as error:
        report.about(missing=str(error))
        return
    wanted = given.only.split(",") if given.only else []
    for section, measure in sections_of(given.name).items():
        if wanted and section not in wanted:
            continue
        with report.section(section):
            try:
                measure(contender, report, effort)
            finally:
                contender.close()


if __name__ == "__main__":
    main()
