// Forced tunneling by routes of one's own: exported by quadzero.
//   az deployment group create --resource-group rg-network --template-file FILE.bicep

param location string = resourceGroup().location

// "azure" is told the default route in 3 prefixes.

// Without a route Azure is open: when the edge is gone, so is its default route, and a subnet has
// Azure's own way to the Internet again. Two edges, or a network security group that denies
// outbound traffic to the Internet, keep it shut. Forced tunneling also cuts what comes from the
// Internet to public addresses of virtual machines.

// The route wins over what the gateway learns, in the subnets that use the table and nowhere else.
// The gateway must know where to send the traffic all the same: by a default route of BGP, or a
// default site.

// Not for ExpressRoute, nor for a VPN gateway beside an ExpressRoute gateway, and never on
// GatewaySubnet. Routes to 10.0.0.0/8, 192.168.0.0/16 and 100.64.0.0/10 that drop what nobody
// announces are gone in these subnets: such traffic goes to the gateway, too.

// The edge leaves exceptions out of its default route, and this route takes them all the same: to
// the gateway, which has no route for them. Put them into the table too: quadzero export udr --all
// --existing.

resource table 'Microsoft.Network/routeTables@2024-05-01' = {
  name: 'quadzero'
  location: location
  properties: {
    routes: [
      {
        name: 'default'
        properties: {
          addressPrefix: '0.0.0.0/0'
          nextHopType: 'VirtualNetworkGateway'
        }
      }
    ]
  }
}

// Bicep gives a route table to a subnet (properties.routeTable) only together with everything else
// that the subnet is. For one that is there, Azure's command line does:
//   az network vnet subnet update --resource-group rg-network --vnet-name hub --name workload --route-table quadzero
