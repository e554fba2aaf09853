"""Looking while training: does the model still look, and how much of its score comes from that?

For transformers' Trainer and TRL's SFTTrainer:

>>> from sightscale.looking import LookingCallback
>>> looking = LookingCallback(["in_domain_gqa"], "mini", every=100, until="width<20", stop="falls")
>>> trainer = SFTTrainer(model, args, train_dataset=rows, processing_class=processor, callbacks=[looking])
>>> looking.attach(trainer)  # TensorBoard and Weights & Biases get the numbers too
>>> trainer.train()

`Looker` does the same in a loop of your own. `read_looks` and `draw_looks` read and draw a training's looks.
"""

from sightscale.harness.looking import Look, Looker, LookingCallback, draw_looks, read_looks

__all__ = ["Look", "Looker", "LookingCallback", "draw_looks", "read_looks"]
