# Routes of one's own, past forced tunneling: exported by quadzero.
#Requires -Modules Az.Resources, Az.Network
$ErrorActionPreference = 'Stop'
$group = 'rg-network'
$location = (Get-AzResourceGroup -Name $group).Location

# Each route wins over the default route that the edge announces, in the subnets that use the table,
# and stays while no BGP session does. What leaves by it needs a public address in Azure: activation
# (KMS, TCP port 1688) answers no other. Routes learned from the gateway stay on in these subnets:
# the rest of what the edge announces comes by them.

# quadzero is made anew: should a route table of that name exist, its routes would be gone. For one
# that exists, export with --existing.

$table = New-AzRouteTable -ResourceGroupName $group -Location $location -Name 'quadzero'
Add-AzRouteConfig -RouteTable $table -Name 'kms-20.118.99.224-32' -AddressPrefix '20.118.99.224/32' -NextHopType 'Internet' | Out-Null
Add-AzRouteConfig -RouteTable $table -Name 'kms-40.83.235.53-32' -AddressPrefix '40.83.235.53/32' -NextHopType 'Internet' | Out-Null
Add-AzRouteConfig -RouteTable $table -Name 'kms-23.102.135.246-32' -AddressPrefix '23.102.135.246/32' -NextHopType 'Internet' | Out-Null
$table = Set-AzRouteTable -RouteTable $table
$vnet = Get-AzVirtualNetwork -ResourceGroupName $group -Name 'hub'
(Get-AzVirtualNetworkSubnetConfig -VirtualNetwork $vnet -Name 'workload').RouteTable = $table
(Get-AzVirtualNetworkSubnetConfig -VirtualNetwork $vnet -Name 'build').RouteTable = $table
Set-AzVirtualNetwork -VirtualNetwork $vnet | Out-Null
