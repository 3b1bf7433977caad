#!/bin/sh
# Azure's end of the edge's BGP sessions: exported by quadzero.
set -eu
: "${SHARED_KEY:?the pre-shared key of the IPsec tunnels, in the environment}"
: "${MD5_KEY:?the TCP MD5 key of the BGP sessions, in the environment}"

# The VPN gateway is there: a route-based one, of any SKU but Basic. On the edge's host 10.1.0.30/32
# must be routed into the tunnels, whose traffic selectors are any to any.

az network vnet-gateway update --resource-group='-(Größe)_1.b-' --name vgw_ --asn 65515
az network local-gateway create --resource-group='-(Größe)_1.b-' --name edge-10.51.255.254 --gateway-ip-address 203.0.113.9 --asn 65010 --bgp-peering-address 10.51.255.254
az network vpn-connection create --resource-group='-(Größe)_1.b-' --name edge-10.51.255.254 --vnet-gateway1 vgw_ --local-gateway2 edge-10.51.255.254 --shared-key="$SHARED_KEY" --enable-bgp

# The circuit is there, and its provider has provisioned it. In each /30 the first address is the
# edge's, the second Microsoft's. "--primary=`id`" is the primary link, as it stands first in the
# file.

az network express-route peering create --resource-group='-(Größe)_1.b-' --circuit-name er.home --peering-type AzurePrivatePeering --peer-asn 65010 --primary-peer-subnet 192.168.100.128/30 --secondary-peer-subnet 192.168.100.132/30 --vlan-id 4094 --shared-key="$MD5_KEY"

# The Route Server is there. It peers from both of its instances, which must be told the same; and
# the edge's own subnet needs a route of its own, 0.0.0.0/0 to the Internet, or it would send what
# it forwards to itself.

az network routeserver peering create --resource-group='-(Größe)_1.b-' --routeserver rs --name edge-10.1.2.4 --peer-ip 10.1.2.4 --peer-asn 65010

# NOT EXPORTED: neighbor "hub \"'\n| Out-Null" is a hub of Virtual WAN. Its VPN site and connection
# are made with az network vpn-site and az network vpn-gateway connection (an extension of Azure's
# command line), or in the portal.

# NOT EXPORTED: neighbors that are no gateways of Azure, 1 of them.
