"""Starts an edge that dials nobody, scrapes it at a Unix socket, and reads what it says."""

import http.client
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

from prometheus_client.openmetrics.parser import text_string_to_metric_families

NAME = 'a "quoted" \\ name'
CONFIG = """
[bgp]
asn = 65010
router-id = "192.0.2.1"
listen = ["127.0.0.1:0"]
[metrics]
socket = "metrics.sock"
[control]
socket = "control.sock"
[audit]
file = "audit.jsonl"
[[probe]]
name = "line"
file = "line"
interval = "100ms"
fast-interval = "100ms"
[[originate]]
prefix = "0.0.0.0/0"
when = "line"
[[neighbor]]
name = 'a "quoted" \\ name'
address = "192.0.2.2"
remote-as = 65020
mode = "passive"
"""


class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.host)


def scrape(path):
    connection = Connection(str(path))
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    connection.request("GET", "/metrics", headers={"Host": "localhost", "Accept": accept})
    response = connection.getresponse()
    assert response.status == 200, response.status
    assert response.getheader("Content-Type").startswith("application/openmetrics-text"), response.getheaders()
    return response.read().decode()


def families(folder):
    """Once the probe has said something: until then there is less to read."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            found = {family.name: family for family in text_string_to_metric_families(scrape(folder / "metrics.sock"))}
            if "quadzero_probe_last_change_seconds" in found and found["quadzero_probe_up"].samples[0].value == 1:
                return found
        except (FileNotFoundError, ConnectionRefusedError):
            pass
        time.sleep(0.1)
    sys.exit("the edge was not there, or its probe not up, within a minute")


def check(found):
    kinds = {
        "quadzero_build": "info",
        "bgp_peer": "info",
        "bgp_peer_state": "gauge",
        "bgp_peer_messages_sent": "counter",
        "quadzero_reloads": "counter",
        "quadzero_audit_lost": "counter",
        "quadzero_withdraw_latency_seconds": "histogram",
    }
    for name, kind in kinds.items():
        assert found[name].type == kind, (name, found[name].type)
    for name, family in found.items():
        assert family.documentation and family.samples, name
        assert name.endswith("_seconds") == (family.unit == "seconds"), (name, family.unit)
    assert found["bgp_peer_state"].samples[0].labels == {"peer": "192.0.2.2", "neighbor": NAME}
    buckets = [s.value for s in found["quadzero_withdraw_latency_seconds"].samples if s.name.endswith("_bucket")]
    assert len(buckets) > 10, buckets


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "edge.toml").write_text(CONFIG)
        (folder / "line").write_text("")
        edge = subprocess.Popen([sys.argv[1], "run", "-c", folder / "edge.toml", "--log-level", "warn"])
        try:
            found = families(folder)
            check(found)
        finally:
            edge.terminate()
            edge.wait(30)
    print(f"{len(found)} families of metrics are OpenMetrics by prometheus_client's parser")


main()
