# Azure's end of the edge's BGP sessions: exported by quadzero.

terraform {
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.0, < 5.0"
    }
  }
}

data "azurerm_resource_group" "group" {
  name = "-(Größe)_1.b-"
}

variable "shared_key" {
  description = "the pre-shared key of the IPsec tunnels"
  type        = string
  sensitive   = true
}

variable "md5_key" {
  description = "the TCP MD5 key of the BGP sessions"
  type        = string
  sensitive   = true
}

# The VPN gateway is there: a route-based one, of any SKU but Basic. On the edge's host 10.1.0.30/32
# must be routed into the tunnels, whose traffic selectors are any to any.

# Terraform does not change the AS of a gateway that it does not manage. It has to be 65515: the
# argument asn of bgp_settings where the gateway is made, or
#   az network vnet-gateway update --resource-group='-(Größe)_1.b-' --name vgw_ --asn 65515

data "azurerm_virtual_network_gateway" "gateway" {
  name                = "vgw_"
  resource_group_name = data.azurerm_resource_group.group.name
}

resource "azurerm_local_network_gateway" "edge_1" {
  name                = "edge-10.51.255.254"
  resource_group_name = data.azurerm_resource_group.group.name
  location            = data.azurerm_resource_group.group.location
  gateway_address     = "203.0.113.9"

  bgp_settings {
    asn                 = 65010
    bgp_peering_address = "10.51.255.254"
  }
}

resource "azurerm_virtual_network_gateway_connection" "edge_1" {
  name                       = "edge-10.51.255.254"
  resource_group_name        = data.azurerm_resource_group.group.name
  location                   = data.azurerm_resource_group.group.location
  type                       = "IPsec"
  virtual_network_gateway_id = data.azurerm_virtual_network_gateway.gateway.id
  local_network_gateway_id   = azurerm_local_network_gateway.edge_1.id
  enable_bgp                 = true
  shared_key                 = var.shared_key
}

# The circuit is there, and its provider has provisioned it. In each /30 the first address is the
# edge's, the second Microsoft's. "--primary=`id`" is the primary link, as it stands first in the
# file.

resource "azurerm_express_route_circuit_peering" "private" {
  peering_type                  = "AzurePrivatePeering"
  express_route_circuit_name    = "er.home"
  resource_group_name           = data.azurerm_resource_group.group.name
  peer_asn                      = 65010
  primary_peer_address_prefix   = "192.168.100.128/30"
  secondary_peer_address_prefix = "192.168.100.132/30"
  vlan_id                       = 4094
  shared_key                    = var.md5_key
}

# The Route Server is there. It peers from both of its instances, which must be told the same; and
# the edge's own subnet needs a route of its own, 0.0.0.0/0 to the Internet, or it would send what
# it forwards to itself.

resource "azurerm_route_server_bgp_connection" "edge_1" {
  name            = "edge-10.1.2.4"
  route_server_id = "${data.azurerm_resource_group.group.id}/providers/Microsoft.Network/virtualHubs/rs"
  peer_asn        = 65010
  peer_ip         = "10.1.2.4"
}

# NOT EXPORTED: neighbor "hub \"'\n| Out-Null" is a hub of Virtual WAN. Its VPN site and connection
# are made with az network vpn-site and az network vpn-gateway connection (an extension of Azure's
# command line), or in the portal.

# NOT EXPORTED: neighbors that are no gateways of Azure, 1 of them.
