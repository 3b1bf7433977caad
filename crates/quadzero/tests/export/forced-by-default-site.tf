# Forced tunneling by a default site: exported by quadzero.

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

# BGP does not need this: a gateway that learns a default route is better off without a default
# site. It is the way without BGP, for route-based VPN gateways alone, and is advised against beside
# ExpressRoute.

# It is for the whole virtual network. The traffic selectors of the tunnel must be any to any. To
# undo it: Remove-AzVirtualNetworkGatewayDefaultSite, in PowerShell.

# Terraform does not give a default site to a gateway that it does not manage: the argument
# default_local_network_gateway_id where the gateway is made, or
#   az network vnet-gateway update --resource-group rg-network --name vgw-hub --gateway-default-site edge-10.51.255.254
