// Routes of one's own, past forced tunneling: exported by quadzero.
//   az deployment group create --resource-group rg-network --template-file FILE.bicep

param location string = resourceGroup().location

// Each route wins over the default route that the edge announces, in the subnets that use the
// table, and stays while no BGP session does. What leaves by it needs a public address in Azure:
// activation (KMS, TCP port 1688) answers no other. Routes learned from the gateway stay on in
// these subnets: the rest of what the edge announces comes by them.

// 1 of the 2 are not needed as the edge's file stands: it makes these exceptions by BGP. They are
// what could be done instead.

// The subnets keep Azure's own way to the Internet: 0.0.0.0/0 of the table wins over that of the
// edge. But the edge announces longer prefixes of the Internet as well (3 of them), which would win
// over it; so each of them is in the table. When the edge's exceptions change, export anew.

// quadzero is made anew: should a route table of that name exist, its routes would be gone. For one
// that exists, export with --existing.

resource table 'Microsoft.Network/routeTables@2024-05-01' = {
  name: 'quadzero'
  location: location
  properties: {
    routes: [
      {
        name: 'carved-192.0.0.0-3'
        properties: {
          addressPrefix: '192.0.0.0/3'
          nextHopType: 'Internet'
        }
      }
      {
        name: 'routed-203.0.113.7-32'
        properties: {
          addressPrefix: '203.0.113.7/32'
          nextHopType: 'Internet'
        }
      }
      {
        name: 'opt-out-0.0.0.0-0'
        properties: {
          addressPrefix: '0.0.0.0/0'
          nextHopType: 'Internet'
        }
      }
      {
        name: 'opt-out-0.0.0.0-1'
        properties: {
          addressPrefix: '0.0.0.0/1'
          nextHopType: 'Internet'
        }
      }
      {
        name: 'opt-out-128.0.0.0-2'
        properties: {
          addressPrefix: '128.0.0.0/2'
          nextHopType: 'Internet'
        }
      }
      {
        name: 'opt-out-224.0.0.0-3'
        properties: {
          addressPrefix: '224.0.0.0/3'
          nextHopType: 'Internet'
        }
      }
    ]
  }
}

// Bicep gives a route table to a subnet (properties.routeTable) only together with everything else
// that the subnet is. For one that is there, Azure's command line does:
//   az network vnet subnet update --resource-group rg-network --vnet-name hub --name build --route-table quadzero
