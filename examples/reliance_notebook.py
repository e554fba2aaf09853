# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Does the model look?
#
# This notebook scores a small model with and without the picture, asks which questions it can answer blind, and ends
# in a figure. It needs no GPU and no hub. Open it in Jupyter with jupytext, or make a notebook file of it:
# `jupytext --to notebook reliance_notebook.py`.

# %%
from pathlib import Path

from sightscale import draw_scores, read_records, reliance, run, save_figure

# %% [markdown]
# ## Run
#
# One model, one task, three conditions: with the picture, without it (`none`), and with another question's picture
# (`mismatched`). Run this cell again after an interruption: finished answers are kept.

# %%
run("easy_vqa_nano", ["easy_vqa"], "runs/notebook", blind=["none", "mismatched"], limit=200)
records = read_records("runs/notebook")
records.groupby("condition", observed=True)["score"].mean().round(3)

# %% [markdown]
# ## Reliance
#
# *Reliance* is the score with the picture minus the score without it, on the same questions. `low` and `high` are its
# 95 % interval. The interval counts pictures, not questions.

# %%
findings = reliance("runs/notebook")
on_task = findings[(findings["measure"] == "reliance") & (findings["level"] == "task")]
on_task[["task", "condition", "value", "low", "high", "n", "clusters"]].round(3)

# %% [markdown]
# ## What can be guessed?
#
# Answers that are right without the picture come from the question alone. Most of them are yes/no questions.

# %%
blind = records[records["condition"] == "none"]
blind.groupby("category", observed=True)["score"].agg(["mean", "size"]).round(3)

# %% [markdown]
# ## The figure
#
# The last line of a cell shows a figure. `save_figure` writes it for a paper, as SVG, PDF and 300-dpi PNG.

# %%
(figure,) = draw_scores(findings)
save_figure(figure, Path("runs/notebook"))
figure  # noqa: B018 - a notebook shows what its last line is
