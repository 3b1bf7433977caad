//! What `quadzero export` prints, exactly: the files under `tests/export/`, one for each export and format. `BLESS=1 cargo
//! test -p quadzero --test export` writes them anew: read the difference. That other people's parsers take these files is
//! what `tests/export/run` shows.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The formats, and how their files end.
const FORMATS: [(&str, &str); 5] =
    [("az", "sh"), ("powershell", "ps1"), ("terraform", "tf"), ("bicep", "bicep"), ("arm", "json")];

/// The files, the edge's configuration from here, and what else stands on the command line.
const EXPORTS: [(&str, &str, &str); 11] = [
    (
        "udr",
        "../../config/vpn-active-standby.toml",
        "udr -g rg-network --vnet hub --subnet workload --subnet build",
    ),
    (
        "udr-existing",
        "../../config/expressroute-pair.toml",
        "udr -g rg-network --location westeurope --route-table rt-workload --existing",
    ),
    (
        "udr-opt-out",
        "tests/export/carved.toml",
        "udr -g rg-network --all --opt-out --vnet hub --subnet build",
    ),
    (
        "gateway",
        "../../config/vpn-active-standby.toml",
        "gateway -g rg-network --gateway vgw-hub --edge-public-ip 203.0.113.9",
    ),
    (
        "gateway-apipa",
        "../../config/vpn-active-active-apipa.toml",
        "gateway -g rg-network --location westeurope --gateway vgw-hub --edge-public-ip 203.0.113.9 \
         --local-address-prefix 10.50.0.0/15 --local-address-prefix 10.52.0.0/16",
    ),
    (
        "gateway-expressroute",
        "../../config/expressroute-pair.toml",
        "gateway -g rg-network --circuit er-home --vlan-id 100",
    ),
    (
        "forced-by-bgp",
        "../../config/vpn-active-standby.toml",
        "forced-tunneling -g rg-network --gateway vgw-hub",
    ),
    (
        "forced-by-default-site",
        "../../config/vpn-active-standby.toml",
        "forced-tunneling -g rg-network --way default-site --gateway vgw-hub",
    ),
    (
        "forced-by-udr",
        "tests/export/carved.toml",
        "forced-tunneling -g rg-network --way udr --vnet hub --subnet workload",
    ),
    // Every resource at once, out of a file whose names are hostile, in a group whose name is legal and odd.
    (
        "hostile",
        "tests/export/hostile.toml",
        "gateway -g -(Größe)_1.b- --gateway vgw_ --edge-public-ip 203.0.113.9 --circuit er.home --vlan-id 4094 \
         --route-server rs",
    ),
    (
        "hostile-udr",
        "tests/export/hostile.toml",
        "udr -g -(Größe)_1.b- --all --opt-out --existing --route-table 0_ --vnet hub --subnet a_ --subnet b",
    ),
];

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn export(config: &str, arguments: &str, format: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quadzero"));
    command.arg("export").args(arguments.split_whitespace()).arg("-c").arg(here(config));
    command.args(["--format", format]).env_remove("RUST_LOG").stdin(Stdio::null()).output().unwrap()
}

fn exported(config: &str, arguments: &str, format: &str) -> String {
    let output = export(config, arguments, format);
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(config: &str, arguments: &str) -> String {
    let output = export(config, arguments, "az");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]), "{arguments}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn every_export_in_every_format_is_as_it_is_written_down() {
    let mut wrong = Vec::new();
    for (name, config, arguments) in EXPORTS {
        for (format, ending) in FORMATS {
            let golden = here(&format!("tests/export/{name}.{ending}"));
            let text = exported(config, arguments, format);
            if std::env::var_os("BLESS").is_some() {
                fs::write(&golden, &text).unwrap();
            }
            if fs::read_to_string(&golden).ok().as_ref() != Some(&text) {
                wrong.push(golden);
            }
        }
    }
    assert_eq!(wrong, Vec::<PathBuf>::new());
    // And no file lies there that nothing is compared with.
    let files = fs::read_dir(here("tests/export")).unwrap().map(|entry| entry.unwrap().path());
    let compared = files.filter(|path| path.extension().is_some_and(|ending| ending != "toml"));
    assert_eq!(compared.count(), EXPORTS.len() * FORMATS.len());
}

#[test]
fn keys_are_in_no_export() {
    let (_, config, arguments) = EXPORTS[9];
    assert!(arguments.contains("--circuit"));
    let file = fs::read_to_string(here(config)).unwrap();
    assert!(file.contains("hunter2"));
    for (format, _) in FORMATS {
        let text = exported(config, arguments, format);
        assert!(!text.contains("hunter2"), "{text}");
        // That there is one is known all the same: both are asked for.
        let asked = text.to_lowercase().replace('_', "");
        assert!(asked.contains("md5key") && asked.contains("sharedkey"), "{text}");
    }
}

/// With a stand-in for Azure's command line that tells its arguments apart.
#[test]
fn a_shell_passes_every_argument_on_as_it_is_and_runs_nothing_else() {
    for (name, config, arguments) in EXPORTS.iter().filter(|(name, ..)| name.starts_with("hostile")) {
        let script = exported(config, arguments, "az");
        let stand_in = "az() { printf '%s\\0' \"$@\"; printf '\\n\\0'; }\n";
        for shell in ["bash", "sh"] {
            // No PATH: whatever is not the shell's own fails.
            let mut command = Command::new(format!("/bin/{shell}"));
            command.args(["-c", &format!("{stand_in}{script}")]).env_clear().env("PATH", "/nowhere");
            command.env("SHARED_KEY", "a 'key' $(id)").env("MD5_KEY", "`id`");
            let output = command.output().unwrap();
            let (told, error) =
                (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
            assert!(output.status.success() && error.is_empty(), "{name}: {error}");
            let calls: Vec<Vec<&str>> = told
                .trim_end_matches("\n\0")
                .split("\n\0")
                .map(|call| call.split_terminator('\0').collect())
                .collect();
            assert_eq!(calls.len(), script.lines().filter(|line| line.starts_with("az ")).count());
            let group =
                |call: &Vec<&str>| call.contains(&"--resource-group=-(Größe)_1.b-") && call[0] == "network";
            assert!(calls.iter().all(group), "{calls:?}");
            let keys =
                calls.concat().iter().filter(|word| word.contains("key=")).copied().collect::<Vec<_>>();
            let expected: &[&str] = &["--shared-key=a 'key' $(id)", "--shared-key=`id`"];
            assert_eq!(keys, if *name == "hostile" { expected } else { &[] });
        }
    }
}

#[test]
fn names_that_azure_does_not_take_are_refused_at_the_command_line() {
    let standby = "../../config/vpn-active-standby.toml";
    for name in ["", "-rf", "a b", "a'b", "$(id)", "`id`", "a\nb", "ä", "a/b", "a-", "a\u{2019}b", "../x"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quadzero"));
        let table = format!("--route-table={name}");
        command.args(["export", "udr", "--format", "az", "-g", "rg", &table, "-c"]).arg(here(standby));
        let output = command.output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]), "{name:?}");
        assert!(error.contains("--route-table"), "{error}");
    }
    for wrong in [
        "udr -g a;b",
        "udr -g rg. ",
        "udr -g rg --location West",
        "gateway -g rg --gateway gw --edge-public-ip 10.0.0.1",
        "gateway -g rg --gateway gw --edge-public-ip 203.0.113.9 --local-address-prefix 10.50.0.1/15",
        "gateway -g rg --circuit er --vlan-id 4095",
        "forced-tunneling -g rg --way default-site",
    ] {
        refused(standby, wrong);
    }
}

#[test]
fn what_cannot_be_exported_says_why_and_exits_2() {
    let (standby, carved) =
        ("../../config/vpn-active-standby.toml", "../../config/vpn-active-active-apipa.toml");
    let circuit = "../../config/expressroute-pair.toml";
    for (config, arguments, words) in [
        (carved, "udr -g rg", "no exception of this file needs a route table"),
        (standby, "gateway -g rg", "--gateway is needed"),
        (standby, "gateway -g rg --gateway gw", "--edge-public-ip is needed"),
        (standby, "gateway -g rg --neighbor nobody", "no neighbor is called \"nobody\""),
        (circuit, "gateway -g rg --circuit er --vlan-id 1 --neighbor primary", "the file has 1 neighbors"),
        (circuit, "forced-tunneling -g rg --way udr", "only BGP does it there"),
        (standby, "forced-tunneling -g rg --vnet hub --subnet workload", "--vnet has no effect this way"),
        (
            standby,
            "forced-tunneling -g rg --way udr --vnet hub --subnet GatewaySubnet",
            "must not be given to GatewaySubnet",
        ),
        ("tests/check/five-mistakes.toml", "udr -g rg", "error: "),
    ] {
        let error = refused(config, arguments);
        assert!(error.starts_with("error: ") && error.contains(words), "{error}");
    }
}
