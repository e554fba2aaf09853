"""Looking while training: does the model still look, and how much of its score comes from that?

For transformers' Trainer, and TRL's SFTTrainer with it:

>>> from sightscale.looking import LookingCallback
>>> looking = LookingCallback(["in_domain_gqa"], "mini", every=100, until="width<20", stop="falls")
>>> trainer = SFTTrainer(model, args, train_dataset=rows, processing_class=processor, callbacks=[looking])
>>> looking.attach(trainer)  # so that TensorBoard and Weights & Biases get the numbers too
>>> trainer.train()

`Looker` is the same for a loop of one's own. `read_looks` and `draw_looks` read and draw what a training kept.
"""

from sightscale.harness.looking import Look, Looker, LookingCallback, draw_looks, read_looks

__all__ = ["Look", "Looker", "LookingCallback", "draw_looks", "read_looks"]
