// Azure's end of the edge's BGP sessions: exported by quadzero.
//   az deployment group create --resource-group='-(Größe)_1.b-' --template-file FILE.bicep

param location string = resourceGroup().location

@description('the pre-shared key of the IPsec tunnels')
@secure()
param sharedKey string

@description('the TCP MD5 key of the BGP sessions')
@secure()
param md5Key string

// The VPN gateway is there: a route-based one, of any SKU but Basic. On the edge's host
// 10.1.0.30/32 must be routed into the tunnels, whose traffic selectors are any to any.

// Bicep gives an AS to a gateway (properties.bgpSettings.asn) only together with everything else
// that the gateway is. It has to be 65515; for a gateway that is there, Azure's command line does:
//   az network vnet-gateway update --resource-group='-(Größe)_1.b-' --name vgw_ --asn 65515

resource gateway 'Microsoft.Network/virtualNetworkGateways@2024-05-01' existing = {
  name: 'vgw_'
}

resource site1 'Microsoft.Network/localNetworkGateways@2024-05-01' = {
  name: 'edge-10.51.255.254'
  location: location
  properties: {
    gatewayIpAddress: '203.0.113.9'
    bgpSettings: {
      asn: 65010
      bgpPeeringAddress: '10.51.255.254'
    }
  }
}

resource connection1 'Microsoft.Network/connections@2024-05-01' = {
  name: 'edge-10.51.255.254'
  location: location
  properties: {
    connectionType: 'IPsec'
    virtualNetworkGateway1: {
      id: gateway.id
      properties: {}
    }
    localNetworkGateway2: {
      id: site1.id
      properties: {}
    }
    enableBgp: true
    sharedKey: sharedKey
  }
}

// The circuit is there, and its provider has provisioned it. In each /30 the first address is the
// edge's, the second Microsoft's. "--primary=`id`" is the primary link, as it stands first in the
// file.

resource circuit 'Microsoft.Network/expressRouteCircuits@2024-05-01' existing = {
  name: 'er.home'
}

resource privatePeering 'Microsoft.Network/expressRouteCircuits/peerings@2024-05-01' = {
  parent: circuit
  name: 'AzurePrivatePeering'
  properties: {
    peeringType: 'AzurePrivatePeering'
    peerASN: 65010
    primaryPeerAddressPrefix: '192.168.100.128/30'
    secondaryPeerAddressPrefix: '192.168.100.132/30'
    vlanId: 4094
    sharedKey: md5Key
  }
}

// The Route Server is there. It peers from both of its instances, which must be told the same; and
// the edge's own subnet needs a route of its own, 0.0.0.0/0 to the Internet, or it would send what
// it forwards to itself.

resource routeServer 'Microsoft.Network/virtualHubs@2024-05-01' existing = {
  name: 'rs'
}

resource peer1 'Microsoft.Network/virtualHubs/bgpConnections@2024-05-01' = {
  parent: routeServer
  name: 'edge-10.1.2.4'
  properties: {
    peerAsn: 65010
    peerIp: '10.1.2.4'
  }
}

// NOT EXPORTED: neighbor "hub \"'\n| Out-Null" is a hub of Virtual WAN. Its VPN site and connection
// are made with az network vpn-site and az network vpn-gateway connection (an extension of Azure's
// command line), or in the portal.

// NOT EXPORTED: neighbors that are no gateways of Azure, 1 of them.
