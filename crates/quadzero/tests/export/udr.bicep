// Routes of one's own, past forced tunneling: exported by quadzero.
//   az deployment group create --resource-group rg-network --template-file FILE.bicep

param location string = resourceGroup().location

// Each route wins over the default route that the edge announces, in the subnets that use the
// table, and stays while no BGP session does. What leaves by it needs a public address in Azure:
// activation (KMS, TCP port 1688) answers no other. Routes learned from the gateway stay on in
// these subnets: the rest of what the edge announces comes by them.

// quadzero is made anew: should a route table of that name exist, its routes would be gone. For one
// that exists, export with --existing.

resource table 'Microsoft.Network/routeTables@2024-05-01' = {
  name: 'quadzero'
  location: location
  properties: {
    routes: [
      {
        name: 'kms-20.118.99.224-32'
        properties: {
          addressPrefix: '20.118.99.224/32'
          nextHopType: 'Internet'
        }
      }
      {
        name: 'kms-40.83.235.53-32'
        properties: {
          addressPrefix: '40.83.235.53/32'
          nextHopType: 'Internet'
        }
      }
      {
        name: 'kms-23.102.135.246-32'
        properties: {
          addressPrefix: '23.102.135.246/32'
          nextHopType: 'Internet'
        }
      }
    ]
  }
}

// Bicep gives a route table to a subnet (properties.routeTable) only together with everything else
// that the subnet is. For one that is there, Azure's command line does:
//   az network vnet subnet update --resource-group rg-network --vnet-name hub --name workload --route-table quadzero
//   az network vnet subnet update --resource-group rg-network --vnet-name hub --name build --route-table quadzero
