//! The API of the mock, over HTTP and by `quadzero azure show`: the shapes are those of azure.md §1.7 and §5.3.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may panic")]

use quadzero::api::{self, Serving};
use quadzero::config::Source;
use quadzero::logging::JOURNAL;
use quadzero::router::Router;
use quadzero_azure::speaker::Mock;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_blocking};

const PATIENCE: Duration = Duration::from_secs(20);
const ARM: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network";

/// A mock that answers, and perhaps an edge; all on loopback.
struct Lab {
    mock: Arc<Mock>,
    /// `127.0.0.1:PORT`, or the path of a socket.
    place: String,
    _serving: JoinHandle<()>,
    _edge: Option<Router>,
}

impl Lab {
    /// `net` is the third number of all sockets, 127.181.`net`.x, so that tests do not meet.
    async fn start(net: u8, gateway: &str, edge: Option<&str>) -> Self {
        let text = |text: &str| text.replace("NET", &format!("127.181.{net}"));
        let source = |path: &str, toml: &str| Source { path: path.into(), text: text(toml) };
        let deployment = source("gateway.toml", gateway).gateway();
        assert!(deployment.value.is_some(), "{}", deployment.render(false));
        let deployment = deployment.value.unwrap();
        let mock = Arc::new(Mock::start(deployment.azure, &deployment.endpoints).unwrap());
        let api = deployment.api.unwrap();
        let listening = api::bind(&api.at).await.unwrap();
        let place = listening.place().trim_start_matches("http://").to_owned();
        let serving = Serving { mock: mock.clone(), journal: &JOURNAL, api };
        let serving = tokio::spawn(async move { api::serve(listening, serving).await.unwrap() });
        let edge = edge.map(|edge| {
            let edge = source("edge.toml", edge).edge();
            assert!(edge.value.is_some(), "{}", edge.render(false));
            Router::start(&edge.value.unwrap()).unwrap()
        });
        Self { mock, place, _serving: serving, _edge: edge }
    }

    /// Until the gateway has so many routes from its peers.
    async fn until_learned(&self, routes: usize) {
        let mut table = self.mock.table();
        let learned = |table: &Arc<quadzero_azure::gateway::Table>| {
            let gateways = 0..table.azure().gateways.len();
            let rows = gateways.flat_map(|g| table.learned_routes(g).value);
            rows.filter(|row| row.origin == quadzero_azure::gateway::LearnedOrigin::EBgp).count() == routes
        };
        tokio::time::timeout(PATIENCE, table.wait_for(learned)).await.unwrap().unwrap();
    }

    /// Status line and headers, and the body.
    async fn ask(&self, request: &str) -> (String, String) {
        let (place, request) = (self.place.clone(), request.to_owned());
        let exchange = move || {
            let mut stream = TcpStream::connect(&place).unwrap();
            let host = if request.contains("Host:") { String::new() } else { format!("Host: {place}\r\n") };
            stream.write_all(format!("{request}{host}\r\n").as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            (head.to_owned(), body.to_owned())
        };
        spawn_blocking(exchange).await.unwrap()
    }

    async fn status(&self, request: &str) -> String {
        self.ask(request).await.0.split(' ').nth(1).unwrap().to_owned()
    }

    async fn get(&self, path: &str) -> Value {
        let (head, body) = self.ask(&format!("GET {path} HTTP/1.1\r\n")).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}\n{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Runs a program that asks this mock.
    async fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).env("QUADZERO", env!("CARGO_BIN_EXE_quadzero"));
        if self.place.starts_with('/') {
            command.env("QUADZERO_SOCKET", &self.place);
        } else {
            command.env("QUADZERO_URL", format!("http://{}", self.place));
        }
        spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    async fn show(&self, arguments: &[&str]) -> String {
        let output =
            self.run(env!("CARGO_BIN_EXE_quadzero"), &[&["azure", "show"], arguments].concat()).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

const ACTIVE_ACTIVE: &str = r#"
    [api]
    listen = "127.0.0.1:0"
    [gateway]
    kind = "vpn-gateway"
    name = "gw"
    time-scale = 1000
    [[gateway.instance]]
    address = "10.1.0.4"
    listen = "NET.4:1790"
    [[gateway.instance]]
    address = "10.1.0.5"
    listen = "NET.5:1790"
    [[gateway.connection]]
    name = "paris"
    asn = 65010
    address = "NET.1"
    port = 1790
    [[vnet]]
    name = "hub"
    address-space = ["10.1.0.0/16"]
    subnet = [{ name = "GatewaySubnet", prefix = "10.1.0.0/24" }, { name = "vm", prefix = "10.1.1.0/24" }]
"#;

const EDGE: &str = r#"
    [bgp]
    asn = 65010
    router-id = "10.51.255.254"
    listen = ["NET.1:1790"]
    [[originate]]
    prefix = "0.0.0.0/0"
    [[originate]]
    prefix = "10.1.9.0/24"
    [neighbor-defaults]
    remote-as = 65515
    local-address = "NET.1"
    port = 1790
    [[neighbor]]
    address = "NET.4"
    [[neighbor]]
    address = "NET.5"
"#;

/// Every row of `actual` has the keys, and the types of values, of one of the examples. Azure tells null from absent.
fn has_shape(actual: &Value, examples: &[Value]) {
    let rows = actual.as_array().unwrap();
    assert!(!rows.is_empty(), "no rows");
    for row in rows {
        assert!(examples.iter().any(|example| is_like(row, example)), "{row:#} is like none of the examples");
    }
}

fn is_like(value: &Value, example: &Value) -> bool {
    match (value, example) {
        (Value::Object(value), Value::Object(example)) => {
            value.len() == example.len()
                && example
                    .iter()
                    .all(|(key, example)| value.get(key).is_some_and(|value| is_like(value, example)))
        }
        (Value::Array(values), Value::Array(examples)) => {
            values.iter().all(|value| examples.first().is_none_or(|example| is_like(value, example)))
        }
        (Value::Null, Value::Null) | (Value::Bool(_), Value::Bool(_)) => true,
        (Value::Number(_), Value::Number(_)) | (Value::String(_), Value::String(_)) => true,
        _ => false,
    }
}

/// azure.md §5.3 (REST-EX).
fn effective_route() -> Value {
    json!({ "addressPrefix": ["0.0.0.0/0"], "destinationServiceTags": [], "disableBgpRoutePropagation": false,
            "hasBgpOverride": false, "name": null, "nextHopIpAddress": ["10.2.0.4"],
            "nextHopType": "VirtualNetworkGateway", "source": "VirtualNetworkGateway", "state": "Active", "tagMap": {} })
}

/// azure.md §1.7 (LAB-RS): a row from a peer; and one of the gateway's own, which has no next hop.
fn learned_routes() -> [Value; 2] {
    let row = json!({ "network": "0.0.0.0/0", "nextHop": "192.168.100.0", "origin": "EBgp", "sourcePeer": "192.168.100.0",
                      "asPath": "65555", "weight": 32768, "localAddress": "10.1.0.4" });
    let mut own = row.clone();
    own["nextHop"] = Value::Null;
    [row, own]
}

/// azure.md §1.7.
fn advertised_route() -> Value {
    json!({ "network": "10.1.0.0/16", "nextHop": "10.1.0.4", "origin": "Igp", "asPath": "65515", "sourcePeer": null,
            "weight": 0, "localAddress": "10.1.0.4" })
}

#[tokio::test]
async fn an_active_active_gateway_answers_in_the_shapes_of_azure() {
    let lab = Lab::start(1, ACTIVE_ACTIVE, Some(EDGE)).await;
    lab.until_learned(2).await;
    let effective = lab.get(&format!("{ARM}/networkInterfaces/vm-nic/effectiveRouteTable")).await;
    has_shape(&effective["value"], &[effective_route()]);
    let rows = effective["value"].as_array().unwrap();
    let default = rows.iter().filter(|row| row["addressPrefix"] == json!(["0.0.0.0/0"]));
    let hops: Vec<&Value> = default.map(|row| &row["nextHopIpAddress"][0]).collect();
    assert_eq!(hops, ["10.1.0.4", "10.1.0.5"], "one row an instance (LAB-BGP)");

    let learned = lab.get(&format!("{ARM}/virtualNetworkGateways/gw/getLearnedRoutes")).await;
    has_shape(&learned["value"], &learned_routes());
    let rows = learned["value"].as_array().unwrap();
    let of =
        |origin: &str| rows.iter().filter(|r| r["origin"] == origin && r["network"] == "0.0.0.0/0").count();
    assert_eq!((of("EBgp"), of("IBgp")), (2, 2), "the same again via the twin (LAB-RS)");

    let told =
        lab.get(&format!("{ARM}/virtualNetworkGateways/gw/getAdvertisedRoutes?peer=127.181.1.1")).await;
    has_shape(&told["value"], &[advertised_route()]);
    assert_eq!(told, lab.get("/gateways/-/advertised-routes?peer=paris").await);

    let status = lab.get(&format!("{ARM}/virtualNetworkGateways/gw/getBgpPeerStatus")).await;
    let up = json!({ "neighbor": "10.51.255.254", "asn": 65010, "state": "Connected", "routesReceived": 4,
                     "connectedDuration": "3.05:59:16.8263240", "messagesSent": 1, "messagesReceived": 1,
                     "localAddress": "10.1.0.4" });
    let mut down = up.clone();
    down["connectedDuration"] = Value::Null;
    has_shape(&status["value"], &[up, down]);
    let one = lab.get("/gateways/gw/peer-status?peer=127.181.1.1").await;
    assert_eq!(one["value"].as_array().unwrap().len(), 2, "the peer, once an instance");

    let refused = lab.get("/gateways/gw/refused").await;
    assert!(
        refused["value"].as_array().unwrap().iter().all(|row| row["prefix"] == "10.1.9.0/24"),
        "{refused}"
    );
    assert_eq!(refused["value"].as_array().unwrap().len(), 2);
}

/// azure.md §5.3: behind an active-standby gateway the next hop is its public address (LAB-DEF).
#[tokio::test]
async fn an_active_standby_gateway_shows_its_public_address() {
    let second = "[[gateway.instance]]\n    address = \"10.1.0.5\"\n    listen = \"NET.5:1790\"\n";
    assert!(ACTIVE_ACTIVE.contains(second));
    let gateway = ACTIVE_ACTIVE.replace(second, "public-ip = \"203.0.113.4\"\n");
    let lab = Lab::start(2, &gateway, Some(EDGE)).await;
    lab.until_learned(1).await;
    let effective = lab.get("/effective-routes/hub/vm").await;
    has_shape(&effective["value"], &[effective_route()]);
    let rows = effective["value"].as_array().unwrap();
    let default: Vec<&Value> =
        rows.iter().filter(|row| row["addressPrefix"] == json!(["0.0.0.0/0"])).collect();
    assert_eq!(default.len(), 1);
    assert_eq!(default[0]["nextHopIpAddress"], json!(["203.0.113.4"]));
    let status = lab.get("/gateways/gw/peer-status").await;
    assert_eq!(status["value"].as_array().unwrap().len(), 1, "no twin and no row of itself");
}

const ROUTE_SERVER: &str = r#"
    [api]
    listen = "127.0.0.1:0"
    [gateway]
    kind = "route-server"
    name = "rs"
    [[gateway.instance]]
    address = "10.1.3.4"
    listen = "NET.4:1790"
    [[gateway.instance]]
    address = "10.1.3.5"
    listen = "NET.5:1790"
    [[gateway.connection]]
    name = "nva"
    asn = 65010
    address = "NET.1"
    port = 1790
    [[vnet]]
    name = "hub"
    address-space = ["10.1.0.0/16"]
    subnet = [{ name = "RouteServerSubnet", prefix = "10.1.3.0/24" },
              { name = "vm", prefix = "10.1.1.0/24", network-interfaces = ["web-1", "web-2"] }]
"#;

/// azure.md §3.1, last row.
#[tokio::test]
async fn a_route_server_answers_by_its_instances() {
    let lab = Lab::start(3, ROUTE_SERVER, Some(EDGE)).await;
    lab.until_learned(2).await;
    let learned = lab.get(&format!("{ARM}/virtualHubs/rs/bgpConnections/nva/learnedRoutes")).await;
    let keys: Vec<&String> = learned.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["RouteServiceRole_IN_0", "RouteServiceRole_IN_1"]);
    let told = lab.get(&format!("{ARM}/virtualHubs/rs/bgpConnections/nva/advertisedRoutes")).await;
    for (role, address) in [("RouteServiceRole_IN_0", "10.1.3.4"), ("RouteServiceRole_IN_1", "10.1.3.5")] {
        has_shape(&learned[role], &learned_routes());
        has_shape(&told[role], &[advertised_route()]);
        assert!(learned[role].as_array().unwrap().iter().all(|row| row["localAddress"] == address));
        assert!(told[role].as_array().unwrap().iter().all(|row| row["localAddress"] == address));
    }
    assert_eq!(lab.get("/effective-routes/web-2").await, lab.get("/effective-routes/web-1").await);
    let shown = lab.show(&["learned-routes", "-g", "RG", "--routeserver", "rs", "-n", "nva"]).await;
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), learned);
}

const EXPRESSROUTE: &str = r#"
    [api]
    listen = "127.0.0.1:0"
    [gateway]
    kind = "expressroute"
    name = "er"
    [[gateway.connection]]
    name = "madrid"
    asn = 65010
    primary-subnet = "192.168.15.16/30"
    secondary-subnet = "192.168.15.20/30"
    vlan = 100
    listen = ["NET.4:1790", "NET.5:1790"]
    dial = ["NET.1:1790", "NET.2:1790"]
    [[vnet]]
    name = "hub"
    address-space = ["10.1.0.0/16"]
    subnet = [{ name = "GatewaySubnet", prefix = "10.1.0.0/27" }, { name = "vm", prefix = "10.1.1.0/24" }]
"#;

/// The shape is that of Azure's `ExpressRouteCircuitRoutesTable`.
#[tokio::test]
async fn a_circuit_shows_the_table_of_each_router() {
    let edge = EDGE
        .replace("65515", "12076")
        .replace("[\"NET.1:1790\"]", "[\"NET.1:1790\", \"NET.2:1790\"]")
        .replace("    address = \"NET.5\"", "    address = \"NET.5\"\n    local-address = \"NET.2\"");
    let lab = Lab::start(4, EXPRESSROUTE, Some(&edge)).await;
    lab.until_learned(2).await;
    let path = format!("{ARM}/expressRouteCircuits/madrid/peerings/AzurePrivatePeering/routeTables");
    let table = lab.get(&format!("{path}/secondary")).await;
    let row = json!({ "network": "10.0.0.0/16", "nextHop": "192.168.15.21", "locPrf": "", "weight": 0, "path": "65010" });
    has_shape(&table["value"], &[row]);
    let of_network = |row: &&Value| row["network"] == "10.1.0.0/16";
    let own: Vec<&Value> = table["value"].as_array().unwrap().iter().filter(of_network).collect();
    assert_eq!(own.iter().map(|row| &row["nextHop"]).collect::<Vec<_>>(), ["10.1.0.12", "10.1.0.13"]);
    assert_eq!(own[0]["path"], "65515");
    let default =
        table["value"].as_array().unwrap().iter().find(|row| row["network"] == "0.0.0.0/0").unwrap();
    assert_eq!((&default["path"], &default["nextHop"]), (&json!("65010"), &json!("127.181.4.2")));
    let shown = lab.show(&["route-table", "-n", "madrid", "--path", "secondary", "-o", "table"]).await;
    assert!(shown.starts_with("Network"), "{shown}");
    let summary = lab.get(&format!("{path}Summary/secondary")).await;
    let row =
        json!({ "neighbor": "10.1.0.12", "v": 4, "as": 65515, "upDown": "00:25:24", "statePfxRcd": "1" });
    has_shape(&summary["value"], &[row]);
    let customer = summary["value"].as_array().unwrap().iter().find(|row| row["as"] == 65010).unwrap();
    assert_eq!(customer["statePfxRcd"], "2", "{customer}");
    let shown = lab.show(&["route-table-summary", "--path", "secondary", "-o", "table"]).await;
    assert!(shown.starts_with("Neighbor") && shown.contains("65515"), "{shown}");
    let missing = lab.ask(&format!("GET {path}/third HTTP/1.1\r\n")).await;
    assert!(missing.0.contains("404") && missing.1.contains("primary, secondary"), "{missing:?}");
}

#[tokio::test]
async fn what_is_not_there_is_answered_by_what_is() {
    let lab = Lab::start(5, ACTIVE_ACTIVE, None).await;
    let cases = [
        ("/effective-routes/web", "404", "no network interface is called \\\"web\\\"; there are: vm-nic"),
        ("/gateways/vgw/learned-routes", "404", "no gateway is called \\\"vgw\\\"; there are: gw"),
        ("/gateways/gw/advertised-routes", "400", "?peer=ADDRESS is needed; there are: 127.181.5.1"),
        ("/virtualHubs/rs/bgpConnections/nva/learnedRoutes", "404", "there is none"),
        ("/subscriptions/s", "404", "/gateways/gw/learned-routes"),
        ("/gateways/gw/maintenance", "405", "POST"),
    ];
    for (path, status, words) in cases {
        let (head, body) = lab.ask(&format!("GET {path} HTTP/1.1\r\n")).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {head}");
        assert!(body.contains(words), "{path}: {body}");
        assert!(serde_json::from_str::<Value>(&body).unwrap()["error"]["code"].is_string());
    }
    assert_eq!(lab.status("DELETE /gateways HTTP/1.1\r\n").await, "405");
    assert_eq!(lab.status("GET /gateways HTTP/1.1\r\nOrigin: http://evil.example\r\n").await, "403");
    assert_eq!(lab.status("GET /gateways HTTP/1.1\r\nHost: evil.example\r\n").await, "403");
}

/// azure.md §5.3: POST, 202 with Location, then 200 with `value`; without the switch, at once.
#[tokio::test]
async fn a_post_is_answered_as_azure_does_where_that_is_wanted() {
    let post = |path: &str| format!("POST {path} HTTP/1.1\r\nContent-Length: 0\r\n");
    let table = format!("{ARM}/networkInterfaces/vm-nic/effectiveRouteTable?api-version=2023-09-01");
    let lab = Lab::start(6, ACTIVE_ACTIVE, None).await;
    assert_eq!(lab.status(&post(&table)).await, "200");
    let slow = ACTIVE_ACTIVE.replace("127.0.0.1:0\"", "127.0.0.1:0\"\nlong-running = true");
    let lab = Lab::start(7, &slow, None).await;
    let (head, body) = lab.ask(&post(&table)).await;
    assert!(head.starts_with("HTTP/1.1 202") && body.is_empty(), "{head}\n{body}");
    let location = head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    let path = location.strip_prefix(&format!("http://{}", lab.place)).unwrap();
    has_shape(&lab.get(path).await["value"], &[effective_route()]);
}

/// azure.md §8, row 22.
#[tokio::test]
async fn an_instance_goes_away_and_comes_back_when_it_is_told_to() {
    let lab = Lab::start(8, ACTIVE_ACTIVE, Some(EDGE)).await;
    lab.until_learned(2).await;
    let post =
        |query: &str| format!("POST /gateways/gw/maintenance{query} HTTP/1.1\r\nContent-Length: 0\r\n");
    let unsaid = lab.ask(&post("")).await;
    assert!(unsaid.0.contains("404") && unsaid.1.contains("IN_0, IN_1"), "{unsaid:?}");
    let (head, body) = lab.ask(&post("?instance=in_1&cause=unplanned")).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}\n{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer, json!({ "gateway": "gw", "instance": "IN_1", "cause": "unplanned", "seconds": 0.09 }));
    let mut table = lab.mock.table();
    let dropped = async {
        let dropped = || lab._edge.as_ref().unwrap().peers()[1].status().borrow().counters.dropped;
        while dropped() == 0 {
            table.changed().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, dropped).await.unwrap();
    lab.until_learned(2).await;
}

#[tokio::test]
async fn a_socket_is_its_owners_alone_and_is_gone_afterwards() {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("quadzero-api-{}.sock", std::process::id()));
    // What a process leaves that was killed.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let at = ACTIVE_ACTIVE.replace("listen = \"127.0.0.1:0\"", &format!("socket = \"{}\"", path.display()));
    let lab = Lab::start(9, &at, None).await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let names = lab.show(&["gateways", "--query", "value[].name", "-o", "tsv"]).await;
    assert_eq!(names, "gw\n");
    let busy = api::bind(&quadzero::config::At::Unix(path.clone())).await;
    assert!(busy.is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse), "somebody listens there");
    lab._serving.abort();
    let gone = async {
        while path.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
}

/// What a script for `az` does, with the shim in front of it.
#[tokio::test]
async fn a_script_for_az_can_be_pointed_at_the_mock() {
    let lab = Lab::start(10, ACTIVE_ACTIVE, Some(EDGE)).await;
    lab.until_learned(2).await;
    let az = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/az-shim");
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let cases = [
        (
            "network nic show-effective-route-table -g RG -n vm-nic --query value[?state=='Active'].nextHopType|[0] -o tsv",
            "VnetLocal\n",
        ),
        (
            "network vnet-gateway list-learned-routes -g RG -n gw --query value[?origin=='EBgp'].asPath|[0] --output tsv",
            "65010\n",
        ),
        (
            "network vnet-gateway list-advertised-routes --resource-group RG --name gw --peer 127.181.10.1 --query length(value) -o tsv",
            "2\n",
        ),
        (
            "network vnet-gateway list-bgp-peer-status -g RG -n gw --query value[?state=='Unknown']|length(@) -o tsv",
            "2\n",
        ),
    ];
    for (line, expected) in cases {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = lab.run(az, &words).await;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(out, expected, "{line}\n{err}");
    }
    let unknown = lab.run(az, &["vm", "list"]).await;
    assert_eq!(unknown.status.code(), Some(2));
    let missing =
        lab.run(az, &["network", "nic", "show-effective-route-table", "-g", "RG", "-n", "web"]).await;
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("there are: vm-nic"));
}

/// The mock diagnoses itself: here, the edge announces a part of the virtual network.
#[tokio::test]
async fn the_doctor_asks_a_running_mock() {
    let lab = Lab::start(11, ACTIVE_ACTIVE, Some(EDGE)).await;
    lab.until_learned(2).await;
    let url = format!("http://{}", lab.place);
    let output = lab.run(env!("CARGO_BIN_EXE_quadzero"), &["doctor", "--json", "--url", &url]).await;
    assert_eq!(output.status.code(), Some(1));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = answer["findings"].as_array().unwrap();
    assert_eq!((findings.len(), &findings[0]["id"]), (1, &json!("inside-vnet")));
    assert_eq!(findings[0]["sessions"], json!(["gw/IN_0/paris", "gw/IN_1/paris"]));
}

const HUB: &str = r#"
    [api]
    listen = "127.0.0.1:0"
    [gateway]
    kind = "virtual-wan"
    name = "west"
    address-prefix = "10.100.0.0/24"
    [[gateway.instance]]
    address = "10.100.0.12"
    listen = "NET.4:1790"
    [[gateway.instance]]
    address = "10.100.0.13"
    listen = "NET.5:1790"
    [[gateway.connection]]
    name = "paris"
    asn = 65010
    address = "NET.1"
    port = 1790
    [[vnet]]
    name = "blue"
    address-space = ["10.11.0.0/16"]
    subnet = [{ name = "vm", prefix = "10.11.1.0/24" }]
"#;

/// The shape is that of Azure's `VirtualHubEffectiveRoute`.
#[tokio::test]
async fn a_hub_shows_the_routes_of_its_table() {
    let lab = Lab::start(12, HUB, Some(EDGE)).await;
    lab.until_learned(4).await;
    let asked =
        ["hub-routes", "-g", "RG", "-n", "west", "--resource-type", "RouteTable", "--resource-id", "any"];
    let shown: Value = serde_json::from_str(&lab.show(&asked).await).unwrap();
    assert_eq!(shown, lab.get(&format!("{ARM}/virtualHubs/west/effectiveRoutes")).await);
    let rows = shown["value"].as_array().unwrap();
    let row = |prefix: &str| rows.iter().find(|row| row["addressPrefixes"] == json!([prefix])).unwrap();
    let id =
        |resource: &str| format!("/subscriptions/-/resourceGroups/-/providers/Microsoft.Network/{resource}");
    let (own, gateway) = (id("virtualHubs/west/hubVirtualNetworkConnections/blue"), id("vpnGateways/west"));
    let network = json!({ "addressPrefixes": ["10.11.0.0/16"], "nextHopType": "Virtual Network Connection",
                          "nextHops": [own], "routeOrigin": own });
    let default = json!({ "addressPrefixes": ["0.0.0.0/0"], "asPath": "65010", "nextHopType": "VPN_S2S_Gateway",
                          "nextHops": [gateway], "routeOrigin": gateway });
    assert_eq!((row("10.11.0.0/16"), row("0.0.0.0/0")), (&network, &default));
    let table = lab.show(&["hub-routes", "-o", "table"]).await;
    assert!(table.starts_with("AddressPrefixes") && table.contains("VPN_S2S_Gateway"), "{table}");
    let missing = lab.ask("GET /virtualHubs/east/effectiveRoutes HTTP/1.1\r\n").await;
    assert!(missing.0.contains("404") && missing.1.contains("west"), "{missing:?}");
}
