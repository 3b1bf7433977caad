// Azure's end of the edge's BGP sessions: exported by quadzero.
//   az deployment group create --resource-group rg-network --template-file FILE.bicep

param location string = 'westeurope'

@description('the pre-shared key of the IPsec tunnels')
@secure()
param sharedKey string

// The VPN gateway is there: a route-based one, of any SKU but Basic. On the edge's host
// 169.254.21.2/32 and 169.254.22.2/32 must be routed into the tunnels, whose traffic selectors are
// any to any.

// The gateway speaks BGP from 169.254.21.2 and 169.254.22.2: before the connection is made, these
// have to be its custom APIPA addresses, one of them for each instance (portal: the gateway's
// configuration). This export does not set them, since it does not know the gateway's IP
// configurations. With such addresses the gateway only listens, so the edge has to dial.

// All local network gateways have the same public address. Azure is not documented to take several
// connections to one; with a public address for each, give --edge-public-ip once for each.

// Bicep gives an AS to a gateway (properties.bgpSettings.asn) only together with everything else
// that the gateway is. It has to be 65515; for a gateway that is there, Azure's command line does:
//   az network vnet-gateway update --resource-group rg-network --name vgw-hub --asn 65515

resource gateway 'Microsoft.Network/virtualNetworkGateways@2024-05-01' existing = {
  name: 'vgw-hub'
}

resource site1 'Microsoft.Network/localNetworkGateways@2024-05-01' = {
  name: 'edge-169.254.21.1'
  location: location
  properties: {
    gatewayIpAddress: '203.0.113.9'
    bgpSettings: {
      asn: 65010
      bgpPeeringAddress: '169.254.21.1'
    }
    localNetworkAddressSpace: {
      addressPrefixes: [
        '10.50.0.0/15'
        '10.52.0.0/16'
      ]
    }
  }
}

resource connection1 'Microsoft.Network/connections@2024-05-01' = {
  name: 'edge-169.254.21.1'
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

resource site2 'Microsoft.Network/localNetworkGateways@2024-05-01' = {
  name: 'edge-169.254.22.1'
  location: location
  properties: {
    gatewayIpAddress: '203.0.113.9'
    bgpSettings: {
      asn: 65010
      bgpPeeringAddress: '169.254.22.1'
    }
    localNetworkAddressSpace: {
      addressPrefixes: [
        '10.50.0.0/15'
        '10.52.0.0/16'
      ]
    }
  }
}

resource connection2 'Microsoft.Network/connections@2024-05-01' = {
  name: 'edge-169.254.22.1'
  location: location
  properties: {
    connectionType: 'IPsec'
    virtualNetworkGateway1: {
      id: gateway.id
      properties: {}
    }
    localNetworkGateway2: {
      id: site2.id
      properties: {}
    }
    enableBgp: true
    sharedKey: sharedKey
  }
}
