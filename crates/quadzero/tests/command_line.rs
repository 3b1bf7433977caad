//! The binary from outside: what goes where, and with which exit status.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may panic")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const KEEPALIVE: &str = "ffffffffffffffffffffffffffffffff001304";

fn quadzero(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quadzero"));
    command.args(arguments).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn check(options: &[&str], path: &str) -> (Option<i32>, String, String) {
    let path = here(path);
    let output = quadzero(&[&["check"], options, &[path.to_str().unwrap()]].concat());
    told(&output)
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_sound_file_tells_what_is_announced_to_whom_and_exits_0() {
    let (code, out, err) = check(&[], "../../config/lab.toml");
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains("azure-1 (10.1.0.5, AS 65515) is told 85 routes:"), "{out}");
    assert!(out.contains("in 84 prefixes that leave out kms"), "{out}");
}

#[test]
fn a_file_with_errors_tells_all_of_them_on_standard_error_and_exits_2() {
    let (code, out, err) = check(&[], "tests/check/five-mistakes.toml");
    assert_eq!((code, out.as_str()), (Some(2), ""));
    for line in [":4:13", ":11:10", ":16:1", ":18:13", ":19:24"] {
        assert!(err.contains(&format!("five-mistakes.toml{line}\n")), "{line} in {err}");
    }
    assert!(err.ends_with("five-mistakes.toml: 5 errors\n"), "{err}");
}

/// `$CREDENTIALS_DIRECTORY/NAME`, and no other variable.
#[test]
fn a_key_may_be_a_credential_of_systemd() {
    let folder = std::env::temp_dir().join(format!("quadzero-credentials-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("azure-0"), "secret").unwrap();
    let file = folder.join("edge.toml");
    let check = |path: &str, credentials: Option<&Path>| {
        let text = format!(
            "[bgp]\nasn = 65010\nrouter-id = \"192.0.2.1\"\n[[originate]]\nprefix = \"0.0.0.0/0\"\n\
             [[neighbor]]\naddress = \"192.0.2.2\"\nremote-as = 65020\npassword-file = \"{path}\"\n"
        );
        std::fs::write(&file, text).unwrap();
        let mut check = command(&["check", file.to_str().unwrap()]);
        check.env_remove("CREDENTIALS_DIRECTORY");
        credentials.map(|folder| check.env("CREDENTIALS_DIRECTORY", folder));
        told(&check.output().unwrap())
    };
    let (code, _, err) = check("$CREDENTIALS_DIRECTORY/azure-0", Some(&folder));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for (path, credentials, words) in [
        ("$CREDENTIALS_DIRECTORY/azure-0", None, "CREDENTIALS_DIRECTORY is not set: systemd sets it"),
        ("$CREDENTIALS_DIRECTORY/azure-1", Some(&*folder), "No such file or directory"),
        ("$CREDENTIALS_DIRECTORY/../azure-0", Some(&*folder), "the name of a credential follows"),
        ("$CREDENTIALS_DIRECTORY", Some(&*folder), "the name of a credential follows"),
        ("$HOME/azure-0", Some(&*folder), "No such file or directory"),
    ] {
        let (code, _, err) = check(path, credentials);
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains(words) && !err.contains("secret"), "{words} in {err}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn warnings_are_told_and_exit_0() {
    let (code, out, err) = check(&[], "tests/check/attraction.toml");
    assert_eq!(code, Some(0));
    assert!(err.starts_with("warning: mode announce pulls this traffic to on-premises"), "{err}");
    assert!(out.contains("no errors, 1 warning\n"), "{out}");
}

#[test]
fn explain_tells_the_reason_for_every_route() {
    let (code, out, _) = check(&["--explain"], "../../config/vpn-active-standby.toml");
    assert_eq!(code, Some(0));
    assert!(
        out.contains("20.118.99.224/32 (exception set \"kms\") is not announced: the set is in mode udr"),
        "{out}"
    );
    assert!(out.contains("--address-prefix 20.118.99.224/32 --next-hop-type Internet"), "{out}");
}

#[test]
fn json_is_one_document_with_the_lines_of_the_errors() {
    let (code, out, _) = check(&["--format", "json"], "tests/check/five-mistakes.toml");
    assert_eq!(code, Some(2));
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    let lines: Vec<_> =
        document["diagnostics"].as_array().unwrap().iter().map(|d| d["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [4, 11, 16, 18, 19]);
    assert_eq!(document["errors"], 5);

    let (_, out, _) = check(&["--format", "json", "-v"], "../../config/vpn-active-standby.toml");
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["neighbors"][0]["announced"], 2);
    assert_eq!(document["neighbors"][0]["decisions"][0]["prefix"], "0.0.0.0/0");
}

#[test]
fn json_tells_what_each_neighbor_is_told() {
    let (_, out, _) = check(&["--format", "json"], "../../config/vpn-active-active-apipa.toml");
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    let routes = |neighbor: usize| document["neighbors"][neighbor]["routes"].as_array().unwrap().clone();
    assert_eq!((routes(0).len(), document["neighbors"][0]["announced"].as_u64()), (85, Some(85)));
    let home = routes(1).into_iter().find(|route| route["prefix"] == "10.50.0.0/15").unwrap();
    let expected = serde_json::json!({
        "prefix": "10.50.0.0/15", "piece-of": null, "next-hop": "self", "origin": "igp", "as-path": "65010 65010 65010",
        "med": null, "local-preference": null, "only-to-customer": null, "communities": [], "extended-communities": [], "large-communities": [],
    });
    assert_eq!(home, expected);
    assert_eq!(routes(0).iter().filter(|route| route["piece-of"] == "0.0.0.0/0").count(), 84);
}

#[test]
fn a_file_that_is_not_there_exits_2_and_says_which() {
    for command in [&["check"][..], &["lab"], &["run", "-c"], &["azure", "-c"]] {
        let (code, out, err) = told(&quadzero(&[command, &["/no/such/file.toml"]].concat()));
        assert_eq!((code, out.as_str()), (Some(2), ""));
        assert!(err.starts_with("error: /no/such/file.toml: "), "{err}");
    }
}

#[test]
fn where_nobody_answers_nobody_is_healthy() {
    let cases = [
        (&["health", "--socket", "/no/such.sock"][..], "unhealthy: /no/such.sock: No such file"),
        (&["health", "edge", "--ready", "--socket", "/no/such.sock"], "unhealthy: /no/such.sock: "),
        (&["health", "azure", "--api-socket", "/no/such.sock"], "unhealthy: /no/such.sock: "),
    ];
    for (arguments, complaint) in cases {
        let (code, out, err) = told(&quadzero(arguments));
        assert_eq!((code, out.as_str()), (Some(1), ""));
        assert!(err.starts_with(complaint), "{err}");
    }
}

/// A pipe whose writer never comes must not hold it up: without an answer the test would not end.
#[test]
fn what_is_no_regular_file_exits_2_at_once() {
    let pipe = std::env::temp_dir().join(format!("quadzero-pipe-{}", std::process::id()));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let results = [pipe.to_str().unwrap(), "/dev/zero"]
        .map(|path| ["check", "lab"].map(|command| told(&quadzero(&[command, path]))));
    std::fs::remove_file(&pipe).unwrap();
    for (code, out, err) in results.into_iter().flatten() {
        assert_eq!((code, out.as_str()), (Some(2), ""));
        assert!(err.starts_with("error: ") && err.ends_with(": not a regular file\n"), "{err}");
    }
}

#[test]
fn run_and_azure_refuse_a_file_with_errors_as_check_does() {
    let (edge, gateway) = (here("tests/check/five-mistakes.toml"), here("tests/check/gateway.toml"));
    for (command, path) in [("run", edge), ("azure", gateway)] {
        let (code, _, err) = told(&quadzero(&[command, "-c", path.to_str().unwrap()]));
        assert_eq!(code, Some(2));
        assert!(err.starts_with("error: "), "{err}");
        assert!(err.contains("  = help: "), "{err}");
    }
}

#[test]
fn decode_puts_messages_into_words() {
    let (code, out, err) = told(&quadzero(&["decode", KEEPALIVE]));
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "KEEPALIVE\n", ""));
}

#[test]
fn decode_reads_standard_input() {
    let mut child = command(&["decode", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "0x{KEEPALIVE}\nFF:{}", &KEEPALIVE[2..]).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(told(&output), (Some(0), "KEEPALIVE\nKEEPALIVE\n".to_owned(), String::new()));
}

#[test]
fn decode_tells_where_octets_are_wrong_and_exits_1_and_where_the_text_is_and_exits_2() {
    let (code, _, err) = told(&quadzero(&["decode", &KEEPALIVE.replace("04", "ff")]));
    assert_eq!(code, Some(1));
    assert!(err.starts_with("error: octet 18: message type 255 is unknown"), "{err}");
    assert_eq!(told(&quadzero(&["decode", "xyz"])).0, Some(2));
    assert_eq!(told(&quadzero(&["decode"])).0, Some(2));
}

#[test]
fn a_two_octet_as_path_is_read_when_asked_for() {
    // ORIGIN IGP, AS_PATH 65010 in two octets, NEXT_HOP 192.0.2.1, 0.0.0.0/0 (RFC 4271 §4.3).
    let update =
        "ffffffffffffffffffffffffffffffff 002a 02 0000 0012 40010100 4002040201fdf2 400304c0000201 00";
    let (code, out, _) = told(&quadzero(&["decode", "--two-octet-as", update]));
    assert_eq!(code, Some(0));
    assert!(out.contains("65010") && out.contains("0.0.0.0/0"), "{out}");
    let (_, four, _) = told(&quadzero(&["decode", update]));
    assert!(!four.contains("65010"), "{four}");
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_in_silence() {
    let told_to_nobody = |arguments: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        told(
            &command(arguments)
                .stdout(writer)
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
                .wait_with_output()
                .unwrap(),
        )
    };
    let sigpipe = (Some(141), String::new(), String::new());
    assert_eq!(told_to_nobody(&["decode", KEEPALIVE]), sigpipe);
    assert_eq!(told_to_nobody(&["check", here("../../config/lab.toml").to_str().unwrap()]), sigpipe);
    let broken = here("tests/check/five-mistakes.toml");
    assert_eq!(told_to_nobody(&["check", "--format", "json", broken.to_str().unwrap()]).0, Some(2));
}

#[test]
fn a_shell_reads_the_completions() {
    let (code, script, _) = told(&quadzero(&["completions", "bash"]));
    assert_eq!(code, Some(0));
    let ask = format!(
        "{script}\nCOMP_WORDS=(quadzero undr) COMP_CWORD=1; _quadzero quadzero undr quadzero; echo $COMPREPLY"
    );
    let (_, completed, err) = told(&Command::new("bash").args(["-c", &ask]).output().unwrap());
    assert_eq!((completed.as_str(), err.as_str()), ("undrain\n", ""));
}

#[test]
fn schema_prints_one_for_each_kind_of_file() {
    for kind in ["edge", "gateway", "scenario"] {
        let (code, out, _) = told(&quadzero(&["schema", kind]));
        let committed =
            std::fs::read_to_string(here(&format!("../../config/schema/{kind}.schema.json"))).unwrap();
        assert!((code, out) == (Some(0), committed), "{kind}");
    }
}

#[test]
fn every_command_has_help_with_an_example() {
    for command in ["lab", "run", "check", "azure", "export", "decode", "schema", "completions"] {
        let (code, out, _) = told(&quadzero(&[command, "--help"]));
        let examples = out.split_once("Examples:").unwrap().1;
        assert_eq!(code, Some(0));
        assert!(
            examples.lines().any(|line| line.starts_with("  quadzero") && line.contains(command)),
            "{out}"
        );
    }
}

#[test]
fn a_log_level_that_is_no_filter_exits_2() {
    let (code, _, err) = told(&quadzero(&["--log-level", "a=b=c", "decode", KEEPALIVE]));
    assert_eq!(code, Some(2));
    assert!(err.contains("a=b=c"), "{err}");
}

#[test]
fn a_word_that_is_no_level_exits_2_and_the_levels_are_named() {
    for word in ["verbose", "info,verbose"] {
        let (code, _, err) = told(&quadzero(&["--log-level", word, "decode", KEEPALIVE]));
        assert_eq!(code, Some(2));
        assert!(err.contains("\"verbose\" is none of off, error, warn, info, debug, trace"), "{err}");
    }
    for sound in ["debug", "WARN", "off", "info,quadzero_fsm=trace"] {
        assert_eq!(told(&quadzero(&["--log-level", sound, "decode", KEEPALIVE])).0, Some(0), "{sound}");
    }
}

#[test]
fn logs_in_json_are_an_object_a_line() {
    let taken = std::net::TcpListener::bind("127.0.16.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let path = here("tests/check/attraction.toml");
    let text = std::fs::read_to_string(path)
        .unwrap()
        .replace("asn = 65010", &format!("asn = 65010\nlisten = [\"{address}\"]"))
        .replace("remote-as = 65515", "remote-as = 65515\nmode = \"passive\"");
    let file = std::env::temp_dir().join(format!("quadzero-{}.toml", std::process::id()));
    std::fs::write(&file, text).unwrap();
    // An address that is in use: the warning of the file is logged, and then it cannot start.
    let (code, _, err) = told(&quadzero(&["--log-format", "json", "run", "-c", file.to_str().unwrap()]));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(code, Some(1));
    let warning: serde_json::Value = serde_json::from_str(err.lines().next().unwrap()).unwrap();
    assert_eq!((warning["level"].as_str(), warning["line"].as_u64()), (Some("WARN"), Some(13)));
    let error = last_line(&err);
    assert_eq!(error["level"], "ERROR");
    assert!(error["message"].as_str().unwrap().starts_with(&format!("cannot listen on {address}")), "{err}");
}

fn last_line(err: &str) -> serde_json::Value {
    serde_json::from_str(err.lines().last().unwrap()).unwrap()
}

#[test]
fn with_logs_in_json_whatever_ends_it_is_an_object_too() {
    let (file, octets) = (here("tests/check/five-mistakes.toml"), KEEPALIVE.replace("04", "ff"));
    let cases: [(&[&str], i32, &str); 5] = [
        (&["run", "-c", "/no/such/file.toml"], 2, "/no/such/file.toml: "),
        (&["run", "-c", file.to_str().unwrap()], 2, "five-mistakes.toml:4:13\n"),
        (&["check", "--format", "json", file.to_str().unwrap()], 2, "five-mistakes.toml: 5 errors"),
        (&["decode", &octets], 1, "octet 18: "),
        (&["--log-level", "verbose", "decode", &octets], 2, "\"verbose\" is none of off"),
    ];
    for (arguments, status, words) in cases {
        let (code, _, err) = told(&quadzero(&[&["--log-format", "json"], arguments].concat()));
        let error = last_line(&err);
        assert_eq!((code, err.lines().count()), (Some(status), 1), "{err}");
        assert_eq!(error["level"], "ERROR");
        assert!(error["message"].as_str().unwrap().contains(words), "{err}");
    }
}
