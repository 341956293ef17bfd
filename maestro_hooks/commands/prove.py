"""``maestro prove ID``: disclose a leaf of a sealed manifest with its inclusion proof, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_hooks.errors import ExitCode, UsageError
from maestro_hooks.evidence.disclosure import encode_disclosures
from maestro_hooks.project.files import write_atomic
from maestro_hooks.project.repository import Repository
from maestro_hooks.render import emit
from maestro_hooks.sealing.store import latest, load_sealed

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from maestro_hooks.evidence.leafset import LeafSet


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("ids", nargs="+", metavar="ID", help="obligation to disclose, such as pytest/failed")
    parser.add_argument("--manifest", metavar="SHA256", help="which sealed manifest (default: the one sealed last)")
    parser.add_argument("--output", "-o", metavar="FILE", type=Path, help="write the leaf file here")


def run(args: Namespace) -> ExitCode:
    """Print the leaf file, or write it to ``--output``."""
    root = Repository.find(args.root).root
    name = args.manifest or latest(root)
    sealed = load_sealed(root, name)
    ids = list(dict.fromkeys(args.ids))
    for leaf_id in ids:
        _check_known(sealed.leaves, leaf_id)
    data = encode_disclosures([sealed.leaves.disclose(leaf_id) for leaf_id in ids])
    if args.output is not None:
        try:
            write_atomic(args.output, data)
        except OSError as error:
            raise UsageError(f"cannot write: {error.strerror}", where=str(args.output)) from error
    payload = {
        "schema": "maestro.prove/1",
        "ok": True,
        "manifest": {"sha256": name},
        "ids": ids,
        "output": None if args.output is None else str(args.output),
        "leaves": json.loads(data),
    }
    written = f"{len(ids)} of {sealed.manifest.size} leaves of manifest {name[:12]} disclosed in {args.output}"
    emit(payload, [data.decode() if args.output is None else written], as_json=args.json)
    return ExitCode.OK


def _check_known(leaves: LeafSet, leaf_id: str) -> None:
    from difflib import get_close_matches  # noqa: PLC0415 - only when a name is wrong

    try:
        leaves.index(leaf_id)
    except KeyError:
        close = get_close_matches(leaf_id, leaves.ids[:20_000], n=3, cutoff=0.4)
        fix = f"did you mean {' or '.join(close)}?" if close else "'maestro ledger show' lists the obligations"
        raise UsageError(f"no obligation {leaf_id!r} was sealed", where="maestro prove", fix=fix) from None
