"""tau2-bench: upstream's toolkits and databases, hosted; upstream's tasks; upstream's verdict.

Nothing of it enters a rollout: toolkits and databases stay in the World (`world`), tasks and answers (`tasks`) in host
and Judge.
"""
