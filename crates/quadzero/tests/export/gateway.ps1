# Azure's end of the edge's BGP sessions: exported by quadzero.
#Requires -Modules Az.Resources, Az.Network
param(
    [Parameter(Mandatory, HelpMessage = 'the pre-shared key of the IPsec tunnels')] [securestring] $SharedKey
)
$ErrorActionPreference = 'Stop'
$group = 'rg-network'
$location = (Get-AzResourceGroup -Name $group).Location
$plainSharedKey = [System.Net.NetworkCredential]::new('', $SharedKey).Password

# The VPN gateway is there: a route-based one, of any SKU but Basic. On the edge's host 10.1.0.30/32
# must be routed into the tunnels, whose traffic selectors are any to any.

$gateway = Get-AzVirtualNetworkGateway -ResourceGroupName $group -Name 'vgw-hub'
Set-AzVirtualNetworkGateway -VirtualNetworkGateway $gateway -Asn 65515 | Out-Null
$site = New-AzLocalNetworkGateway -ResourceGroupName $group -Location $location -Name 'edge-10.51.255.254' -GatewayIpAddress '203.0.113.9' -Asn 65010 -BgpPeeringAddress '10.51.255.254'
New-AzVirtualNetworkGatewayConnection -ResourceGroupName $group -Location $location -Name 'edge-10.51.255.254' -VirtualNetworkGateway1 $gateway -LocalNetworkGateway2 $site -ConnectionType IPsec -SharedKey $plainSharedKey -EnableBgp $true | Out-Null
