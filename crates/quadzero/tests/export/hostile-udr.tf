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
  name = "-(Größe)_1.b-"
}

# Each route wins over the default route that the edge announces, in the subnets that use the table,
# and stays while no BGP session does. What leaves by it needs a public address in Azure: activation
# (KMS, TCP port 1688) answers no other. Routes learned from the gateway stay on in these subnets:
# the rest of what the edge announces comes by them.

# 1 of the 3 are not needed as the edge's file stands: it makes these exceptions by BGP. They are
# what could be done instead.

# The subnets keep Azure's own way to the Internet: 0.0.0.0/0 of the table wins over that of the
# edge. But the edge announces longer prefixes of the Internet as well (1 of them), which would win
# over it; so each of them is in the table. When the edge's exceptions change, export anew.

data "azurerm_route_table" "table" {
  name                = "0_"
  resource_group_name = data.azurerm_resource_group.group.name
}

resource "azurerm_route" "route" {
  for_each = {
    "ch-pwned----file---etc-passwd-----resourceGroup--.id-------------198.51.100.0-24" = "198.51.100.0/24"
    "ch-pwned----file---etc-passwd-----resourceGroup--.id-------------2001-db8-1---48" = "2001:db8:1::/48"
    "rf-203.0.113.0-24"                                                                = "203.0.113.0/24"
    "opt-out-0.0.0.0-0"                                                                = "0.0.0.0/0"
  }

  name                = each.key
  resource_group_name = data.azurerm_resource_group.group.name
  route_table_name    = data.azurerm_route_table.table.name
  address_prefix      = each.value
  next_hop_type       = "Internet"
}

data "azurerm_subnet" "subnet_1" {
  name                 = "a_"
  virtual_network_name = "hub"
  resource_group_name  = data.azurerm_resource_group.group.name
}

resource "azurerm_subnet_route_table_association" "subnet_1" {
  subnet_id      = data.azurerm_subnet.subnet_1.id
  route_table_id = data.azurerm_route_table.table.id
}

data "azurerm_subnet" "subnet_2" {
  name                 = "b"
  virtual_network_name = "hub"
  resource_group_name  = data.azurerm_resource_group.group.name
}

resource "azurerm_subnet_route_table_association" "subnet_2" {
  subnet_id      = data.azurerm_subnet.subnet_2.id
  route_table_id = data.azurerm_route_table.table.id
}
