"""Weights: who signed a run's weights with model-signing, verified without a network and without the weights.

The entrant signs the checkpoint's folder (`python -m model_signing sign key FOLDER --private_key KEY --signature
entries/mine/model.sig`), a file for each part, named by its role. What is signed is the list of the folder's files with
their SHA-256; from it follows the hash by which the run's identity names its weights. The signature is an in-toto
statement in a DSSE envelope (https://github.com/secure-systems-lab/dsse), which `cryptography` alone verifies. It shows
whose weights are meant, and not that they gave the answers.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightscale.harness.evaluation import name_weights
from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry import MANIFEST, OPTIONAL, WEIGHTS_SIGNED, Submission, UnreadableFile, read_json
from sightscale.leaderboards.verification.checks.provenance import find_digests
from sightscale.leaderboards.verification.checks.signature import EXTRA
from sightscale.leaderboards.verification.issues import Issue, error, note, warning
from sightscale.tasks.errors import UserError, blaming

PREDICATE = "https://model_signing/signature/v1.0"
PAYLOAD = "application/vnd.in-toto+json"
KEYS = (".pem", ".pub", ".crt", ".cer")  # names of files that hold a public key or a certificate
MOST_FILES = 20_000  # of one checkpoint
LONGEST_KEY = 20_000  # bytes


@dataclass(frozen=True)
class _Signed:
    """A signature: the bytes that are signed, and the files that they name, with their SHA-256."""

    message: bytes
    signature: bytes
    files: dict[str, str]


def check_weights(submission: Submission, keys: Path | None) -> Iterator[Issue]:
    """Signatures of weights in the entry's folder: of other weights than the run's, or by none of the `keys`.

    `keys` is a folder of public keys and certificates, in PEM; without it nobody is known to have signed.

    Raises UserError for a folder of keys that is none.
    """
    manifest = submission.manifest
    for role, file in WEIGHTS_SIGNED.items():
        path, part = submission.folder / file, manifest.parts.get(role)
        if not path.is_file():
            if part is not None and keys is not None:
                yield warning(MANIFEST, f"parts.{role}", "nobody signed these weights, and keys are given")
            continue
        if part is None:
            yield error(file, "signature", f"the run has no {role} whose weights could be signed")
            continue
        try:
            signed = _read_signed(path)
        except UnreadableFile as problem:
            yield error(file, "signature", f"it isn't valid: {problem.reason}")
            continue
        named, hashes = find_digests(part.name, manifest), name_weights(signed.files)
        if not set(named) & set(hashes):
            theirs = show_value(named[0]) if named else "no hash"
            yield error(file, "signature", f"the weights that are signed are {hashes[0]}, and the run names {theirs}")
        elif keys is None:
            yield note(file, "signature", "it is of the run's weights; whose it is needs --model-keys")
        else:
            yield _name_signer(file, signed, keys)


def check_model_keys(keys: Path) -> None:
    """Raise UserError for a folder of keys that verification can't use: none in it, none that it reads, no library."""
    try:
        list(_load_keys(keys))
    except ImportError as problem:
        raise UserError(f"keys can't be read here: {EXTRA}") from problem


def _name_signer(file: str, signed: _Signed, keys: Path) -> Issue:
    """Whose key signed it, as a note; an error where none of the keys did."""
    try:
        signer = _find_signer(signed, keys)
    except ImportError:
        return warning(file, "signature", f"there is one, and it can't be verified here: {EXTRA}")
    if signer is None:
        return error(file, "signature", f"it is signed with none of the keys in {show_value(keys.name)}")
    count = f"{len(signed.files):,} files"
    return note(file, "signature", f"the run's weights are signed with {show_value(signer)}: {count}")


def _find_signer(signed: _Signed, keys: Path) -> str | None:
    """The name of the key's file; None where no key there verifies the signature."""
    from cryptography.exceptions import InvalidSignature

    for name, key, algorithm in _load_keys(keys):
        try:
            key.verify(signed.signature, signed.message, algorithm)
        except InvalidSignature:
            continue
        return name
    return None


def _load_keys(keys: Path) -> Iterator[tuple[str, Any, Any]]:
    """Each file's name, its key, and how that signs. A certificate is trusted for its key, whoever vouches for it."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from cryptography.x509 import load_pem_x509_certificate

    known: dict[int, Any] = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
    for path in _list_keys(keys):
        with blaming(path, "read"), path.open("rb") as opened:
            text = opened.read(LONGEST_KEY)
        try:
            certified = b"BEGIN CERTIFICATE" in text
            key = load_pem_x509_certificate(text).public_key() if certified else load_pem_public_key(text)
        except (ValueError, UnsupportedAlgorithm) as problem:
            raise UserError(f"{path} holds no public key and no certificate in PEM") from problem
        if not isinstance(key, EllipticCurvePublicKey) or key.key_size not in known:
            raise UserError(f"{path} holds another key than model-signing signs with: P-256, P-384 or P-521")
        yield path.name, key, ECDSA(known[key.key_size])


def _list_keys(keys: Path) -> list[Path]:
    """The files of keys in a folder. Raises UserError where there are none."""
    files = sorted(path for path in keys.iterdir() if path.suffix in KEYS) if keys.is_dir() else []
    if not files:
        raise UserError(f"{keys} is no folder of public keys or certificates ({', '.join(KEYS)})")
    return files


def _read_signed(path: Path) -> _Signed:
    """A signature as model-signing writes it. Raises UnreadableFile with the reason."""
    fields = read_json(path, OPTIONAL[path.name])
    try:
        envelope = fields["dsseEnvelope"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        (made,) = envelope["signatures"]
        signature = base64.b64decode(made["sig"], validate=True)
        kind = envelope["payloadType"]
        statement = json.loads(payload)
        (subject,) = statement["subject"]
        predicate = statement["predicate"]
        if (kind, statement["predicateType"]) != (PAYLOAD, PREDICATE):
            raise ValueError("it isn't model-signing's own statement")
        if predicate["serialization"]["method"] != "files":
            raise ValueError("it is of parts of files; sign whole files, as model-signing does unless told otherwise")
        files = _read_files(predicate["resources"], subject["digest"]["sha256"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error) as problem:
        reason = f"it lacks {problem}" if isinstance(problem, KeyError) else str(problem) or type(problem).__name__
        raise UnreadableFile(path.name, show_value(reason)) from problem
    head = f"DSSEv1 {len(kind.encode())} {kind} {len(payload)} ".encode()
    return _Signed(head + payload, signature, files)


def _read_files(resources: Any, root: Any) -> dict[str, str]:
    """The files with their SHA-256, whose own SHA-256 together is `root`. Raises ValueError or KeyError."""
    files: dict[str, str] = {}
    digest = hashlib.sha256()
    for resource in resources[:MOST_FILES]:
        name, made = resource["name"], resource["digest"]
        if resource["algorithm"] != "sha256" or not re.fullmatch(r"[0-9a-f]{64}", made):
            raise ValueError(f"{show_value(name)} has no SHA-256")
        if not isinstance(name, str) or name in files:
            raise ValueError(f"{show_value(name)} stands twice or is no name")
        files[name] = made
        digest.update(bytes.fromhex(made))
    if len(resources) > MOST_FILES or digest.hexdigest() != root:
        raise ValueError("its list of files isn't whole")
    return files
