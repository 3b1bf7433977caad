# Routes of one's own, past forced tunneling: exported by quadzero.

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

# Each route wins over the default route that the edge announces, in the subnets that use the table,
# and stays while no BGP session does. What leaves by it needs a public address in Azure: activation
# (KMS, TCP port 1688) answers no other. Routes learned from the gateway stay on in these subnets:
# the rest of what the edge announces comes by them.

# 1 of the 2 are not needed as the edge's file stands: it makes these exceptions by BGP. They are
# what could be done instead.

# The subnets keep Azure's own way to the Internet: 0.0.0.0/0 of the table wins over that of the
# edge. But the edge announces longer prefixes of the Internet as well (3 of them), which would win
# over it; so each of them is in the table. When the edge's exceptions change, export anew.

# quadzero is made anew: should a route table of that name exist, its routes would be gone. For one
# that exists, export with --existing.

resource "azurerm_route_table" "table" {
  name                = "quadzero"
  resource_group_name = data.azurerm_resource_group.group.name
  location            = data.azurerm_resource_group.group.location
}

resource "azurerm_route" "route" {
  for_each = {
    "carved-192.0.0.0-3"    = "192.0.0.0/3"
    "routed-203.0.113.7-32" = "203.0.113.7/32"
    "opt-out-0.0.0.0-0"     = "0.0.0.0/0"
    "opt-out-0.0.0.0-1"     = "0.0.0.0/1"
    "opt-out-128.0.0.0-2"   = "128.0.0.0/2"
    "opt-out-224.0.0.0-3"   = "224.0.0.0/3"
  }

  name                = each.key
  resource_group_name = data.azurerm_resource_group.group.name
  route_table_name    = azurerm_route_table.table.name
  address_prefix      = each.value
  next_hop_type       = "Internet"
}

data "azurerm_subnet" "subnet_1" {
  name                 = "build"
  virtual_network_name = "hub"
  resource_group_name  = data.azurerm_resource_group.group.name
}

resource "azurerm_subnet_route_table_association" "subnet_1" {
  subnet_id      = data.azurerm_subnet.subnet_1.id
  route_table_id = azurerm_route_table.table.id
}
