"""What runs inside vLLM's processes. It imports nothing of ours: cave-rl need not be installed there."""
