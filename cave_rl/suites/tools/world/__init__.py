"""The functions of Tools-v0, a class for each domain. Nothing here holds an answer.

The methods are injected as plain functions, and run where the rollout cannot reach. Arguments and results are what JSON
can say, so a protocol of function calls could offer the same.
"""
