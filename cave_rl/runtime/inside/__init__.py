"""What runs beside hostile code: starting and forking, cell execution, encoding of claims.

Everything here may be patched by the code it runs, so it holds no secrets, and nothing it says is believed: the host
takes it as a claim. Modules here import the standard library, msgpack, `cave_rl.confinement` and each other, nothing
else: no task, no assertion, no host code is ever in memory beside a rollout.
"""
