"""Tasks in a file: one JSON line a task, exact, and nothing that runs when it is read.

`dump` writes tasks that are data: values that the codec carries, assertions as data, set-ups as source. Functions and
classes go by reference, and so do assertion functions: never by source, for a file would then bring code into the judge
and into every place that reads it. What cannot be written is told by task, field and reason.

`load` gives a suite back. Reading imports nothing but the modules that are allowed (`cave_rl.suites` always is), and
runs nothing but the validators of classes from there. What a *played* task runs:

* gold, near-misses and events are source, and run in the runtime, confined;
* a set-up runs in the Template *before* it is confined, with the rights of the user, so a file's set-ups are refused
  unless `setup=True`;
* `modules` are imported in the Base, likewise: only those that are allowed, and `DATA_MODULES`.

A file is a fixed set of tasks: a family's numbers come round again after its last, and `tasks` gives each once.
"""

from cave_rl.tasks.static.fixed import StaticSuite
from cave_rl.tasks.static.read import DATA_MODULES, load
from cave_rl.tasks.static.schema import StaticError
from cave_rl.tasks.static.write import dump

__all__ = ["DATA_MODULES", "StaticError", "StaticSuite", "dump", "load"]
