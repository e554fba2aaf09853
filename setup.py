"""Which packages there are: the folders of the checkout, under the import name `sightscale`."""

from setuptools import find_packages, setup

FOLDERS = ("harness", "tasks", "model_adapters", "trainers", "leaderboards")

setup(
    packages=[
        "sightscale",
        *(f"sightscale.{folder}" for folder in FOLDERS),
        *(f"sightscale.{folder}.{name}" for folder in FOLDERS for name in find_packages(folder)),
    ],
    package_dir={"sightscale": "sightscale", **{f"sightscale.{folder}": folder for folder in FOLDERS}},
)
