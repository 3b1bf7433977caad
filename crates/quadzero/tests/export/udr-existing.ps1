# Routes of one's own, past forced tunneling: exported by quadzero.
#Requires -Modules Az.Resources, Az.Network
$ErrorActionPreference = 'Stop'
$group = 'rg-network'
$location = 'westeurope'

# Each route wins over the default route that the edge announces, in the subnets that use the table,
# and stays while no BGP session does. What leaves by it needs a public address in Azure: activation
# (KMS, TCP port 1688) answers no other. Routes learned from the gateway stay on in these subnets:
# the rest of what the edge announces comes by them.

$table = Get-AzRouteTable -ResourceGroupName $group -Name 'rt-workload'
Add-AzRouteConfig -RouteTable $table -Name 'kms-20.118.99.224-32' -AddressPrefix '20.118.99.224/32' -NextHopType 'Internet' | Out-Null
Add-AzRouteConfig -RouteTable $table -Name 'kms-40.83.235.53-32' -AddressPrefix '40.83.235.53/32' -NextHopType 'Internet' | Out-Null
Add-AzRouteConfig -RouteTable $table -Name 'kms-23.102.135.246-32' -AddressPrefix '23.102.135.246/32' -NextHopType 'Internet' | Out-Null
$table = Set-AzRouteTable -RouteTable $table
