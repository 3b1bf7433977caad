# Azure's end of the edge's BGP sessions: exported by quadzero.
#Requires -Modules Az.Resources, Az.Network
$ErrorActionPreference = 'Stop'
$group = 'rg-network'
$location = (Get-AzResourceGroup -Name $group).Location

# The circuit is there, and its provider has provisioned it. In each /30 the first address is the
# edge's, the second Microsoft's. "primary" is the primary link, as it stands first in the file.

$circuit = Get-AzExpressRouteCircuit -ResourceGroupName $group -Name 'er-home'
Add-AzExpressRouteCircuitPeeringConfig -ExpressRouteCircuit $circuit -Name AzurePrivatePeering -PeeringType AzurePrivatePeering -PeerASN 65010 -PrimaryPeerAddressPrefix '192.168.100.128/30' -SecondaryPeerAddressPrefix '192.168.100.132/30' -VlanId 100 | Out-Null
Set-AzExpressRouteCircuit -ExpressRouteCircuit $circuit | Out-Null
