// Routes of one's own, past forced tunneling: exported by quadzero.
//   az deployment group create --resource-group rg-network --template-file FILE.bicep

// Each route wins over the default route that the edge announces, in the subnets that use the
// table, and stays while no BGP session does. What leaves by it needs a public address in Azure:
// activation (KMS, TCP port 1688) answers no other. Routes learned from the gateway stay on in
// these subnets: the rest of what the edge announces comes by them.

resource table 'Microsoft.Network/routeTables@2024-05-01' existing = {
  name: 'rt-workload'
}

resource route1 'Microsoft.Network/routeTables/routes@2024-05-01' = {
  parent: table
  name: 'kms-20.118.99.224-32'
  properties: {
    addressPrefix: '20.118.99.224/32'
    nextHopType: 'Internet'
  }
}

resource route2 'Microsoft.Network/routeTables/routes@2024-05-01' = {
  parent: table
  name: 'kms-40.83.235.53-32'
  properties: {
    addressPrefix: '40.83.235.53/32'
    nextHopType: 'Internet'
  }
}

resource route3 'Microsoft.Network/routeTables/routes@2024-05-01' = {
  parent: table
  name: 'kms-23.102.135.246-32'
  properties: {
    addressPrefix: '23.102.135.246/32'
    nextHopType: 'Internet'
  }
}
