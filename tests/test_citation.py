"""CITATION.cff is what the Citation File Format 1.2.0 asks for, and says what the package says."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).resolve().parents[1]
CITATION: dict[str, Any] = yaml.safe_load((HERE / "CITATION.cff").read_text())
REQUIRED = {"authors", "cff-version", "message", "title"}
ALLOWED = REQUIRED | {
    *("abstract", "commit", "contact", "date-released", "doi", "identifiers", "keywords", "license", "license-url"),
    *("preferred-citation", "references", "repository", "repository-artifact", "repository-code", "type", "url"),
    "version",
}
PERSON = {
    *("address", "affiliation", "alias", "city", "country", "email", "family-names", "fax", "given-names"),
    *("name-particle", "name-suffix", "orcid", "post-code", "region", "tel", "website"),
}
ENTITY = {
    *("address", "alias", "city", "country", "date-end", "date-start", "email", "fax", "location", "name", "orcid"),
    *("post-code", "region", "tel", "website"),
}


def find_faults(citation: dict[str, Any]) -> list[str]:
    """What a file has against the format; nothing for a valid one."""
    faults = [f"lacks {key}" for key in sorted(REQUIRED - citation.keys())]
    faults += [f"has the unknown key {key}" for key in sorted(citation.keys() - ALLOWED)]
    if citation.get("cff-version") != "1.2.0":
        faults.append("cff-version is not the text 1.2.0")
    if citation.get("type") not in (None, "software", "dataset"):
        faults.append("type is neither software nor dataset")
    works = [
        ("the work", citation),
        *((f"reference {n}", work) for n, work in enumerate(citation.get("references", []))),
    ]
    for name, work in works:
        if name != "the work":
            faults += [f"{name} lacks {key}" for key in ("authors", "title", "type") if key not in work]
        if not work.get("authors"):
            faults.append(f"{name} has no authors")
        for author in work.get("authors", []):
            allowed = ENTITY if "name" in author else PERSON
            if not author.keys() or not author.keys() <= allowed:
                faults.append(f"{name}: {author} is neither a person nor an entity")
        for identifier in work.get("identifiers", []):
            if identifier.get("type") not in ("doi", "url", "swh", "other") or not identifier.get("value"):
                faults.append(f"{name}: {identifier} is no identifier")
        if "year" in work and not isinstance(work["year"], int):
            faults.append(f"{name}: its year is not a number")
    return faults


def test_the_file_is_valid() -> None:
    assert find_faults(CITATION) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"title": None}, "lacks title"),
        ({"cff-version": 1.2}, "cff-version"),
        ({"licence": "MIT"}, "unknown key licence"),
        ({"authors": []}, "has no authors"),
        ({"authors": [{"name": "A", "family-names": "B"}]}, "neither a person nor an entity"),
        ({"references": [{"type": "article", "title": "T"}]}, "reference 0 lacks authors"),
        ({"identifiers": [{"type": "arxiv", "value": "1"}]}, "is no identifier"),
    ],
)
def test_a_fault_is_found(changes: dict[str, Any], fault: str) -> None:
    changed = {key: value for key, value in {**CITATION, **changes}.items() if value is not None}
    assert any(fault in found for found in find_faults(changed))


def test_the_citation_agrees_with_the_package() -> None:
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    assert CITATION["title"] == project["name"] and CITATION["version"] == project["version"]
    assert CITATION["license"] == project["license"]
    cited = re.findall(r"\d{4}\.\d{5}", (HERE / "README.md").read_text())
    assert any(cited[0] in str(work.get("identifiers")) for work in CITATION["references"])
