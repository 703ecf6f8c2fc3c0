"""Training: TRL's GRPO on episodes. `run.train` is a whole run; `grpo.make_trainer` is the trainer alone.

Needs `pip install 'cave-rl[train]'`; importing this package alone does not import torch.
"""

from cave_rl.training.config import ConfigError, TrainConfig, load

__all__ = ["ConfigError", "TrainConfig", "load"]
