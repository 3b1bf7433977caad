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
  name = "rg-network"
}

# The circuit is there, and its provider has provisioned it. In each /30 the first address is the
# edge's, the second Microsoft's. "primary" is the primary link, as it stands first in the file.

resource "azurerm_express_route_circuit_peering" "private" {
  peering_type                  = "AzurePrivatePeering"
  express_route_circuit_name    = "er-home"
  resource_group_name           = data.azurerm_resource_group.group.name
  peer_asn                      = 65010
  primary_peer_address_prefix   = "192.168.100.128/30"
  secondary_peer_address_prefix = "192.168.100.132/30"
  vlan_id                       = 100
}
