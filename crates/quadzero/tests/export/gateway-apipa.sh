#!/bin/sh
# Azure's end of the edge's BGP sessions: exported by quadzero.
set -eu
: "${SHARED_KEY:?the pre-shared key of the IPsec tunnels, in the environment}"

# The VPN gateway is there: a route-based one, of any SKU but Basic. On the edge's host
# 169.254.21.2/32 and 169.254.22.2/32 must be routed into the tunnels, whose traffic selectors are
# any to any.

# The gateway speaks BGP from 169.254.21.2 and 169.254.22.2: before the connection is made, these
# have to be its custom APIPA addresses, one of them for each instance (portal: the gateway's
# configuration). This export does not set them, since it does not know the gateway's IP
# configurations. With such addresses the gateway only listens, so the edge has to dial.

# All local network gateways have the same public address. Azure is not documented to take several
# connections to one; with a public address for each, give --edge-public-ip once for each.

az network vnet-gateway update --resource-group rg-network --name vgw-hub --asn 65515
az network local-gateway create --resource-group rg-network --name edge-169.254.21.1 --location westeurope --gateway-ip-address 203.0.113.9 --asn 65010 --bgp-peering-address 169.254.21.1 --local-address-prefixes 10.50.0.0/15 10.52.0.0/16
az network vpn-connection create --resource-group rg-network --name edge-169.254.21.1 --location westeurope --vnet-gateway1 vgw-hub --local-gateway2 edge-169.254.21.1 --shared-key="$SHARED_KEY" --enable-bgp
az network local-gateway create --resource-group rg-network --name edge-169.254.22.1 --location westeurope --gateway-ip-address 203.0.113.9 --asn 65010 --bgp-peering-address 169.254.22.1 --local-address-prefixes 10.50.0.0/15 10.52.0.0/16
az network vpn-connection create --resource-group rg-network --name edge-169.254.22.1 --location westeurope --vnet-gateway1 vgw-hub --local-gateway2 edge-169.254.22.1 --shared-key="$SHARED_KEY" --enable-bgp
