"""BFCL's multi-turn dialogues: upstream's simulators, hosted; upstream's tasks; upstream's verdict beside ours.

Nothing here enters a rollout: there is no world of ours, and what is upstream's stays in the World and the Judge.
"""
