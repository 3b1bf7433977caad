use super::*;
use crate::config::{Azure, NextHopType, Subnet};
use crate::testing::*;
use crate::verdict::{Beyond, Exit, Site};

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
    for service in [Service::ApplicationGateway, Service::Bastion, Service::Firewall] {
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
    managed.vnets[0].subnets.push(Subnet::new("AzureFirewallManagementSubnet", net("10.1.9.0/26")));
    assert_eq!(word(managed, &["0.0.0.0/0"], Service::Firewall, "198.51.100.7"), "works");
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
        let site = Site { name: "paris".into(), exit };
        let beyond = Beyond { sites: [(ip("10.51.255.254").into(), site)].into(), ..Beyond::default() };
        let nic = table.nic("vm").unwrap().with(&beyond);
        (nic.ask(ip("198.51.100.7")).source, nic.service(Service::Internet, ip("198.51.100.7")).word())
    };
    assert_eq!(judged(Exit::Translated), (Seen::OnPremises, "works"));
    for exit in [Exit::Untranslated, Exit::Closed, Exit::Dead] {
        assert_eq!(judged(exit), (Seen::None, "fails"), "{exit:?}");
    }
}
