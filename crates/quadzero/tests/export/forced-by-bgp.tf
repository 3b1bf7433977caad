# Forced tunneling by BGP: exported by quadzero.

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

# "azure" is told 0.0.0.0/0.

# Without a route Azure is open: when the edge is gone, so is its default route, and a subnet has
# Azure's own way to the Internet again. Two edges, or a network security group that denies outbound
# traffic to the Internet, keep it shut. Forced tunneling also cuts what comes from the Internet to
# public addresses of virtual machines.

# Nothing is to be done in Azure: what the edge announces is used by every subnet whose route table
# lets routes of the gateway propagate, and by peered networks that use the gateway.

# A subnet that is to keep Azure's own way out has a route of its own: quadzero export udr
# --opt-out. AzureFirewallSubnet learns the default route as well, and needs that, or the firewall's
# management interface.

# GatewaySubnet needs nothing: what it learns does it no harm, but a route table of its own with a
# default route does, and propagation must stay on there.

# The other ways, instead of this one and for VPN gateways alone: --way default-site, --way udr.

# Terraform does not show what a gateway has learned. Azure's command line does:
#   az network vnet-gateway list-learned-routes --resource-group rg-network --name vgw-hub --output table
