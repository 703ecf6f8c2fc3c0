"""BFCL's multi-turn dialogues: upstream's simulators, hosted; upstream's tasks; upstream's verdict beside ours.

Nothing of it enters a rollout: simulators stay in the World (`world` has what of them is otherwise there), dialogues
and answers (`tasks`) in host and Judge.
"""
