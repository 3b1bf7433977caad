//! Each kind of look at something that works, and at something that does not, on this machine alone.

use super::*;
use domain::base::iana::Rcode;
use domain::base::{Message, MessageBuilder};
use domain::rdata::A;
use std::fs;
use std::net::Ipv4Addr;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::timeout;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// No look in here waits for as long.
const PATIENCE: Duration = Duration::from_secs(30);

async fn look(check: Check) -> Result<(), String> {
    look_from(check, Origin::default()).await
}

async fn look_from(check: Check, origin: Origin) -> Result<(), String> {
    let mut looker = Looker::new(check, origin);
    match timeout(PATIENCE, looker.look()).await.expect("it is answered") {
        Outcome::Passed => Ok(()),
        Outcome::Failed(why) | Outcome::Disabled(why) => Err(why.to_string()),
    }
}

fn tcp(port: u16) -> Check {
    Check::Tcp { host: HERE.to_string(), port }
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test]
async fn a_port_that_listens_passes_and_one_that_does_not_is_refused() {
    let (listener, port) = listener().await;
    assert_eq!(look(tcp(port)).await, Ok(()));
    let by_name = Check::Tcp { host: "localhost".into(), port };
    let from = Origin { address: Some(HERE), interface: None };
    assert_eq!(look_from(by_name, from).await, Ok(()));
    drop(listener);
    let why = look(tcp(port)).await.unwrap_err();
    assert!(why.contains("refused"), "{why}");
}

#[tokio::test]
async fn a_look_leaves_from_where_it_is_told_to_or_says_that_it_cannot() {
    let (listener, port) = listener().await;
    let from = Origin { address: Some(Ipv4Addr::new(127, 0, 0, 9).into()), interface: None };
    assert_eq!(look_from(tcp(port), from).await, Ok(()));
    let (_, peer) = listener.accept().await.unwrap();
    assert_eq!(peer.ip(), Ipv4Addr::new(127, 0, 0, 9));

    let nowhere = Origin { address: Some(Ipv4Addr::new(192, 0, 2, 1).into()), interface: None };
    let why = look_from(tcp(port), nowhere).await.unwrap_err();
    assert!(why.contains("cannot leave from 192.0.2.1"), "{why}");
    let nowhere = Origin { address: None, interface: Some("no-such-wire".into()) };
    let why = look_from(tcp(port), nowhere).await.unwrap_err();
    assert!(why.contains("cannot leave by interface no-such-wire"), "{why}");
    let other_family = Origin { address: Some("::1".parse().unwrap()), interface: None };
    let why = look_from(tcp(port), other_family).await.unwrap_err();
    assert!(why.contains("no address of the family"), "{why}");
}

/// Answers each connection with these octets, and keeps what was asked.
async fn web(answer: &'static str) -> (u16, tokio::sync::mpsc::Receiver<String>) {
    let (listener, port) = listener().await;
    let (asked, questions) = tokio::sync::mpsc::channel(8);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut octets = [0; 1024];
            let length = stream.read(&mut octets).await.unwrap();
            asked.send(String::from_utf8_lossy(&octets[..length]).into_owned()).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (port, questions)
}

fn http(url: &str, statuses: &[u16]) -> Check {
    Check::Http { url: Url::parse(url).unwrap(), statuses: statuses.into(), ca_file: None }
}

#[tokio::test]
async fn a_get_passes_by_its_status() {
    let (port, mut questions) = web("HTTP/1.1 204 No Content\r\n\r\n").await;
    let url = format!("http://127.0.0.1:{port}/health?deep=1");
    assert_eq!(look(http(&url, &[])).await, Ok(()));
    let asked = questions.recv().await.unwrap().to_lowercase();
    assert!(asked.starts_with("get /health?deep=1 http/1.1\r\n"), "{asked}");
    assert!(asked.contains(&format!("host: 127.0.0.1:{port}\r\n")), "{asked}");
    assert_eq!(look(http(&url, &[200, 204])).await, Ok(()));
    let why = look(http(&url, &[200])).await.unwrap_err();
    assert_eq!(why, format!("GET {url}: 204 No Content"));

    let (port, _questions) = web("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await;
    let why = look(http(&format!("http://127.0.0.1:{port}"), &[])).await.unwrap_err();
    assert!(why.ends_with("503 Service Unavailable"), "{why}");
}

#[tokio::test]
async fn what_does_not_speak_http_or_tls_fails() {
    let (port, _questions) = web("220 mail.example ESMTP\r\n").await;
    assert!(look(http(&format!("http://127.0.0.1:{port}/"), &[])).await.is_err());
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let ca_file = scratch("tls-not-spoken.pem");
    fs::write(&ca_file, key.cert.pem()).unwrap();
    let url = Url::parse(&format!("https://localhost:{port}/")).unwrap();
    let why = look(Check::Http { url, statuses: vec![], ca_file: Some(ca_file) }).await.unwrap_err();
    assert!(why.starts_with("TLS with localhost:"), "{why}");
}

/// A server with a certificate of its own for this name.
async fn secure_web(name: &str) -> (u16, String) {
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;
    use tokio_rustls::rustls::{ServerConfig, crypto::ring};
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(std::sync::Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let (listener, port) = listener().await;
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut octets = [0; 1024];
            let _length = stream.read(&mut octets).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        }
    });
    (port, made.cert.pem())
}

#[tokio::test]
async fn a_certificate_counts_if_it_is_trusted_and_of_that_name() {
    let (port, pem) = secure_web("localhost").await;
    let ca_file = scratch("tls.pem");
    fs::write(&ca_file, pem).unwrap();
    let check = |host: &str, ca_file: Option<&PathBuf>| Check::Http {
        url: Url::parse(&format!("https://{host}:{port}/")).unwrap(),
        statuses: vec![],
        ca_file: ca_file.cloned(),
    };
    assert_eq!(look(check("localhost", Some(&ca_file))).await, Ok(()));
    let why = look(check("127.0.0.1", Some(&ca_file))).await.unwrap_err();
    assert!(why.contains("not valid for name"), "{why}");
    let (_, other) = secure_web("localhost").await;
    fs::write(&ca_file, other).unwrap();
    assert!(look(check("localhost", Some(&ca_file))).await.is_err(), "another's certificate");
    fs::write(&ca_file, "nothing").unwrap();
    let why = look(check("localhost", Some(&ca_file))).await.unwrap_err();
    assert!(why.contains("no certificate to trust"), "{why}");
}

#[test]
fn a_url_that_cannot_be_asked_is_told() {
    let wrong = |text: &str| Url::parse(text).unwrap_err();
    assert_eq!(wrong("ftp://203.0.113.1/"), "ftp is neither http nor https");
    assert_eq!(wrong("203.0.113.1"), "http:// or https:// is missing");
    assert_eq!(wrong("https://user:secret@203.0.113.1/"), "a user or password in it is not supported");
    let url = Url::parse("https://[2001:db8::1]/x").unwrap();
    assert!(url.is_tls());
    assert_eq!(url.to_string(), "https://[2001:db8::1]/x");
}

/// A name server that has one record of one name, and knows no other.
async fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind((HERE, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut octets = [0; 512];
        loop {
            let (length, from) = socket.recv_from(&mut octets).await.unwrap();
            let question = Message::from_octets(&octets[..length]).unwrap();
            let asked = question.first_question().unwrap();
            let name = asked.qname().to_string();
            let rcode = if name == "nowhere.example" { Rcode::NXDOMAIN } else { Rcode::NOERROR };
            let mut answer = MessageBuilder::new_vec().start_answer(&question, rcode).unwrap();
            if name == "www.example" && asked.qtype() == domain::base::Rtype::A {
                answer.push((asked.qname(), 60, A::from_octets(192, 0, 2, 7))).unwrap();
            }
            let answer = answer.finish();
            // First somebody who guesses.
            let mut forged = answer.clone();
            forged[0] ^= 1;
            socket.send_to(&forged, from).await.unwrap();
            socket.send_to(&answer, from).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn a_name_passes_that_has_the_record() {
    let server = name_server().await;
    let dns =
        |name: &str, record: &str| look(Check::Dns { name: name.into(), record: record.into(), server });
    assert_eq!(dns("www.example", "A").await, Ok(()));
    let why = dns("www.example", "AAAA").await.unwrap_err();
    assert_eq!(why, format!("DNS at {server}: www.example AAAA: no such record"));
    let why = dns("nowhere.example", "A").await.unwrap_err();
    assert_eq!(why, format!("DNS at {server}: nowhere.example A: NXDOMAIN"));
    assert!(check_question("www.example", "A").is_ok());
    assert!(check_question("www..example", "A").is_err());
    assert!(check_question("www.example", "ADDRESS").is_err());
}

/// By a ping socket or a raw one, whichever this process may have.
#[tokio::test]
async fn this_machine_answers_an_echo_request() {
    assert_eq!(look(Check::Icmp(HERE)).await, Ok(()));
    let mut looker = Looker::new(Check::Icmp(HERE), Origin::default());
    for _ in 0..3 {
        assert_eq!(looker.look().await, Outcome::Passed);
    }
    assert_eq!(look(Check::Icmp("::1".parse().unwrap())).await, Ok(()));
}

fn command(words: &[&str]) -> Check {
    Check::Command(words.iter().map(|&word| word.to_owned()).collect())
}

#[tokio::test]
async fn a_command_passes_by_its_exit_status() {
    assert_eq!(look(command(&["/bin/true"])).await, Ok(()));
    assert_eq!(look(command(&["/bin/false"])).await, Err("/bin/false ended with 1".into()));
    assert_eq!(
        look(command(&["/bin/sh", "-c", "kill -9 $$"])).await,
        Err("/bin/sh was killed by signal 9".into())
    );
    let why = look(command(&["/no/such/program"])).await.unwrap_err();
    assert!(why.starts_with("/no/such/program: "), "{why}");
    // No shell is between: what means something to one is a word.
    assert_eq!(look(command(&["/usr/bin/test", "$HOME", "=", "$HOME"])).await, Ok(()));
}

#[tokio::test]
async fn a_command_that_is_given_up_dies_with_all_that_it_has_started() {
    let file = scratch("children");
    let script = format!("sleep 1000 & echo $! >{0}.new && mv {0}.new {0}; sleep 1000", file.display());
    let mut looker = Looker::new(command(&["/bin/sh", "-c", &script]), Origin::default());
    let started = async {
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        outcome = looker.look() => panic!("it does not end by itself: {outcome:?}"),
        started = timeout(PATIENCE, started) => started.expect("it starts"),
    }
    let child = fs::read_to_string(&file).unwrap();
    let status = format!("/proc/{}/stat", child.trim());
    let is_alive = || {
        let stat = fs::read_to_string(&status).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
    };
    let end = Instant::now() + PATIENCE;
    while is_alive() {
        assert!(Instant::now() < end, "process {child} lives on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_file_passes_that_is_there_and_young_enough() {
    let path = scratch("heartbeat");
    let check = |max_age| Check::File { path: path.clone(), max_age };
    let why = look(check(None)).await.unwrap_err();
    assert!(why.contains("No such file"), "{why}");
    fs::write(&path, "").unwrap();
    assert_eq!(look(check(None)).await, Ok(()));
    let minute = Some(Duration::from_secs(60));
    assert_eq!(look(check(minute)).await, Ok(()));
    let written = std::time::SystemTime::now() - Duration::from_secs(3600);
    fs::File::options().write(true).open(&path).unwrap().set_modified(written).unwrap();
    assert_eq!(look(check(None)).await, Ok(()));
    let why = look(check(minute)).await.unwrap_err();
    assert!(why.contains("was written 360"), "{why}");
}

/// A path of this test run, where nothing is yet.
fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("quadzero-probe-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    let _ = fs::remove_file(&path);
    path
}
