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

# quadzero is made anew: should a route table of that name exist, its routes would be gone. For one
# that exists, export with --existing.

resource "azurerm_route_table" "table" {
  name                = "quadzero"
  resource_group_name = data.azurerm_resource_group.group.name
  location            = data.azurerm_resource_group.group.location
}

resource "azurerm_route" "route" {
  for_each = {
    "kms-20.118.99.224-32"  = "20.118.99.224/32"
    "kms-40.83.235.53-32"   = "40.83.235.53/32"
    "kms-23.102.135.246-32" = "23.102.135.246/32"
  }

  name                = each.key
  resource_group_name = data.azurerm_resource_group.group.name
  route_table_name    = azurerm_route_table.table.name
  address_prefix      = each.value
  next_hop_type       = "Internet"
}

data "azurerm_subnet" "subnet_1" {
  name                 = "workload"
  virtual_network_name = "hub"
  resource_group_name  = data.azurerm_resource_group.group.name
}

resource "azurerm_subnet_route_table_association" "subnet_1" {
  subnet_id      = data.azurerm_subnet.subnet_1.id
  route_table_id = azurerm_route_table.table.id
}

data "azurerm_subnet" "subnet_2" {
  name                 = "build"
  virtual_network_name = "hub"
  resource_group_name  = data.azurerm_resource_group.group.name
}

resource "azurerm_subnet_route_table_association" "subnet_2" {
  subnet_id      = data.azurerm_subnet.subnet_2.id
  route_table_id = azurerm_route_table.table.id
}
