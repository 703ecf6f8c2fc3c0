"""Validation: is a suite solvable, not solved by idling or tricks, told apart from near-misses, and repeatable?

`validate` plays every task and gives a `Report`. `solutions` plays gold, idling, near-misses and left-out cells,
`hacks` the battery of tricks, `leaks` searches a rollout for answers, `repeats` plays thrice, `reading` looks at the
task as it is written. See `docs/validation.md`.
"""

from cave_rl.tasks.validation.report import CHECKS, FamilyReport, Finding, Report
from cave_rl.tasks.validation.validate import Sizes, validate

__all__ = ["CHECKS", "FamilyReport", "Finding", "Report", "Sizes", "validate"]
