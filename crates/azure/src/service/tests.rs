use super::*;
use crate::config::{AZURE_FIREWALL_MANAGEMENT_SUBNET, Azure, NextHopType, SecurityRule, Subnet, Target};
use crate::testing::*;
use crate::verdict::{Beyond, Exit, Seen, Site};

const RHUI: &str = "13.91.47.76";
const STORAGE: &str = "20.60.1.1";

fn word(azure: Azure, announced: &[&str], service: Service, to: &str) -> &'static str {
    after_paris(azure, announced).nic("vm").unwrap().service(service, ip(to)).word()
}

/// azure.md §6.5, RHUI D: like activation.
#[test]
fn red_hat_answers_azures_addresses_alone() {
    assert_eq!(Service::at(ip(RHUI)), Some(Service::Rhui));
    assert_eq!(word(azure(), &["0.0.0.0/0"], Service::Rhui, RHUI), "fails");
    let mut exempted = azure();
    vm(&mut exempted).routes.push(user_route("13.91.47.76/32", NextHopType::Internet));
    assert_eq!(word(exempted, &["0.0.0.0/0"], Service::Rhui, RHUI), "works");
}

/// azure.md §6.5, APPGW D, BASTION B, FW-FT D.
#[test]
fn what_is_managed_from_outside_needs_azures_own_way_in_its_subnet() {
    use Service::*;
    let managed =
        [ApplicationGateway, Bastion, Firewall, AppServiceEnvironment, Databricks, SqlManagedInstance];
    for service in managed {
        assert_eq!(word(azure(), &["0.0.0.0/0"], service, "198.51.100.7"), "fails");
        let mut closed = azure();
        vm(&mut closed).propagate_gateway_routes = false;
        assert_eq!(word(closed, &["0.0.0.0/0"], service, "198.51.100.7"), "works");
    }
}

/// azure.md §4, caveats: FW-NIC D.
#[test]
fn a_firewall_with_a_management_subnet_may_be_forced() {
    let mut managed = azure();
    let mut own = Subnet::new(AZURE_FIREWALL_MANAGEMENT_SUBNET, net("10.1.9.0/26"));
    own.propagate_gateway_routes = false;
    managed.vnets[0].subnets.push(own);
    assert_eq!(word(managed.clone(), &["0.0.0.0/0"], Service::Firewall, "198.51.100.7"), "works");
    managed.vnets[0].subnets.last_mut().unwrap().propagate_gateway_routes = true;
    assert_eq!(word(managed, &["0.0.0.0/0"], Service::Firewall, "198.51.100.7"), "fails");
}

/// azure.md §2.4: by its public address it is forced like anything else; an endpoint keeps it.
#[test]
fn storage_depends_on_its_firewall_once_it_is_forced() {
    assert_eq!(word(azure(), &[], Service::Storage, STORAGE), "works");
    assert_eq!(word(azure(), &["0.0.0.0/0"], Service::Storage, STORAGE), "depends");
    let mut endpoint = azure();
    vm(&mut endpoint).service_endpoints.push(net("20.60.0.0/16"));
    assert_eq!(word(endpoint, &["0.0.0.0/0"], Service::Storage, STORAGE), "works");
}

/// azure.md §4, caveats: UDR D.
#[test]
fn a_connection_from_the_internet_needs_its_answer_to_leave_the_same_way() {
    assert_eq!(word(azure(), &[], Service::Rdp, "203.0.113.50"), "works");
    assert_eq!(word(azure(), &["0.0.0.0/0"], Service::Rdp, "203.0.113.50"), "fails");
}

#[test]
fn the_internet_needs_a_way_back() {
    let table = after_paris(azure(), &["0.0.0.0/0"]);
    let judged = |exit| {
        let site = Site { name: "paris".into(), exit, routes: None };
        let beyond = Beyond { sites: [(ip("10.51.255.254").into(), site)].into(), ..Beyond::default() };
        let nic = table.nic("vm").unwrap().with(&beyond);
        (nic.ask(ip("198.51.100.7")).source, nic.service(Service::Internet, ip("198.51.100.7")).word())
    };
    assert_eq!(judged(Exit::Translated), (Seen::OnPremises, "works"));
    for exit in [Exit::Untranslated, Exit::Closed, Exit::Dead] {
        assert_eq!(judged(exit), (Seen::None, "fails"), "{exit:?}");
    }
}

const MANAGEMENT: &str = "203.0.113.60";

fn with_routes(to: &[&str]) -> Azure {
    let mut azure = azure();
    vm(&mut azure).routes = to.iter().map(|prefix| user_route(prefix, NextHopType::Internet)).collect();
    azure
}

/// azure.md §6.5, ASE-FT D, DBX D, SQLMI B: a route to the addresses of the tag will do.
#[test]
fn what_is_managed_works_by_a_route_to_its_management_alone() {
    use Service::*;
    for service in [AppServiceEnvironment, Databricks, SqlManagedInstance] {
        let exempted = with_routes(&["203.0.113.60/32"]);
        assert_eq!(word(exempted, &["0.0.0.0/0"], service, MANAGEMENT), "works", "{service}");
    }
}

/// azure.md §6.5, DBX D: Storage, Sql and EventHub have service endpoints.
#[test]
fn databricks_is_content_with_a_service_endpoint() {
    let mut endpoint = azure();
    vm(&mut endpoint).service_endpoints.push(net("20.60.0.0/16"));
    assert_eq!(word(endpoint, &["0.0.0.0/0"], Service::Databricks, STORAGE), "works");
}

/// azure.md §6.5, HDI D: four addresses everywhere, and those of the region.
#[test]
fn hd_insight_needs_all_its_health_addresses() {
    let four = HD_INSIGHT.map(|address| format!("{address}/32"));
    let [a, b, c, d] = four.each_ref().map(String::as_str);
    let judged = |to: &[&str]| word(with_routes(to), &["0.0.0.0/0"], Service::HdInsight, MANAGEMENT);
    assert_eq!(judged(&[a, b, c, d, "203.0.113.60/32"]), "works");
    assert_eq!(judged(&[a, b, c, d]), "fails", "the region");
    assert_eq!(judged(&[a, b, d, "203.0.113.60/32"]), "fails", "one of the four");
}

/// azure.md §6.5, APIM D: its management, and Windows activation.
#[test]
fn api_management_needs_its_management_and_activation() {
    let judged = |to: &[&str]| word(with_routes(to), &["0.0.0.0/0"], Service::ApiManagement, MANAGEMENT);
    let activation = ["20.118.99.224/32", "40.83.235.53/32"];
    assert_eq!(judged(&["203.0.113.60/32", activation[0], activation[1]]), "works");
    assert_eq!(judged(&["203.0.113.60/32", activation[0]]), "fails");
    assert_eq!(judged(&activation), "fails");
    assert_eq!(word(azure(), &[], Service::ApiManagement, MANAGEMENT), "works");
}

/// azure.md §6.5, AVD F: the service may be forced through a firewall that knows it, activation may not.
#[test]
fn a_session_host_needs_activation_and_somebody_who_lets_its_service_out() {
    let judged = |to: &[&str]| word(with_routes(to), &["0.0.0.0/0"], Service::VirtualDesktop, MANAGEMENT);
    let activation = ["20.118.99.224/32", "40.83.235.53/32"];
    assert_eq!(judged(&[]), "fails");
    assert_eq!(judged(&activation), "depends");
    assert_eq!(judged(&["203.0.113.60/32", activation[0], activation[1]]), "works");
}

/// azure.md §6.5, AKS D, and the general pattern of tags (B).
#[test]
fn what_a_firewall_on_the_way_must_know_depends_on_it() {
    use Service::*;
    for service in [Aks, Backup, EntraId, WindowsUpdate] {
        assert_eq!(word(azure(), &[], service, MANAGEMENT), "works", "{service}");
        assert_eq!(word(azure(), &["0.0.0.0/0"], service, MANAGEMENT), "depends", "{service}");
        let mut nowhere = azure();
        vm(&mut nowhere).routes.push(user_route("0.0.0.0/0", NextHopType::None));
        assert_eq!(word(nowhere, &[], service, MANAGEMENT), "fails", "{service}");
    }
}

/// A firewall in Azure that translates lets a cluster out from an address of Azure's, if it knows the names.
#[test]
fn a_cluster_behind_an_appliance_depends_on_it_too() {
    let mut behind = azure();
    behind.vnets[0].subnets.push(Subnet::new("nva", net("10.1.4.0/24")));
    let mut to_appliance = user_route("0.0.0.0/0", NextHopType::VirtualAppliance);
    to_appliance.next_hop_ip = Some(ip("10.1.4.10"));
    vm(&mut behind).routes.push(to_appliance);
    let beyond = Beyond { appliances: [(ip("10.1.4.10"), true)].into(), ..Beyond::default() };
    let table = after_paris(behind, &[]);
    let judged = |service| table.nic("vm").unwrap().with(&beyond).service(service, ip(MANAGEMENT)).word();
    assert_eq!((judged(Service::Aks), judged(Service::Internet)), ("depends", "works"));
}

/// A security group remembers who began: an answer passes, a question does not.
#[test]
fn a_security_group_stops_questions_and_no_answers() {
    let mut shut = azure();
    let rule = SecurityRule { name: "shut".into(), priority: 100, allows: false, to: Target::Any };
    vm(&mut shut).security_rules.push(rule);
    assert_eq!(word(shut.clone(), &[], Service::Internet, MANAGEMENT), "fails");
    assert_eq!(word(shut, &[], Service::Rdp, MANAGEMENT), "works");
}

/// azure.md §7.1, B guides: a way out is no use without a way back.
#[test]
fn a_site_without_a_route_back_loses_everything() {
    let table = after_paris(azure(), &["0.0.0.0/0"]);
    let judged = |routes: &[&str]| {
        let routes = Some(routes.iter().map(|prefix| net(prefix)).collect());
        let site = Site { name: "paris".into(), exit: Exit::Translated, routes };
        let beyond = Beyond { sites: [(ip("10.51.255.254").into(), site)].into(), ..Beyond::default() };
        table.nic("vm").unwrap().with(&beyond).ask(ip("198.51.100.7"))
    };
    assert_eq!(judged(&["10.1.0.0/16"]).source, Seen::OnPremises);
    let lost = judged(&["10.2.0.0/16"]);
    assert_eq!(
        (lost.source, lost.lost.unwrap().as_str()),
        (Seen::None, "site paris has no route back to 10.1.1.0/24")
    );
}
