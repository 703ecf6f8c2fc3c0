"""Other ways to run a model's code, each on the same work by the quickest way that its interface offers.

One file each. A peer may need packages, or a Python, that ours does not: it is imported only where it is measured, in
a process of its own, by an interpreter that can be chosen (`--peer-python NAME=PATH`).
"""

from __future__ import annotations

from importlib import import_module

from benchmarks.contender import Contender

OURS = "cave-rl"
"""Us, measured in the same way."""

WHERE = {
    OURS: "benchmarks.ours.contender:Ours",
    "ipykernel": "benchmarks.peers.ipykernel:IPyKernel",
    "ipython": "benchmarks.peers.ipython:IPython",
    "spawn": "benchmarks.peers.processes:Spawn",
    "forkserver": "benchmarks.peers.processes:ForkServer",
    "fork": "benchmarks.peers.processes:Fork",
    "smolagents": "benchmarks.peers.smolagents:SmolAgents",
    "cave-agent": "benchmarks.peers.cave_agent:CaveAgent",
}

PEERS = tuple(name for name in WHERE if name != OURS)


def make(name: str) -> Contender:
    """A contender by name.

    Raises:
        ImportError: what it needs is not installed.
    """
    module, _, attribute = WHERE[name].partition(":")
    contender: Contender = getattr(import_module(module), attribute)()
    return contender
