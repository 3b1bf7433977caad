# Routes of one's own, past forced tunneling: exported by quadzero.
#Requires -Modules Az.Resources, Az.Network
$ErrorActionPreference = 'Stop'
$group = 'rg-network'
$location = (Get-AzResourceGroup -Name $group).Location

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

$table = New-AzRouteTable -ResourceGroupName $group -Location $location -Name 'quadzero'
Add-AzRouteConfig -RouteTable $table -Name 'carved-192.0.0.0-3' -AddressPrefix '192.0.0.0/3' -NextHopType 'Internet' | Out-Null
Add-AzRouteConfig -RouteTable $table -Name 'routed-203.0.113.7-32' -AddressPrefix '203.0.113.7/32' -NextHopType 'Internet' | Out-Null
Add-AzRouteConfig -RouteTable $table -Name 'opt-out-0.0.0.0-0' -AddressPrefix '0.0.0.0/0' -NextHopType 'Internet' | Out-Null
Add-AzRouteConfig -RouteTable $table -Name 'opt-out-0.0.0.0-1' -AddressPrefix '0.0.0.0/1' -NextHopType 'Internet' | Out-Null
Add-AzRouteConfig -RouteTable $table -Name 'opt-out-128.0.0.0-2' -AddressPrefix '128.0.0.0/2' -NextHopType 'Internet' | Out-Null
Add-AzRouteConfig -RouteTable $table -Name 'opt-out-224.0.0.0-3' -AddressPrefix '224.0.0.0/3' -NextHopType 'Internet' | Out-Null
$table = Set-AzRouteTable -RouteTable $table
$vnet = Get-AzVirtualNetwork -ResourceGroupName $group -Name 'hub'
(Get-AzVirtualNetworkSubnetConfig -VirtualNetwork $vnet -Name 'build').RouteTable = $table
Set-AzVirtualNetwork -VirtualNetwork $vnet | Out-Null
