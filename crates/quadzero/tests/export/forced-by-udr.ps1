# Forced tunneling by routes of one's own: exported by quadzero.
#Requires -Modules Az.Resources, Az.Network
$ErrorActionPreference = 'Stop'
$group = 'rg-network'
$location = (Get-AzResourceGroup -Name $group).Location

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

$table = New-AzRouteTable -ResourceGroupName $group -Location $location -Name 'quadzero'
Add-AzRouteConfig -RouteTable $table -Name 'default' -AddressPrefix '0.0.0.0/0' -NextHopType 'VirtualNetworkGateway' | Out-Null
$table = Set-AzRouteTable -RouteTable $table
$vnet = Get-AzVirtualNetwork -ResourceGroupName $group -Name 'hub'
(Get-AzVirtualNetworkSubnetConfig -VirtualNetwork $vnet -Name 'workload').RouteTable = $table
Set-AzVirtualNetwork -VirtualNetwork $vnet | Out-Null
