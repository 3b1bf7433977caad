// Azure's end of the edge's BGP sessions: exported by quadzero.
//   az deployment group create --resource-group rg-network --template-file FILE.bicep

param location string = resourceGroup().location

@description('the pre-shared key of the IPsec tunnels')
@secure()
param sharedKey string

// The VPN gateway is there: a route-based one, of any SKU but Basic. On the edge's host
// 10.1.0.30/32 must be routed into the tunnels, whose traffic selectors are any to any.

// Bicep gives an AS to a gateway (properties.bgpSettings.asn) only together with everything else
// that the gateway is. It has to be 65515; for a gateway that is there, Azure's command line does:
//   az network vnet-gateway update --resource-group rg-network --name vgw-hub --asn 65515

resource gateway 'Microsoft.Network/virtualNetworkGateways@2024-05-01' existing = {
  name: 'vgw-hub'
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
