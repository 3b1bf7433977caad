// Forced tunneling by a default site: exported by quadzero.
//   az deployment group create --resource-group rg-network --template-file FILE.bicep

// "azure" is told 0.0.0.0/0.

// Without a route Azure is open: when the edge is gone, so is its default route, and a subnet has
// Azure's own way to the Internet again. Two edges, or a network security group that denies
// outbound traffic to the Internet, keep it shut. Forced tunneling also cuts what comes from the
// Internet to public addresses of virtual machines.

// BGP does not need this: a gateway that learns a default route is better off without a default
// site. It is the way without BGP, for route-based VPN gateways alone, and is advised against
// beside ExpressRoute.

// It is for the whole virtual network. The traffic selectors of the tunnel must be any to any. To
// undo it: Remove-AzVirtualNetworkGatewayDefaultSite, in PowerShell.

// Bicep gives a default site to a gateway (properties.gatewayDefaultSite) only together with
// everything else that the gateway is. For one that is there, Azure's command line does:
//   az network vnet-gateway update --resource-group rg-network --name vgw-hub --gateway-default-site edge-10.51.255.254
