# Azure's end of the edge's BGP sessions: exported by quadzero.
#Requires -Modules Az.Resources, Az.Network
param(
    [Parameter(Mandatory, HelpMessage = 'the pre-shared key of the IPsec tunnels')] [securestring] $SharedKey,
    [Parameter(Mandatory, HelpMessage = 'the TCP MD5 key of the BGP sessions')] [securestring] $Md5Key
)
$ErrorActionPreference = 'Stop'
$group = '-(Größe)_1.b-'
$location = (Get-AzResourceGroup -Name $group).Location
$plainSharedKey = [System.Net.NetworkCredential]::new('', $SharedKey).Password
$plainMd5Key = [System.Net.NetworkCredential]::new('', $Md5Key).Password

# The VPN gateway is there: a route-based one, of any SKU but Basic. On the edge's host 10.1.0.30/32
# must be routed into the tunnels, whose traffic selectors are any to any.

$gateway = Get-AzVirtualNetworkGateway -ResourceGroupName $group -Name 'vgw_'
Set-AzVirtualNetworkGateway -VirtualNetworkGateway $gateway -Asn 65515 | Out-Null
$site = New-AzLocalNetworkGateway -ResourceGroupName $group -Location $location -Name 'edge-10.51.255.254' -GatewayIpAddress '203.0.113.9' -Asn 65010 -BgpPeeringAddress '10.51.255.254'
New-AzVirtualNetworkGatewayConnection -ResourceGroupName $group -Location $location -Name 'edge-10.51.255.254' -VirtualNetworkGateway1 $gateway -LocalNetworkGateway2 $site -ConnectionType IPsec -SharedKey $plainSharedKey -EnableBgp $true | Out-Null

# The circuit is there, and its provider has provisioned it. In each /30 the first address is the
# edge's, the second Microsoft's. "--primary=`id`" is the primary link, as it stands first in the
# file.

$circuit = Get-AzExpressRouteCircuit -ResourceGroupName $group -Name 'er.home'
Add-AzExpressRouteCircuitPeeringConfig -ExpressRouteCircuit $circuit -Name AzurePrivatePeering -PeeringType AzurePrivatePeering -PeerASN 65010 -PrimaryPeerAddressPrefix '192.168.100.128/30' -SecondaryPeerAddressPrefix '192.168.100.132/30' -VlanId 4094 -SharedKey $plainMd5Key | Out-Null
Set-AzExpressRouteCircuit -ExpressRouteCircuit $circuit | Out-Null

# The Route Server is there. It peers from both of its instances, which must be told the same; and
# the edge's own subnet needs a route of its own, 0.0.0.0/0 to the Internet, or it would send what
# it forwards to itself.

Add-AzRouteServerPeer -ResourceGroupName $group -RouteServerName 'rs' -PeerName 'edge-10.1.2.4' -PeerIp '10.1.2.4' -PeerAsn 65010 | Out-Null

# NOT EXPORTED: neighbor "hub \"'\n| Out-Null" is a hub of Virtual WAN. Its VPN site and connection
# are made with az network vpn-site and az network vpn-gateway connection (an extension of Azure's
# command line), or in the portal.

# NOT EXPORTED: neighbors that are no gateways of Azure, 1 of them.
