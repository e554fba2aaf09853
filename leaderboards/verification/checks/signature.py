"""Signature: who signed an entry's hashes with sigstore, verified without a network.

The entrant signs `hashes.json`, which names the other files' hashes, by `python -m sigstore sign hashes.json`; the
bundle that it writes beside it may lie in the entry's folder. A signature shows who sent the entry, and nothing of its
scores.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry import HASHES, SIGNATURE
from sightscale.leaderboards.verification.issues import Issue, error, note, warning

EXTRA = "pip install sightscale[signatures]"


@dataclass(frozen=True)
class Signature:
    """What there is to say of an entry's signature: who signed, or why nobody is known to have, and an issue of it."""

    signer: str = ""
    words: str = "none"
    issue: Issue | None = None


def check_signature(folder: Path, asked: bool = False) -> Signature:
    """The signature of the entry in a folder; where signatures are `asked` for, an entry without one gets a warning."""
    if not (folder / SIGNATURE).is_file():
        issue = warning(HASHES, "signature", "there is none, and signatures are asked for") if asked else None
        return Signature(issue=issue)
    if find_spec("sigstore") is None:
        reason = f"there is one, and it can't be verified here: {EXTRA}"
        return Signature(words=reason, issue=(warning if asked else note)(SIGNATURE, "signature", reason))
    try:
        signer = read_signer((folder / HASHES).read_bytes(), (folder / SIGNATURE).read_bytes())
    except (ValueError, OSError) as problem:
        reason = f"it isn't valid: {show_value(str(problem))}"
        return Signature(words=reason, issue=error(SIGNATURE, "signature", reason))
    return Signature(signer, f"signed by {signer}")


def read_signer(signed: bytes, bundle: bytes, staging: bool = False) -> str:
    """Who signed these bytes, with who vouches for the name. Raises ValueError for a bundle that isn't theirs.

    `staging` takes sigstore's test instance for its real one. The roots of trust are those that the package carries.
    """
    from cryptography.x509 import RFC822Name, SubjectAlternativeName, UniformResourceIdentifier
    from sigstore.errors import Error, VerificationError
    from sigstore.models import Bundle
    from sigstore.verify import Verifier

    try:
        read = Bundle.from_json(bundle)
        verifier = Verifier.staging(offline=True) if staging else Verifier.production(offline=True)
        verifier.verify_artifact(signed, read, _Anyone())
    except (Error, VerificationError, KeyError, TypeError, AttributeError) as problem:  # of bundles that hold anything
        raise ValueError(str(problem).splitlines()[0] if str(problem) else type(problem).__name__) from problem
    extensions = read.signing_certificate.extensions
    names = extensions.get_extension_for_class(SubjectAlternativeName).value
    kinds: tuple[Any, ...] = (RFC822Name, UniformResourceIdentifier)
    known = [show_value(name) for kind in kinds for name in names.get_values_for_type(kind)]
    issuers = [one.value.value for one in extensions if one.oid.dotted_string == "1.3.6.1.4.1.57264.1.1"]
    vouched = f", by {show_value(issuers[0].decode('utf-8', 'replace'))}" if issuers else ""
    return f"{', '.join(known) or 'somebody without a name'}{vouched}"


class _Anyone:
    """Takes any signer: the reader is told who it was."""

    def verify(self, cert: Any) -> None:
        """Nothing more is asked of the certificate than that the chain of trust holds."""
