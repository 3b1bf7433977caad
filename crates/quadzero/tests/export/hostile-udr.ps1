# Routes of one's own, past forced tunneling: exported by quadzero.
#Requires -Modules Az.Resources, Az.Network
$ErrorActionPreference = 'Stop'
$group = '-(Größe)_1.b-'
$location = (Get-AzResourceGroup -Name $group).Location

# Each route wins over the default route that the edge announces, in the subnets that use the table,
# and stays while no BGP session does. What leaves by it needs a public address in Azure: activation
# (KMS, TCP port 1688) answers no other. Routes learned from the gateway stay on in these subnets:
# the rest of what the edge announces comes by them.

# 1 of the 3 are not needed as the edge's file stands: it makes these exceptions by BGP. They are
# what could be done instead.

# The subnets keep Azure's own way to the Internet: 0.0.0.0/0 of the table wins over that of the
# edge. But the edge announces longer prefixes of the Internet as well (1 of them), which would win
# over it; so each of them is in the table. When the edge's exceptions change, export anew.

$table = Get-AzRouteTable -ResourceGroupName $group -Name '0_'
Add-AzRouteConfig -RouteTable $table -Name 'ch-pwned----file---etc-passwd-----resourceGroup--.id-------------198.51.100.0-24' -AddressPrefix '198.51.100.0/24' -NextHopType 'Internet' | Out-Null
Add-AzRouteConfig -RouteTable $table -Name 'ch-pwned----file---etc-passwd-----resourceGroup--.id-------------2001-db8-1---48' -AddressPrefix '2001:db8:1::/48' -NextHopType 'Internet' | Out-Null
Add-AzRouteConfig -RouteTable $table -Name 'rf-203.0.113.0-24' -AddressPrefix '203.0.113.0/24' -NextHopType 'Internet' | Out-Null
Add-AzRouteConfig -RouteTable $table -Name 'opt-out-0.0.0.0-0' -AddressPrefix '0.0.0.0/0' -NextHopType 'Internet' | Out-Null
$table = Set-AzRouteTable -RouteTable $table
$vnet = Get-AzVirtualNetwork -ResourceGroupName $group -Name 'hub'
(Get-AzVirtualNetworkSubnetConfig -VirtualNetwork $vnet -Name 'a_').RouteTable = $table
(Get-AzVirtualNetworkSubnetConfig -VirtualNetwork $vnet -Name 'b').RouteTable = $table
Set-AzVirtualNetwork -VirtualNetwork $vnet | Out-Null
