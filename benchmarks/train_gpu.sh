#!/usr/bin/env bash
# Ten minutes of training on whatever there is, a GPU if there is one: held-out success before and after, samples a
# second, the environment's share, peak memory, and three ways of giving credit compared over as many seeds as fit.
#
#   bash benchmarks/train_gpu.sh
#   MODEL=/models/SmolLM2-135M-Instruct MINUTES=10 STEPS=30 SEEDS=0,1,2,3 bash benchmarks/train_gpu.sh
#   STEPS=2 SEEDS=0 bash benchmarks/train_gpu.sh train.groups=1          # anything else by dotted overrides
#
# The same command goes on where it stopped. It needs no network where MODEL is a directory; without MODEL the model is
# had as `make quickstart` has it (where there is a network:
# python -c 'from cave_rl.training.models import obtain; print(obtain())').
set -euo pipefail
cd "$(dirname "$0")/.."

python="${PYTHON:-python}"
[ -z "${PYTHON:-}" ] && [ -x .venv/bin/python ] && python=.venv/bin/python
export TOKENIZERS_PARALLELISM=false

exec "$python" -m benchmarks.train_gpu \
  --minutes "${MINUTES:-10}" \
  --steps "${STEPS:-30}" \
  --seeds "${SEEDS:-0,1,2}" \
  --credits "${CREDITS:-episode,turn,branch}" \
  --output "${OUTPUT:-outputs/train_gpu}" \
  ${MODEL:+"model.name=$MODEL"} "$@"
