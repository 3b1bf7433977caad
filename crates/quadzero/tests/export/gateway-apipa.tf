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

# The VPN gateway is there: a route-based one, of any SKU but Basic. On the edge's host
# 169.254.21.2/32 and 169.254.22.2/32 must be routed into the tunnels, whose traffic selectors are
# any to any.

# The gateway speaks BGP from 169.254.21.2 and 169.254.22.2: before the connection is made, these
# have to be its custom APIPA addresses, one of them for each instance (portal: the gateway's
# configuration). This export does not set them, since it does not know the gateway's IP
# configurations. With such addresses the gateway only listens, so the edge has to dial.

# All local network gateways have the same public address. Azure is not documented to take several
# connections to one; with a public address for each, give --edge-public-ip once for each.

# Terraform does not change the AS of a gateway that it does not manage. It has to be 65515: the
# argument asn of bgp_settings where the gateway is made, or
#   az network vnet-gateway update --resource-group rg-network --name vgw-hub --asn 65515

data "azurerm_virtual_network_gateway" "gateway" {
  name                = "vgw-hub"
  resource_group_name = data.azurerm_resource_group.group.name
}

resource "azurerm_local_network_gateway" "edge_1" {
  name                = "edge-169.254.21.1"
  resource_group_name = data.azurerm_resource_group.group.name
  location            = "westeurope"
  gateway_address     = "203.0.113.9"
  address_space       = ["10.50.0.0/15", "10.52.0.0/16"]

  bgp_settings {
    asn                 = 65010
    bgp_peering_address = "169.254.21.1"
  }
}

resource "azurerm_virtual_network_gateway_connection" "edge_1" {
  name                       = "edge-169.254.21.1"
  resource_group_name        = data.azurerm_resource_group.group.name
  location                   = "westeurope"
  type                       = "IPsec"
  virtual_network_gateway_id = data.azurerm_virtual_network_gateway.gateway.id
  local_network_gateway_id   = azurerm_local_network_gateway.edge_1.id
  enable_bgp                 = true
  shared_key                 = var.shared_key
}

resource "azurerm_local_network_gateway" "edge_2" {
  name                = "edge-169.254.22.1"
  resource_group_name = data.azurerm_resource_group.group.name
  location            = "westeurope"
  gateway_address     = "203.0.113.9"
  address_space       = ["10.50.0.0/15", "10.52.0.0/16"]

  bgp_settings {
    asn                 = 65010
    bgp_peering_address = "169.254.22.1"
  }
}

resource "azurerm_virtual_network_gateway_connection" "edge_2" {
  name                       = "edge-169.254.22.1"
  resource_group_name        = data.azurerm_resource_group.group.name
  location                   = "westeurope"
  type                       = "IPsec"
  virtual_network_gateway_id = data.azurerm_virtual_network_gateway.gateway.id
  local_network_gateway_id   = azurerm_local_network_gateway.edge_2.id
  enable_bgp                 = true
  shared_key                 = var.shared_key
}
