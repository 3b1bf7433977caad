# Azure's end of the edge's BGP sessions: exported by quadzero.
#Requires -Modules Az.Resources, Az.Network
param(
    [Parameter(Mandatory, HelpMessage = 'the pre-shared key of the IPsec tunnels')] [securestring] $SharedKey
)
$ErrorActionPreference = 'Stop'
$group = 'rg-network'
$location = 'westeurope'
$plainSharedKey = [System.Net.NetworkCredential]::new('', $SharedKey).Password

# The VPN gateway is there: a route-based one, of any SKU but Basic. On the edge's host
# 169.254.21.2/32 and 169.254.22.2/32 must be routed into the tunnels, whose traffic selectors are
# any to any.

# The gateway speaks BGP from 169.254.21.2 and 169.254.22.2: before the connection is made, these
# have to be its custom APIPA addresses, one of them for each instance (portal: the gateway's
# configuration). This export does not set them, since it does not know the gateway's IP
# configurations. With such addresses the gateway only listens, so the edge has to dial.

# All local network gateways have the same public address. Azure is not documented to take several
# connections to one; with a public address for each, give --edge-public-ip once for each.

$gateway = Get-AzVirtualNetworkGateway -ResourceGroupName $group -Name 'vgw-hub'
Set-AzVirtualNetworkGateway -VirtualNetworkGateway $gateway -Asn 65515 | Out-Null
$site = New-AzLocalNetworkGateway -ResourceGroupName $group -Location $location -Name 'edge-169.254.21.1' -GatewayIpAddress '203.0.113.9' -Asn 65010 -BgpPeeringAddress '169.254.21.1' -AddressPrefix '10.50.0.0/15', '10.52.0.0/16'
New-AzVirtualNetworkGatewayConnection -ResourceGroupName $group -Location $location -Name 'edge-169.254.21.1' -VirtualNetworkGateway1 $gateway -LocalNetworkGateway2 $site -ConnectionType IPsec -SharedKey $plainSharedKey -EnableBgp $true | Out-Null
$site = New-AzLocalNetworkGateway -ResourceGroupName $group -Location $location -Name 'edge-169.254.22.1' -GatewayIpAddress '203.0.113.9' -Asn 65010 -BgpPeeringAddress '169.254.22.1' -AddressPrefix '10.50.0.0/15', '10.52.0.0/16'
New-AzVirtualNetworkGatewayConnection -ResourceGroupName $group -Location $location -Name 'edge-169.254.22.1' -VirtualNetworkGateway1 $gateway -LocalNetworkGateway2 $site -ConnectionType IPsec -SharedKey $plainSharedKey -EnableBgp $true | Out-Null
