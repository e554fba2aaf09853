"""The family that ships looks: another picture in the right one's place costs it what looking gained."""

from pathlib import Path

from sightscale.api import reliance, run


def test_the_wrong_picture_costs_what_looking_gains(tmp_path: Path) -> None:
    tasks = ["imagenet", "in_domain_vqav2"]
    run("nano_160k", tasks, tmp_path, blind=["none", "mismatched"], limit=60, data="mini")
    findings = reliance(tmp_path)
    of_tasks = (findings["measure"] == "reliance") & (findings["level"] == "task")
    gains = findings[of_tasks & findings["condition"].isin(["none", "mismatched"])]
    assert len(gains) == 2 * len(tasks) and (gains["value"] > 0.1).all()  # it looks, by either measure
    values = gains.pivot(index="task", columns="condition", values="value")
    assert ((values["none"] - values["mismatched"]).abs() < 0.5).all()  # a wrong picture is worth no more than none
