#!/usr/bin/env python3
"""Turns the bench's JSON description of a speaker (stdin) into quadzero's configuration (stdout)."""
import json
import sys


def config(spec):
    if spec["accept_routes"]:
        raise ValueError("quadzero is an edge: it passes no routes from one neighbor to another")
    quote = json.dumps  # a JSON string or list of strings is a TOML one
    lines = [
        "[bgp]",
        f"asn = {spec['local_as']}",
        f"router-id = {quote(spec['router_id'])}",
        f"listen = [{quote('{local_address}:{port}'.format(**spec))}]",
        "[neighbor-defaults]",
        f"local-address = {quote(spec['local_address'])}",
        f"hold-time = {spec['hold_time']}",
        f"mode = {quote('active' if spec['active'] else 'passive')}",
    ]
    if spec["originate"]:
        lines += ["[[originate]]", f"prefixes = {quote(spec['originate'])}"]
    for i, neighbor in enumerate(spec["neighbors"]):
        lines += ["[[neighbor]]", f'name = "n{i}"', f"address = {quote(neighbor['address'])}", f"remote-as = {neighbor['as']}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(config(json.load(sys.stdin)))
