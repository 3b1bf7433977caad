//! An IKEv2 tunnel between two namespaces: strongSwan's charon at each end, with ESP in user space (kernel-libipsec), since a
//! kernel need not have it.
//!
//! Any-to-any selectors, as Azure wants them. For these the plugin puts a default route into a table of its own, and by that
//! the tunnel would swallow what carries it; so what charon itself sends has a mark, and the table is for everything else. What a
//! namespace forwards is not asked there: it has rules before.

use crate::hop::Hop;
use quadzero_tests::{PATIENCE, Process, installed, wait_until};
use std::path::Path;
use std::process::Command;

/// The TUN device that charon makes.
pub(crate) const DEVICE: &str = "ipsec0";

const CHARON: &str = "/usr/lib/ipsec/charon";

/// The plugin that brings ESP stands before the one that would ask the kernel for it.
const PLUGINS: &str = "random nonce openssl pem pkcs1 pubkey hmac sha1 sha2 aes kdf kernel-libipsec kernel-netlink \
                       socket-default vici updown";

/// What is asked for by name nowhere else, and the Debian packages that have it.
const NEEDED: [(&str, &str); 4] = [
    ("strongswan-charon", CHARON),
    ("strongswan-swanctl", "swanctl"),
    ("libcharon-extra-plugins", "/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so"),
    ("libstrongswan-standard-plugins", "/usr/lib/ipsec/plugins/libstrongswan-openssl.so"),
];

/// One end of a tunnel.
#[derive(Debug)]
pub(crate) struct End {
    _charon: Process,
}

impl End {
    /// Starts charon there, which will have a tunnel from `local` to `remote`, and waits for its device.
    pub(crate) fn start(hop: &Hop, local: &str, remote: &str) -> Self {
        let folder = hop.at.folder();
        let configuration = hop.at.write("strongswan.conf", &daemon(folder));
        hop.at.write("swanctl.conf", &connection(local, remote));
        let mut command = hop.at.command("util-linux", "unshare");
        // It has files in /run that every charon has: each gets a /run of its own, which goes with it.
        // And it comes first, as what the kernel does would: a tunnel is not to lose packets because the machine is busy.
        let own_run = format!("mount -t tmpfs none /run && exec nice -n -15 {CHARON}");
        command.args(["--mount", "sh", "-c", &own_run]).env("STRONGSWAN_CONF", configuration);
        NEEDED.iter().for_each(|(package, file)| drop(installed(package, Path::new(file))));
        let charon = Process::start(&hop.at, "charon", command);
        wait_until("charon has its device", PATIENCE, || hop.at.path("vici").exists() && has_device(hop));
        // What is lost here should be lost for a reason that the lab knows of.
        hop.at.ip(&["link", "set", DEVICE, "txqueuelen", "5000"]);
        wait_until("charon takes its connection", PATIENCE, || {
            tell(hop, &["--load-all", "--file", "swanctl.conf"])
        });
        Self { _charon: charon }
    }
}

/// Brings the tunnel up from here; the other end has started.
pub(crate) fn initiate(hop: &Hop) {
    wait_until("the tunnel is up", PATIENCE, || tell(hop, &["--initiate", "--child", "net"]));
}

fn has_device(hop: &Hop) -> bool {
    let mut ip = hop.at.command("iproute2", "ip");
    ip.args(["link", "show", DEVICE]).output().is_ok_and(|out| out.status.success())
}

/// An initiation that fails would wait for minutes.
fn tell(hop: &Hop, words: &[&str]) -> bool {
    let mut swanctl: Command = hop.at.command("coreutils", "timeout");
    let socket = format!("unix://{}", hop.at.path("vici").display());
    swanctl.current_dir(hop.at.folder()).args(["10", "swanctl"]).args(words).args(["--uri", &socket]);
    let swanctl = swanctl.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output();
    swanctl.expect("timeout runs").status.success()
}

fn daemon(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "charon {{
            load = {PLUGINS}
            filelog {{ stderr {{ default = 1 \n enc = 0 \n net = 0 }} }}
            plugins {{
                vici {{ socket = unix://{folder}/vici }}
                socket-default {{ fwmark = 0x42 }}
                kernel-netlink {{ fwmark = !0x42 }}
            }}
        }}"
    )
}

/// ESP in user space goes in UDP.
fn connection(local: &str, remote: &str) -> String {
    format!(
        "connections {{
            tunnel {{
                version = 2
                local_addrs = {local}
                remote_addrs = {remote}
                encap = yes
                proposals = aes256-sha256-modp2048
                local {{ auth = psk \n id = {local} }}
                remote {{ auth = psk \n id = {remote} }}
                children {{
                    net {{
                        local_ts = 0.0.0.0/0
                        remote_ts = 0.0.0.0/0
                        esp_proposals = aes256-sha256
                    }}
                }}
            }}
        }}
        secrets {{ ike {{ secret = ChangeThisSharedKey }} }}
        "
    )
}
