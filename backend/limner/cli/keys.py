# SPDX-License-Identifier: Apache-2.0
"""`limner keys`: who may use a backend on another computer, and how to connect to one."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from limner.cli.failures import Failure

app = typer.Typer(
    help="Share a backend with other computers: CURVE keys, the list of those allowed, invitations.",
    no_args_is_help=True,
)

Folder = Annotated[
    Path | None,
    typer.Option("--public-key-dir", metavar="DIR", help="Where the allowed keys lie. Default: in Limner's home."),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is, such as anna-laptop.")]


def _folder(chosen: Path | None) -> Path:
    """The folder of the allowed keys."""
    from limner.wire.connection import home

    return chosen or home() / "allowed-keys"


@app.command()
def make() -> None:
    """Show this computer's public key. The pair is made at the first call; its secret half stays here."""
    import zmq

    from limner.wire.remote import KeyPair, read_key, write_key

    pair = read_key()
    if pair is None:
        public, secret = zmq.curve_keypair()
        pair = KeyPair(public.decode("ascii"), secret.decode("ascii"))
        write_key(pair)
    print(pair.public_key)


@app.command(context_settings={"ignore_unknown_options": True})  # a key may begin with a minus sign
def allow(
    name: Name,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The public key that 'limner keys make' showed there.")],
    public_key_dir: Folder = None,
) -> None:
    """Let the computer with this public key use the backend of this one."""
    from limner.server import allowlist

    folder = _folder(public_key_dir)
    print(f"{allowlist.allow(folder, name, key)} lets {name} in.")


@app.command(name="list")
def list_keys(public_key_dir: Folder = None) -> None:
    """List the computers that may use the backend of this one."""
    import zmq.auth

    found = sorted(_folder(public_key_dir).glob("*.key"))
    for path in found:
        print(f"{zmq.auth.load_certificate(path)[0].decode('ascii', 'replace')}  {path.stem}")
    if not found:
        print("No key is allowed.")


@app.command()
def revoke(name: Name, public_key_dir: Folder = None) -> None:
    """Take a computer off the list; its connection ends within seconds."""
    from limner.server import allowlist

    allowlist.revoke(_folder(public_key_dir), name)
    print(f"{name} is not let in any more.")


@app.command()
def invite(
    endpoint: Annotated[
        str, typer.Argument(metavar="tcp://HOST:PORT", help="Where the other computers reach this backend.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The invitation to write.")],
) -> None:
    """Write an invitation to the backend of this computer: its address, public key and token."""
    from limner.client.transports.base import parse_tcp
    from limner.server.keys import server_keys
    from limner.wire.connection import write_atomically
    from limner.wire.remote import RemoteBackend

    parse_tcp(endpoint)
    if not output.parent.is_dir():
        raise Failure(f"{output} cannot be written: there is no folder {output.parent}.", "Make the folder first.")
    keys = server_keys()
    write_atomically(output, json.dumps(asdict(RemoteBackend(endpoint, keys.public, keys.token)), indent=2) + "\n")
    print(f"{output} is ready. It holds a secret: give it only to those whose keys are allowed.")


@app.command()
def connect(
    invitation: Annotated[Path, typer.Argument(metavar="FILE", help="What 'limner keys invite' wrote there.")],
) -> None:
    """Use the backend of another computer from now on."""
    from limner.wire.remote import RemoteBackend, parse_file, read_json, write_remote

    value = read_json(invitation, "Ask for a new invitation.")
    if value is None:
        raise Failure(f"There is no file {invitation}.", "Check the path.")
    remote = parse_file(RemoteBackend.from_map, value, invitation)
    write_remote(remote)
    print(f"Limner now works with {remote.endpoint}. 'limner status' tells whether it lets this computer in, which has")
    print("the public key:")
    make()
    if os.environ.get("LIMNER_ENDPOINT"):
        print("But LIMNER_ENDPOINT is set here, and wins.")


@app.command()
def disconnect() -> None:
    """Use this computer's own backend again."""
    from limner.wire.remote import remote_path

    try:
        remote_path().unlink()
    except FileNotFoundError:
        print("Limner works with this computer's own backend already.")
    else:
        print("Limner works with this computer's own backend again.")
