#!/usr/bin/env python3
"""The bench's own run.py with quadzero among its speakers; same arguments. `run` calls it.

An adapter rather than the bench's DUT_CMD: the shell of that takes 1 to 2 ms, of a start that takes less."""
import os
import sys

import run
from spec2conf import config


class Quadzero(run.Dut):
    name, binary, relays = "quadzero", os.environ["QUADZERO_BIN"], False

    def version(self):
        return run.ask(self.binary, "--version")

    def write(self, d, spec):
        (d / "quadzero.toml").write_text(config(spec.to_json()))

    def argv(self, d):
        return [self.binary, "run", "-c", d / "quadzero.toml"]


run.DUTS.append(Quadzero)
sys.exit(run.main())
