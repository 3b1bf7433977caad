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

variable "shared_key" {
  description = "the pre-shared key of the IPsec tunnels"
  type        = string
  sensitive   = true
}

# The VPN gateway is there: a route-based one, of any SKU but Basic. On the edge's host 10.1.0.30/32
# must be routed into the tunnels, whose traffic selectors are any to any.

# Terraform does not change the AS of a gateway that it does not manage. It has to be 65515: the
# argument asn of bgp_settings where the gateway is made, or
#   az network vnet-gateway update --resource-group rg-network --name vgw-hub --asn 65515

data "azurerm_virtual_network_gateway" "gateway" {
  name                = "vgw-hub"
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
