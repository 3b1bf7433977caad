# Forced tunneling by routes of one's own: exported by quadzero.

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

# "azure" is told the default route in 3 prefixes.

# Without a route Azure is open: when the edge is gone, so is its default route, and a subnet has
# Azure's own way to the Internet again. Two edges, or a network security group that denies outbound
# traffic to the Internet, keep it shut. Forced tunneling also cuts what comes from the Internet to
# public addresses of virtual machines.

# The route wins over what the gateway learns, in the subnets that use the table and nowhere else.
# The gateway must know where to send the traffic all the same: by a default route of BGP, or a
# default site.

# Not for ExpressRoute, nor for a VPN gateway beside an ExpressRoute gateway, and never on
# GatewaySubnet. Routes to 10.0.0.0/8, 192.168.0.0/16 and 100.64.0.0/10 that drop what nobody
# announces are gone in these subnets: such traffic goes to the gateway, too.

# The edge leaves exceptions out of its default route, and this route takes them all the same: to
# the gateway, which has no route for them. Put them into the table too: quadzero export udr --all
# --existing.

resource "azurerm_route_table" "table" {
  name                = "quadzero"
  resource_group_name = data.azurerm_resource_group.group.name
  location            = data.azurerm_resource_group.group.location
}

resource "azurerm_route" "route" {
  for_each = {
    "default" = "0.0.0.0/0"
  }

  name                = each.key
  resource_group_name = data.azurerm_resource_group.group.name
  route_table_name    = azurerm_route_table.table.name
  address_prefix      = each.value
  next_hop_type       = "VirtualNetworkGateway"
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
