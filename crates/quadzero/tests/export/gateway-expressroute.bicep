// Azure's end of the edge's BGP sessions: exported by quadzero.
//   az deployment group create --resource-group rg-network --template-file FILE.bicep

// The circuit is there, and its provider has provisioned it. In each /30 the first address is the
// edge's, the second Microsoft's. "primary" is the primary link, as it stands first in the file.

resource circuit 'Microsoft.Network/expressRouteCircuits@2024-05-01' existing = {
  name: 'er-home'
}

resource privatePeering 'Microsoft.Network/expressRouteCircuits/peerings@2024-05-01' = {
  parent: circuit
  name: 'AzurePrivatePeering'
  properties: {
    peeringType: 'AzurePrivatePeering'
    peerASN: 65010
    primaryPeerAddressPrefix: '192.168.100.128/30'
    secondaryPeerAddressPrefix: '192.168.100.132/30'
    vlanId: 100
  }
}
