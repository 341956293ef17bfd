"""``maestro log init|append|verify|serve-dir|witness|add-witness|gc|page``.

Invariant: ``verify`` needs no private key and opens no connection; ``append`` and ``init`` alone write to a log.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_hooks.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable
    from http.server import ThreadingHTTPServer

ACTIONS = ("init", "append", "verify", "serve-dir", "witness", "add-witness", "gc", "page")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("action", choices=ACTIONS, help="what to do")
    parser.add_argument(
        "directory", nargs="?", type=Path, help="the log's directory; for witness: where it keeps state"
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="append: one entry each, in one batch")
    parser.add_argument("--origin", metavar="NAME", help="init: the log's name, a URL without its scheme")
    parser.add_argument("--name", help="witness: its name; add-witness needs none, the key carries it")
    parser.add_argument(
        "--alg", choices=("ed25519", "ml-dsa-44"), default="ed25519", help="witness: what a new key signs with"
    )
    parser.add_argument("--vkey", metavar="KEY", help="add-witness: what 'maestro log witness' printed")
    parser.add_argument("--quorum", type=int, default=1, metavar="N", help="add-witness: cosignatures to demand (1)")
    parser.add_argument("--host", default="127.0.0.1", help="serve-dir, witness: address to listen on")
    parser.add_argument("--port", type=int, default=0, help="serve-dir, witness: port (default: any free one)")


def run(args: Namespace) -> ExitCode:
    """Do what ``action`` says; 0 done, 2 usage, 3 somebody else is writing, 4 the log is not sound."""
    from maestro_hooks.project.repository import Repository  # noqa: PLC0415 - loaded when used
    from maestro_hooks.render import emit  # noqa: PLC0415

    if args.directory is None and args.action != "add-witness":
        raise UsageError("which directory?", where=f"maestro log {args.action}", fix="name the log's directory")
    root = Repository.find(args.root).root
    actions: dict[str, Callable[[Namespace, Path], dict[str, object]]] = {
        "init": _init,
        "append": _append,
        "verify": _verify,
        "serve-dir": _serve,
        "witness": _witness,
        "add-witness": _add_witness,
        "gc": _gc,
        "page": _page,
    }
    found = actions[args.action](args, root)
    words = [f"{name}: {value}" for name, value in found.items()]
    emit({"schema": "maestro.log/1", "ok": True, "action": args.action, **found}, words, as_json=args.json)
    return ExitCode.OK


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _passphrase() -> bytes | None:
    from maestro_hooks.sealing.keys import PASSPHRASE_VARIABLE  # noqa: PLC0415

    given = os.environ.get(PASSPHRASE_VARIABLE)
    return given.encode() if given else None


def _init(args: Namespace, root: Path) -> dict[str, object]:
    from maestro_hooks.evidence import note, signature  # noqa: PLC0415
    from maestro_hooks.sealing import keys  # noqa: PLC0415
    from maestro_hooks.sealing.signers import keys_home  # noqa: PLC0415
    from maestro_seal.disk import Disk  # noqa: PLC0415
    from maestro_seal.writer import LogWriter  # noqa: PLC0415

    if not args.origin:
        raise UsageError("the log needs a name", where="maestro log init", fix="give --origin example.org/releases")
    home = keys_home(root)
    if keys.load_trust(home).trust.log != args.origin:  # else an earlier init stopped after the trust file
        keys.add_log(home, args.origin, now=_now(), passphrase=_passphrase())
    origin, key = keys.log_key(home, now=_now(), environ=os.environ)
    with LogWriter.create(Disk(args.directory), origin, key) as writer:
        return {
            "log": str(args.directory),
            "size": writer.head.size,
            "vkey": note.vkey(origin, note.ED25519, signature.public_of(key)),
            "trust": str(keys.trust_path(home)),
        }


def _append(args: Namespace, root: Path) -> dict[str, object]:
    from maestro_hooks.sealing import keys  # noqa: PLC0415
    from maestro_hooks.sealing.signers import keys_home  # noqa: PLC0415
    from maestro_seal.disk import Disk  # noqa: PLC0415
    from maestro_seal.writer import LogWriter  # noqa: PLC0415

    if not args.files:
        raise UsageError("nothing to append", where="maestro log append", fix="name a file for each entry")
    try:
        entries = [path.read_bytes() for path in args.files]
    except OSError as error:
        raise UsageError(f"cannot read: {error.strerror}", where=str(error.filename)) from error
    origin, key = keys.log_key(keys_home(root), now=_now(), environ=os.environ)
    with LogWriter(Disk(args.directory), origin, key) as writer:
        return {"first": writer.append(entries), "size": writer.head.size, "root": writer.head.root.hex()}


def _verify(args: Namespace, root: Path) -> dict[str, object]:
    from maestro_hooks.evidence.trust import check_trust  # noqa: PLC0415
    from maestro_hooks.sealing import keys  # noqa: PLC0415
    from maestro_hooks.sealing.signers import keys_home  # noqa: PLC0415
    from maestro_seal.audit import audit  # noqa: PLC0415
    from maestro_seal.disk import Disk  # noqa: PLC0415

    trust = check_trust(keys.load_trust(keys_home(root)), now=_now())
    log_keys = trust.of_role("log")
    if not log_keys:
        raise UsageError("the trust file names no log", where="trust.json", fix="run 'maestro log init'")
    found = audit(Disk(args.directory), trust.log, log_keys[-1].public)
    return {"origin": trust.log, "size": found.head.size, "root": found.head.root.hex(), "heads": found.heads}


def _gc(args: Namespace, root: Path) -> dict[str, object]:
    from maestro_hooks.sealing import keys  # noqa: PLC0415
    from maestro_hooks.sealing.signers import keys_home  # noqa: PLC0415
    from maestro_seal.disk import Disk  # noqa: PLC0415
    from maestro_seal.sweeping import sweep  # noqa: PLC0415
    from maestro_seal.writer import LogWriter  # noqa: PLC0415

    origin, key = keys.log_key(keys_home(root), now=_now(), environ=os.environ)
    disk = Disk(args.directory)
    with LogWriter(disk, origin, key) as writer:
        return {"removed": sweep(disk, writer.head.size)}


def _serve(args: Namespace, _root: Path) -> dict[str, object]:
    from maestro_seal.disk import Disk  # noqa: PLC0415
    from maestro_seal.serving import log_server  # noqa: PLC0415
    from maestro_seal.writer import CHECKPOINT  # noqa: PLC0415

    disk = Disk(args.directory)
    if not disk.exists(CHECKPOINT):
        raise UsageError("there is no log", where=str(args.directory), fix="run 'maestro log init'")
    return _run_server(log_server(disk, (args.host, args.port)))


def _witness(args: Namespace, root: Path) -> dict[str, object]:
    from maestro_hooks.evidence import note, signature  # noqa: PLC0415
    from maestro_hooks.sealing import keys  # noqa: PLC0415
    from maestro_hooks.sealing.signers import keys_home  # noqa: PLC0415
    from maestro_seal.serving import witness_server  # noqa: PLC0415
    from maestro_seal.witness import Witness  # noqa: PLC0415

    if not args.name:
        raise UsageError("the witness needs a name", where="maestro log witness", fix="give --name example.org/w1")
    trust = keys.load_trust(keys_home(root)).trust
    key = keys.stand_alone_key(args.directory / "witness.pem", alg=args.alg, passphrase=_passphrase())
    logs = {key.name: key.public for key in trust.of_role("log")}
    print_key = note.vkey(args.name, note.cosignature_kind(signature.public_of(key)), signature.public_of(key))
    witness = Witness(args.name, key, logs, args.directory)
    return {"vkey": print_key} | _run_server(
        witness_server(witness, (args.host, args.port)), first=f"vkey: {print_key}"
    )


def _add_witness(args: Namespace, root: Path) -> dict[str, object]:
    from maestro_hooks.evidence import note  # noqa: PLC0415
    from maestro_hooks.sealing import keys  # noqa: PLC0415
    from maestro_hooks.sealing.signers import keys_home  # noqa: PLC0415

    if not args.vkey:
        raise UsageError("which witness?", where="maestro log add-witness", fix="give --vkey, as the witness prints it")
    name, public = note.parse_vkey(args.vkey, kinds=note.COSIGNATURES.values())
    home = keys_home(root)
    trust = keys.add_witness(home, name, public, quorum=args.quorum, now=_now(), passphrase=_passphrase())
    return {"witness": name, "quorum": trust.quorum, "version": trust.version, "trust": str(keys.trust_path(home))}


def _page(args: Namespace, _root: Path) -> dict[str, object]:
    """Write the verifier page, to be shipped beside a release."""
    from hashlib import sha256  # noqa: PLC0415

    from maestro_hooks.project.files import write_atomic  # noqa: PLC0415

    data = (Path(__file__).parent / "page" / "verifier.html").read_bytes()
    try:
        write_atomic(args.directory, data)
    except OSError as error:
        raise UsageError(f"cannot write: {error.strerror}", where=str(args.directory)) from error
    return {"page": str(args.directory), "bytes": len(data), "sha256": sha256(data).hexdigest()}


def _run_server(server: ThreadingHTTPServer, *, first: str = "") -> dict[str, object]:
    """Serve until interrupted; the address is printed before the first request is answered."""
    import sys  # noqa: PLC0415

    host, port = server.server_address[:2]
    if isinstance(host, bytes):
        host = host.decode()
    sys.stderr.write(f"{first}\n" if first else "")
    sys.stderr.write(f"listening on http://{host}:{port}/\n")
    sys.stderr.flush()
    with server:
        server.serve_forever()
    return {"address": f"http://{host}:{port}/"}
